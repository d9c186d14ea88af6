#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_signatures - as many body signatures as wanted, with bytes as real signatures have them.

    make_signatures.py --count 300000 [--seed N] [--spread real|any] [--from DIR]... [--baleen PROGRAM] > generated.ndb

Random bytes would flatter every matcher: signatures are cut out of programs, libraries and scripts, and so these are
(from /usr/lib and /usr/share by default; benchmark on other files). Lengths, wildcards and targets have the shares that
ClamAV's logical signatures show: 85 of 100 are for executables, the rest for OLE2, text and any type. `--spread any`
makes them all generic, the hardest case. The same seed and files give the same lines.

With `--baleen` those are left out of which `baleen defs check` says that harmless files are full of them: padding and
boilerplate, which no author would publish.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

# (share, target): executables stand for PE as well, so that programs of this system are their targets.
SPREAD = [(0.85, 6), (0.06, 2), (0.02, 3), (0.02, 7), (0.05, 0)]
LENGTHS = [(0.10, 8, 12), (0.25, 12, 24), (0.35, 24, 48), (0.20, 48, 96), (0.10, 96, 200)]
TEXT_SUFFIXES = ('.py', '.js', '.html', '.pl', '.sh', '.txt', '.css', '.xml', '.php')


def files_below(folders):
    programs, texts = [], []
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) < 4096:
                    continue
                if name.endswith(TEXT_SUFFIXES):
                    texts.append(path)
                elif '.so' in name or name.endswith(('.a', '.o', '.ko')):
                    programs.append(path)
    return sorted(programs), sorted(texts)


class Source:
    """Cuts pieces out of one file after the other."""

    def __init__(self, paths, rng):
        self.paths = paths
        self.rng = rng
        self.data = b''
        self.left = 0

    def cut(self, length):
        while True:
            if self.left == 0:
                with open(self.rng.choice(self.paths), 'rb') as file:
                    self.data = file.read(4 << 20)
                self.left = 400
            self.left -= 1
            at = self.rng.randrange(max(1, len(self.data) - length))
            piece = self.data[at:at + length]
            # What is nearly all one byte would be nobody's signature.
            if len(piece) == length and len(set(piece)) * 2 >= min(length, 16):
                return piece


def choose(rng, rows):
    roll = rng.random()
    for row in rows:
        roll -= row[0]
        if roll < 0:
            return row[1:]
    return rows[-1][1:]


def body_of(piece, rng):
    """Hexadecimal text, in one of five with gaps, unknown bytes or alternatives in it.

    Behind it stand eight half bytes, which nothing can look for and hardly any file has there: what is cut out of one
    file stands in others as well, and a body in which something is found is not scanned to its end.
    """
    text = piece.hex()
    tail = '{3}' + ''.join('%x?' % rng.randrange(16) for _ in range(8))
    if rng.random() >= 0.2 or len(piece) < 24:
        return text + tail
    at = rng.randrange(8, len(piece) - 8) * 2
    kind = rng.choice(['{%d}' % rng.randrange(1, 20), '{%d-%d}' % (rng.randrange(8), rng.randrange(8, 64)), '??', '*',
                       '(%s|%s)' % (text[at:at + 2], '%02x' % rng.randrange(256))])
    return text[:at] + kind + text[at + 2:] + tail


def without_costly(program, lines):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'generated.ndb'), 'w', encoding='ascii') as file:
            file.write('\n'.join(lines) + '\n')
        done = subprocess.run([program, 'defs', 'check', folder, '--json'], stdout=subprocess.PIPE, check=True)
    report = json.loads(done.stdout)
    slow = {row['line'] for row in report['slow']}
    costly = {row['name'] for row in report['triggers']['costly']}
    return [line for number, line in enumerate(lines, 1) if number not in slow and line.split(':', 1)[0] not in costly]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--count', type=int, default=300000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--spread', choices=['real', 'any'], default='real')
    parser.add_argument('--from', dest='folders', action='append')
    parser.add_argument('--baleen')
    options = parser.parse_args()
    rng = random.Random(options.seed)
    programs, texts = files_below(options.folders or ['/usr/lib', '/usr/share'])
    if not programs or not texts:
        sys.exit('make_signatures: no programs or no texts below these folders')
    sources = {True: Source(texts, rng), False: Source(programs, rng)}
    lines = []
    for number in range(options.count):
        target = choose(rng, SPREAD)[0]
        is_text = target in (3, 7) or (target == 0 and rng.random() < 0.5)
        low, high = choose(rng, LENGTHS)
        piece = sources[is_text].cut(rng.randrange(low, high))
        if target in (3, 7):
            piece = piece.lower()
        lines.append('Generated.%d:%d:*:%s' % (number, target if options.spread == 'real' else 0, body_of(piece, rng)))
    if options.baleen:
        lines = without_costly(options.baleen, lines)
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
