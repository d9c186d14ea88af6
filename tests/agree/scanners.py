# SPDX-License-Identifier: MIT
"""scanners - what clamscan and the engine say about files, with clamscan's verdicts kept between runs.

A verdict is kept by the file's SHA-256 and the database's, so it serves whenever the same bytes are asked about again.
"""

import collections
import hashlib
import os
import subprocess
import sys
import tempfile

UNOFFICIAL = '.UNOFFICIAL'
LIMITS = ['--max-filesize=400M', '--max-scansize=400M', '--max-scantime=0', '--bytecode=no', '--scan-archive=no']


def file_digest(path):
    with open(path, 'rb') as data:
        return hashlib.sha256(data.read()).hexdigest()


def database_digest(path):
    """Of a file, or of all files of a folder."""
    if os.path.isfile(path):
        return file_digest(path)
    whole = hashlib.sha256()
    for name in sorted(os.listdir(path)):
        whole.update(('%s %s\n' % (name, file_digest(os.path.join(path, name)))).encode())
    return whole.hexdigest()


def read_verdicts(lines):
    """{path: set of names} of what clamscan prints."""
    verdicts = collections.defaultdict(set)
    for line in lines:
        path, _, verdict = line.rstrip('\n').rpartition(': ')
        if verdict.endswith(' FOUND'):
            verdicts[path].add(verdict[:-len(' FOUND')].removesuffix(UNOFFICIAL))
    return verdicts


def ask_clamscan(database, paths):
    """{path: set of names}"""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as names:
        names.write('\n'.join(paths) + '\n')
        names.flush()
        done = subprocess.run(['clamscan', '--database=' + database, '--no-summary', '--infected', '--allmatch', '--stdout',
                               *LIMITS, '--file-list=' + names.name],
                              capture_output=True, text=True, errors='replace', check=False)
    # 2 is also what it ends with when one file of many could not be read to its end.
    if done.returncode not in (0, 1, 2) or 'Malformed database' in done.stderr:
        sys.exit('clamscan failed: ' + (done.stdout + done.stderr)[-500:])
    return read_verdicts(done.stdout.splitlines())


class Verdicts:
    """clamscan's verdicts on a database, from the folder where they are kept or from clamscan."""

    def __init__(self, folder, database):
        self.database = database
        self.path = None
        self.kept = {}
        if folder:
            os.makedirs(folder, exist_ok=True)
            self.path = os.path.join(folder, '%s-%s.tsv' % (os.path.basename(database), database_digest(database)[:16]))
            if os.path.exists(self.path):
                with open(self.path, encoding='utf-8') as lines:
                    rows = [line.rstrip('\n').split('\t') for line in lines]
                self.kept = {row[0]: set(row[1:]) for row in rows}

    def add(self, digest, names):
        self.kept[digest] = set(names)

    def save(self):
        if self.path:
            with open(self.path, 'w', encoding='utf-8') as out:
                out.writelines('\t'.join([digest, *sorted(names)]) + '\n' for digest, names in self.kept.items())

    def ask(self, paths):
        """{path: set of names}"""
        digests = {path: file_digest(path) for path in paths}
        unknown = {}
        for path, digest in digests.items():
            if digest not in self.kept:
                unknown.setdefault(digest, path)
        if unknown:
            found = ask_clamscan(self.database, list(unknown.values()))
            for digest, path in unknown.items():
                self.add(digest, found.get(path, ()))
            self.save()
        return {path: self.kept[digest] for path, digest in digests.items()}


def ask_engine(program, database, paths):
    """{path: name}: '-' for a clean file, '?' for one that was not decided."""
    with tempfile.TemporaryDirectory() as folder:
        files = [database] if os.path.isfile(database) else [os.path.join(database, name) for name in os.listdir(database)]
        for file in files:
            os.symlink(os.path.abspath(file), os.path.join(folder, os.path.basename(file)))
        done = subprocess.run([program, folder, '-'], input='\n'.join(paths) + '\n', capture_output=True, text=True,
                              errors='replace', check=False)
    rows = [line.rsplit('\t', 1) for line in done.stdout.splitlines()]
    if len(rows) != len(paths):
        print('\n'.join('  ' + line for line in done.stderr.splitlines()[-20:]))
        print('  scan_file told %d of %d files' % (len(rows), len(paths)))
    return dict(rows)
