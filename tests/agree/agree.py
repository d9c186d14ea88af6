#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agree - clamscan and the engine, file by file, on files made from the signatures of a set.

    agree.py --scan-file PROGRAM [--table differences.tsv] [--verdicts DIR] [--sample N] [--twins N]
             [--clean DIR...] [--clean-max N] [--files DIR] [--own WRITE_EXE] SIGNATURES...

For each line of the .ndb and .ldb files SIGNATURES (every Nth with --sample) a file is made that satisfies it, in a
carrier of its type; --twins makes damaged copies of it, of which many just miss. Both scanners judge every file with
that database alone: both have to find something or nothing, and what the engine names has to be among what clamscan
names (with all matches). --clean adds an even choice of files that are nobody's specimen; there the engine must find
nothing. --files adds all files of a folder. What differs has to be explained in the table: database TAB signature TAB
reason. --own compares the signatures beside this script instead, all together and with files for each of its hashes;
there every specimen must be found.
--verdicts keeps clamscan's verdicts, which take it minutes.
Exit codes: 0 agreed, 1 not, 77 skipped because clamscan or the signatures are missing. Standard library only.
"""

import argparse
import collections
import os
import random
import re
import shutil
import sys
import tempfile
import time

import own
import signature
from hexsig import Unsupported
from scanners import Verdicts, ask_engine
from twin import damage

SKIPPED = 77
TWIN = ' (twin)'


class Trial:
    """The files of one comparison."""

    def __init__(self, folder):
        self.folder = folder
        self.names = {}                      # of specimens and twins: {path: signature's name}
        self.twins = set()
        self.left = collections.Counter()    # {reason: signatures without a specimen}
        self.others = []
        self.clean = set()

    def add(self, file, name, data):
        path = os.path.join(self.folder, file)
        with open(path, 'wb') as out:
            out.write(data)
        self.names[path] = name
        return path

    def add_line(self, kind, number, line, options, groups=None):
        """The specimen of a line, and its twins; the seed is the line's number."""
        try:
            made = signature.specimen(kind, line, groups)
        except Unsupported as error:
            self.left[re.sub(r'\d+', 'n', str(error))] += 1
            return
        self.add('%06d' % number, made.name, made.data)
        dice = random.Random(number)
        for i in range(options.twins):
            self.twins.add(self.add('%06d-%d' % (number, i), made.name, damage(made, dice)))

    def paths(self):
        return sorted(self.names) + self.others


def read_lines(path):
    """(number, line) of what is neither empty nor a comment."""
    with open(path, encoding='latin-1') as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip('\r\n')
            if line and not line.startswith('#'):
                yield number, line


def files_below(folders):
    found = []
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    found.append(path)
    return sorted(found)


def clean_files(folders, limit):
    """Files of up to 4 MB, evenly chosen."""
    found = [path for path in files_below(folders) if 0 < os.path.getsize(path) < 4 << 20]
    return [found[i * len(found) // limit] for i in range(limit)] if limit < len(found) else found


def read_table(path):
    table = {}
    if path:
        for _, line in read_lines(path):
            database, name, reason = line.split('\t')
            table[(database, name)] = reason
    return table


def judge(theirs, ours):
    """None when the two agree, else what differs."""
    if ours is None or ours == '?':
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


def explanation(table, base, label, differs):
    """A row for the signature (a twin has its signature's), or for the only name that one of them finds."""
    names = [label.removesuffix(TWIN)]
    names += [name for start in ('only clamscan finds ', 'only the engine finds ') if differs.startswith(start)
              for name in [differs[len(start):]]]
    for name in names:
        if (base, name) in table:
            return table[(base, name)]
    return None


def compare(options, base, database, trial, table):
    """Prints what differs; the number of unexplained differences."""
    began = time.monotonic()
    paths = trial.paths()
    theirs = Verdicts(options.verdicts, database).ask(paths)
    asked = time.monotonic()
    ours = ask_engine(options.scan_file, database, paths)
    ended = time.monotonic()
    unexplained = 0
    counts = collections.Counter()
    for path in paths:
        kind = 'clean' if path in trial.clean else 'twin' if path in trial.twins else 'specimen' if path in trial.names else 'file'
        label = trial.names.get(path, path) + (TWIN if path in trial.twins else '')
        differs = judge(theirs[path], ours.get(path))
        if not differs and kind == 'clean' and ours[path] != '-':
            differs = 'both find %s in a clean file' % ours[path]
        if not differs:
            counts[kind, 'found' if theirs[path] else 'nothing'] += 1
            continue
        reason = explanation(table, base, label, differs)
        counts[kind, 'explained' if reason else 'unexplained'] += 1
        if not reason:
            unexplained += 1
            if unexplained <= options.show:
                print('  %s: %s: %s' % (base, label, differs))
    for kind in ('specimen', 'twin', 'file', 'clean'):
        total = sum(count for (of, _), count in counts.items() if of == kind)
        if total:
            print('%s: %d %s: both found %d, both nothing %d, explained %d, unexplained %d'
                  % (base, total, {'clean': 'clean files', 'file': 'other files'}.get(kind, kind + 's'),
                     *(counts[kind, what] for what in ('found', 'nothing', 'explained', 'unexplained'))))
    for reason, count in trial.left.most_common():
        print('  no specimen: %d x %s' % (count, reason))
    print('  (clamscan %.1f s, engine %.1f s)' % (asked - began, ended - asked))
    return unexplained


def compare_set(options, database, table):
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(folder)
        kind = database.rsplit('.', 1)[1]
        if kind in signature.KINDS:
            for number, line in list(read_lines(database))[::options.sample]:
                trial.add_line(kind, number, line, options)
        trial.clean = set(clean_files(options.clean, options.clean_max))
        trial.others = sorted(trial.clean) + files_below(options.files)
        return compare(options, os.path.basename(database), database, trial, table)


def compare_own(options, table):
    """The signatures beside this script, with hashes of files that are made here."""
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, 'database')
        trial = Trial(os.path.join(folder, 'files'))
        os.mkdir(database)
        os.mkdir(trial.folder)
        own.write(database, trial, options)
        wrong = compare(options, 'own', database, trial, table)
        ours = ask_engine(options.scan_file, database, sorted(trial.names))
        for path, name in sorted(trial.names.items()):
            if path not in trial.twins and (ours[path] == '-') != name.startswith(own.MISSES):
                print('  own: %s (%s): the engine says %s' % (name, os.path.basename(path), ours[path]))
                wrong += 1
        return wrong + sum(trial.left.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--scan-file', required=True)
    parser.add_argument('--table')
    parser.add_argument('--verdicts')
    parser.add_argument('--sample', type=int, default=1)
    parser.add_argument('--twins', type=int, default=0)
    parser.add_argument('--clean', action='append', default=[])
    parser.add_argument('--clean-max', type=int, default=2000)
    parser.add_argument('--files', action='append', default=[])
    parser.add_argument('--own', metavar='WRITE_EXE')
    parser.add_argument('--show', type=int, default=40)
    parser.add_argument('signatures', nargs='*')
    options = parser.parse_args()
    if not shutil.which('clamscan') or not all(os.path.exists(path) for path in options.signatures):
        print('skipped: clamscan or the signatures are not there')
        return SKIPPED
    table = read_table(options.table)
    wrong = compare_own(options, table) if options.own else 0
    wrong += sum(compare_set(options, path, table) for path in options.signatures)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
