#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clamav_agreement - ClamAV's opinion on the shipped definition set, beside our own.

    clamav_agreement.py --write-samples PATH --scan-file PATH --set DIR [FILE...]

Writes the samples of the set, has each scanned by clamscan and by our matcher with the same definitions, and compares
both with what the samples say of themselves. sigtool judges the body signatures alone a second time. Further FILEs are
only compared between the two scanners, as far as nothing has to be unpacked to find something in them.
Exit codes: 0 agreed, 1 not, 77 skipped because ClamAV is not installed. Standard library only.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
UNOFFICIAL = '.UNOFFICIAL'

# sigtool looks at bytes alone: it knows nothing of offsets, file types, functionality levels and allow lists.
SIGTOOL_BLIND = ('offset-', 'target-', 'level-skipped', 'allowed')


def run(command):
    return subprocess.run(command, capture_output=True, text=True, errors='replace', check=False, timeout=300)


def write_samples(program, folder):
    """{label: name or '-'}: what each sample is meant to be."""
    done = run([program, folder])
    if done.returncode != 0:
        sys.exit('write_samples failed: ' + done.stderr)
    return dict(line.split('\t') for line in done.stdout.splitlines())


def ask_clamscan(program, definitions, paths):
    """{path: name or '-'}; the lines of the set that clamscan does not take end the test."""
    done = run([program, '--database=' + definitions, '--no-summary', '--stdout', '--allmatch=no', *paths])
    if done.returncode not in (0, 1):
        sys.exit('clamscan failed: %s%s' % (done.stdout, done.stderr))
    verdicts = {}
    for line in done.stdout.splitlines():
        path, _, verdict = line.rpartition(': ')
        if verdict.endswith(' FOUND'):
            name = verdict[:-len(' FOUND')]
            verdicts[path] = name[:-len(UNOFFICIAL)] if name.endswith(UNOFFICIAL) else name
        elif verdict in ('OK', 'Empty file'):
            verdicts[path] = '-'
    return verdicts


def ask_engine(program, definitions, paths):
    """{path: name or '-'} from our matcher, without an engine around it."""
    done = run([program, definitions, *paths])
    if done.returncode != 0:
        sys.exit('scan_file failed: ' + done.stderr)
    return dict(line.split('\t') for line in done.stdout.splitlines())


def ask_sigtool(program, signatures, path):
    """The names of all body signatures that sigtool finds in one file."""
    done = run([program, '--test-sigs=' + signatures, path])
    names = set()
    name = None
    for line in done.stdout.splitlines():
        if line.startswith('VIRUS NAME: '):
            name = line[len('VIRUS NAME: '):]
        elif line.startswith('MATCH: ** YES **'):
            names.add(name)
    return names


def join_bodies(definitions, path):
    """sigtool takes neither a folder nor comments: all .ndb lines in one file. Gives the names."""
    names = set()
    with open(path, 'w', encoding='ascii') as out:
        for entry in sorted(os.listdir(definitions)):
            if not entry.endswith('.ndb'):
                continue
            with open(os.path.join(definitions, entry), encoding='ascii') as lines:
                for line in lines:
                    if line.strip() and not line.startswith('#'):
                        out.write(line)
                        names.add(line.split(':')[0])
    return names


class Tally:
    def __init__(self):
        self.good = 0
        self.bad = 0

    def compare(self, who, label, got, expected):
        if got == expected:
            self.good += 1
        else:
            self.bad += 1
            print('%s: %s says %s, expected %s' % (label, who, got, expected))


def check_samples(arguments, tally, clamscan, sigtool, folder):
    samples = os.path.join(folder, 'samples')
    os.mkdir(samples)
    expected = write_samples(arguments.write_samples, samples)
    paths = {label: os.path.join(samples, label) for label in expected}
    theirs = ask_clamscan(clamscan, arguments.set, list(paths.values()))
    ours = ask_engine(arguments.scan_file, arguments.set, list(paths.values()))
    signatures = os.path.join(folder, 'bodies.ndb')
    bodies = join_bodies(arguments.set, signatures)
    for label, name in sorted(expected.items()):
        tally.compare('clamscan', label, theirs.get(paths[label]), name)
        tally.compare('baleen', label, ours.get(paths[label]), name)
        if os.path.getsize(paths[label]) > 0 and not label.startswith(SIGTOOL_BLIND):
            tally.compare('sigtool', label, ask_sigtool(sigtool, signatures, paths[label]), {name} & bodies)


def check_files(arguments, tally, clamscan):
    """What our matcher finds in a file as it is, clamscan has to find too; it may find more by unpacking."""
    if not arguments.files:
        return
    theirs = ask_clamscan(clamscan, arguments.set, arguments.files)
    ours = ask_engine(arguments.scan_file, arguments.set, arguments.files)
    found = 0
    for path in arguments.files:
        if ours.get(path) != '-':
            found += 1
            tally.compare('clamscan', path, theirs.get(path), ours.get(path))
    print('%d of %d further files have a finding without unpacking' % (found, len(arguments.files)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--write-samples', required=True, help='the program that writes the samples')
    parser.add_argument('--scan-file', required=True, help='the program that scans with our matcher')
    parser.add_argument('--set', required=True, help='the definition set')
    parser.add_argument('files', nargs='*', help='further files to compare')
    arguments = parser.parse_args()
    clamscan = shutil.which('clamscan')
    sigtool = shutil.which('sigtool')
    if not clamscan or not sigtool:
        print('skipped: there is no %s' % ('sigtool' if clamscan else 'clamscan'))
        return SKIPPED
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix='clamav-agreement-') as folder:
        check_samples(arguments, tally, clamscan, sigtool, folder)
        check_files(arguments, tally, clamscan)
    print('%d comparisons agree, %d do not' % (tally.good, tally.bad))
    return 1 if tally.bad else 0


if __name__ == '__main__':
    sys.exit(main())
