# SPDX-License-Identifier: MIT
"""hexsig - bytes that satisfy a ClamAV body signature.

`specimen(text, modifiers, filler)` returns one string of bytes that the body signature matches, or raises Unsupported
for what it does not know how to satisfy. `filler` is the byte that stands where anything may stand.
"""

import re

WORD = re.compile(rb'[A-Za-z0-9]')


class Unsupported(Exception):
    """The generator cannot make bytes for this; the reason is the text."""


def _pair(high, low, filler):
    """The byte of two hexadecimal digits of which any may be '?'."""
    if high == '?' and low == '?':
        return filler
    digits = '%02x' % filler
    return int((digits[0] if high == '?' else high) + (digits[1] if low == '?' else low), 16)


class _Reader:
    def __init__(self, text, filler):
        self.text = text
        self.filler = filler
        self.at = 0

    def peek(self):
        return self.text[self.at] if self.at < len(self.text) else ''

    def until(self, close):
        end = self.text.find(close, self.at)
        if end < 0:
            raise Unsupported('no %s' % close)
        inside = self.text[self.at:end]
        self.at = end + 1
        return inside

    def gap(self, inside):
        """How many bytes of filler to put for {n}, {-n}, {n-}, {n-m}."""
        if '-' not in inside:
            return int(inside)
        low, high = inside.split('-')
        if low:
            return int(low)
        return 0 if int(high) < 1 else 1

    def alternatives(self):
        """The branches of a parenthesis whose '(' is behind us; nested ones stay as text."""
        depth = 0
        start = self.at
        branches = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '(':
                depth += 1
            elif char == ')' and depth:
                depth -= 1
            elif char == ')':
                branches.append(self.text[start:self.at])
                self.at += 1
                return branches
            elif char == '|' and not depth:
                branches.append(self.text[start:self.at])
                start = self.at + 1
            self.at += 1
        raise Unsupported('no )')

    def group(self, negated):
        branches = self.alternatives()
        if branches in (['B'], ['L'], ['W']):
            return ('edge', branches[0], negated)
        if not negated:
            return ('bytes', specimen_raw(branches[0], self.filler))
        taken = [specimen_raw(branch, self.filler) for branch in branches]
        length = len(taken[0])
        for byte in [self.filler] + list(range(256)):
            trial = bytes([byte]) * length
            if trial not in taken:
                return ('bytes', trial)
        raise Unsupported('nothing but its alternatives')

    def items(self):
        while self.at < len(self.text):
            char = self.peek()
            if char == '*':
                self.at += 1
                yield ('bytes', bytes([self.filler]) * 3)
            elif char == '{':
                self.at += 1
                yield ('bytes', bytes([self.filler]) * self.gap(self.until('}')))
            elif char == '[':
                self.at += 1
                yield ('bytes', bytes([self.filler]) * self.gap(self.until(']')))
            elif char == '!':
                self.at += 2
                yield self.group(True)
            elif char == '(':
                self.at += 1
                yield self.group(False)
            else:
                pair = self.text[self.at:self.at + 2]
                if not re.fullmatch(r'[0-9a-fA-F?]{2}', pair):
                    raise Unsupported('a foreign character')
                self.at += 2
                yield ('bytes', bytes([_pair(pair[0], pair[1], self.filler)]))


# Inside a part these take a byte; at its ends they only look.
EDGE_BYTES = {('B', False): b' ', ('L', False): b'\n', ('W', False): b' ',
              ('B', True): b'a', ('L', True): b'a', ('W', True): b'a'}


def specimen_raw(text, filler):
    items = list(_Reader(text, filler).items())
    return b''.join(EDGE_BYTES[item[1:]] if item[0] == 'edge' else item[1] for item in items)


def _swap_case(data):
    """Every other letter in the other case, to show that case does not matter."""
    return bytes(byte ^ 0x20 if i % 2 and chr(byte).isascii() and chr(byte).isalpha() else byte
                 for i, byte in enumerate(data))


def specimen(text, modifiers='', filler=0x78):
    data = specimen_raw(text, filler)
    if 'i' in modifiers:
        data = _swap_case(data)
    if 'w' in modifiers:
        data = b''.join(bytes([byte, 0]) for byte in data)
    if 'f' in modifiers:
        data = b' ' + data + b' '
    return data
