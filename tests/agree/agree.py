#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agree - clamscan and the engine, file by file, on files made from the signatures of a set.

    agree.py --scan-file PROGRAM [--table differences.tsv] [--verdicts DIR] [--clean DIR...] [--clean-max N] SIGNATURES...

For each line of the .ndb and .ldb files SIGNATURES a file is made that satisfies it, in a carrier of its type. Both
scanners judge every file with that database alone: both have to find something, and what the engine names has to be
among what clamscan names (with all matches). `--clean` adds files that are nobody's specimen, and there, too, both must
say the same. What differs has to be explained in the table: database TAB signature TAB reason.
`--verdicts` keeps clamscan's verdicts, which take it minutes, for the next run over the same database.
Exit codes: 0 agreed, 1 not, 77 skipped because clamscan or the signatures are missing. Standard library only.
"""

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import signature
from hexsig import Unsupported

SKIPPED = 77
UNOFFICIAL = '.UNOFFICIAL'
LIMITS = ['--max-filesize=400M', '--max-scansize=400M', '--max-scantime=0', '--bytecode=no', '--scan-archive=no']


def specimens(path, folder):
    """Writes one file a signature; ({file: signature's name}, {reason: count})."""
    kind = path.rsplit('.', 1)[1]
    made = {}
    left = collections.Counter()
    with open(path, encoding='latin-1') as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip('\r\n')
            if not line or line.startswith('#'):
                continue
            try:
                name, data = signature.specimen(kind, line)
            except Unsupported as error:
                left[str(error)] += 1
                continue
            file = os.path.join(folder, '%06d' % number)
            with open(file, 'wb') as out:
                out.write(data)
            made[file] = name
    return made, left


def clean_files(folders, limit):
    """Regular files below the folders, evenly chosen, of up to 4 MB."""
    found = []
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                if os.path.isfile(path) and not os.path.islink(path) and 0 < os.path.getsize(path) < 4 << 20:
                    found.append(path)
    found.sort()
    step = max(1, len(found) // limit) if limit else 1
    return found[::step][:limit]


def ask_clamscan(database, paths):
    """{path: set of names}"""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as names:
        names.write('\n'.join(paths) + '\n')
        names.flush()
        done = subprocess.run(['clamscan', '--database=' + database, '--no-summary', '--infected', '--allmatch', '--stdout',
                               *LIMITS, '--file-list=' + names.name],
                              capture_output=True, text=True, errors='replace', check=False)
    if done.returncode not in (0, 1):
        sys.exit('clamscan failed: ' + done.stdout[-500:] + done.stderr[-500:])
    verdicts = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        path, _, verdict = line.rpartition(': ')
        if verdict.endswith(' FOUND'):
            verdicts[path].add(verdict[:-len(' FOUND')].removesuffix(UNOFFICIAL))
    return dict(verdicts)


def ask_engine(program, database, paths):
    """{path: name}"""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath(database), os.path.join(folder, os.path.basename(database)))
        done = subprocess.run([program, folder, '-'], input='\n'.join(paths) + '\n', capture_output=True, text=True,
                              errors='replace', check=False)
    rows = [line.rsplit('\t', 1) for line in done.stdout.splitlines()]
    if len(rows) != len(paths):
        for line in done.stderr.splitlines()[-20:]:
            print('  ' + line)
        print('  scan_file told %d of %d files' % (len(rows), len(paths)))
    return {path: name for path, name in rows}


def kept_verdicts(folder, database, paths):
    """What an earlier run noted for the same database and files, or clamscan's answer."""
    note = os.path.join(folder, os.path.basename(database) + '.json') if folder else None
    key = [os.path.getsize(database), len(paths), sum(os.path.getsize(path) for path in paths)]
    bases = [os.path.basename(path) if path.startswith(tempfile.gettempdir()) else path for path in paths]
    if note and os.path.exists(note):
        with open(note, encoding='utf-8') as text:
            kept = json.load(text)
        if kept['key'] == key:
            return {path: set(kept['names'].get(base, ())) for path, base in zip(paths, bases)}
    verdicts = ask_clamscan(database, paths)
    if note:
        os.makedirs(folder, exist_ok=True)
        with open(note, 'w', encoding='utf-8') as text:
            json.dump({'key': key, 'names': {base: sorted(verdicts.get(path, ())) for path, base in zip(paths, bases)}}, text)
    return verdicts


def read_table(path):
    table = {}
    if path:
        with open(path, encoding='utf-8') as lines:
            for line in lines:
                if line.strip() and not line.startswith('#'):
                    database, name, reason = line.rstrip('\n').split('\t')
                    table[(database, name)] = reason
    return table


def judge(path, name, theirs, ours):
    """None when the two agree, else what differs. Without a name the file is nobody's specimen."""
    if ours is None:
        return 'the engine decided nothing'
    if not theirs and ours == '-':
        return None
    if theirs and ours == '-':
        return 'only clamscan finds %s' % ', '.join(sorted(theirs))
    if not theirs:
        return 'only the engine finds ' + ours
    if ours not in theirs:
        return 'the engine names %s, clamscan %s' % (ours, ', '.join(sorted(theirs)))
    return None


def compare(options, database, table):
    """Prints what differs; the number of unexplained differences."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        made, left = specimens(database, folder)
        paths = sorted(made) + clean_files(options.clean, options.clean_max)
        theirs = kept_verdicts(options.verdicts, database, paths)
        asked = time.monotonic()
        ours = ask_engine(options.scan_file, database, paths)
        ended = time.monotonic()
    base = os.path.basename(database)
    unexplained = 0
    agreed = collections.Counter()
    for path in paths:
        name = made.get(path)
        differs = judge(path, name, theirs.get(path, set()), ours.get(path))
        if not differs:
            agreed['found' if ours.get(path, '-') != '-' else 'clean'] += 1
            continue
        reason = table.get((base, name or path))
        agreed['explained' if reason else 'unexplained'] += 1
        if not reason:
            unexplained += 1
            if unexplained <= options.show:
                print('  %s: %s: %s' % (base, name or path, differs))
    print('%s: %d specimens, %d other files; both found %d, both clean %d, explained %d, unexplained %d '
          '(clamscan %.1f s, engine %.1f s)'
          % (base, len(made), len(paths) - len(made), agreed['found'], agreed['clean'], agreed['explained'],
             agreed['unexplained'], asked - began, ended - asked))
    for reason, count in left.most_common():
        print('  no specimen: %d x %s' % (count, reason))
    return unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--scan-file', required=True)
    parser.add_argument('--table')
    parser.add_argument('--verdicts')
    parser.add_argument('--clean', action='append', default=[])
    parser.add_argument('--clean-max', type=int, default=2000)
    parser.add_argument('--show', type=int, default=40)
    parser.add_argument('signatures', nargs='+')
    options = parser.parse_args()
    if not shutil.which('clamscan') or not all(os.path.exists(path) for path in options.signatures):
        print('skipped: clamscan or the signatures are not there')
        return SKIPPED
    table = read_table(options.table)
    return 1 if sum(compare(options, path, table) for path in options.signatures) else 0


if __name__ == '__main__':
    sys.exit(main())
