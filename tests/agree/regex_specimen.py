# SPDX-License-Identifier: MIT
"""regex_specimen - a string that a Perl-compatible expression of a logical signature matches.

Walks Python's own parse tree of the expression, which for what signatures use reads the same language.
"""

import re._parser as parser
from re import _constants as op

from hexsig import Unsupported

REPEAT_MAX = 64
CLASSES = {
    op.CATEGORY_DIGIT: b'7', op.CATEGORY_NOT_DIGIT: b'x', op.CATEGORY_WORD: b'w', op.CATEGORY_NOT_WORD: b' ',
    op.CATEGORY_SPACE: b' ', op.CATEGORY_NOT_SPACE: b'x',
}


def _in_set(items, byte):
    for kind, value in items:
        if kind is op.LITERAL and value == byte:
            return True
        if kind is op.RANGE and value[0] <= byte <= value[1]:
            return True
        if kind is op.CATEGORY:
            char = chr(byte)
            hit = {'DIGIT': char.isdigit(), 'WORD': char.isalnum() or char == '_', 'SPACE': char.isspace()}[
                str(value).rsplit('_', 1)[1]]
            if hit != ('NOT' in str(value)):
                return True
    return False


def _one_of(items):
    negated = bool(items) and items[0][0] is op.NEGATE
    items = items[1:] if negated else items
    for byte in list(range(0x61, 0x7b)) + list(range(0x20, 0x7f)) + list(range(256)):
        if _in_set(items, byte) != negated:
            return bytes([byte])
    raise Unsupported('an empty class')


def _walk(tree, groups, lines):
    out = b''
    for kind, value in tree:
        if kind is op.LITERAL:
            out += bytes([value])
        elif kind is op.NOT_LITERAL:
            out += b'x' if value != 0x78 else b'y'
        elif kind is op.ANY:
            out += b'x'
        elif kind is op.IN:
            out += _one_of(list(value))
        elif kind is op.CATEGORY:
            out += CLASSES[value]
        elif kind is op.BRANCH:
            out += _walk(value[1][0], groups, lines)
        elif kind is op.SUBPATTERN:
            inside = _walk(value[3], groups, lines)
            groups[value[0]] = inside
            out += inside
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            if value[0] > REPEAT_MAX * 64:
                raise Unsupported('a long repeat')
            out += b''.join(_walk(value[2], groups, lines) for _ in range(value[0]))
        elif kind is op.GROUPREF:
            out += groups.get(value, b'')
        elif kind is op.ATOMIC_GROUP:
            out += _walk(value, groups, lines)
        elif kind is op.AT:
            out += b'\n' if lines and value in (op.AT_BEGINNING, op.AT_END) else b''
        elif kind is op.ASSERT_NOT:
            continue
        elif kind is op.ASSERT:
            raise Unsupported('look-ahead')
        else:
            raise Unsupported('regex ' + str(kind))
    return out


def specimen(text):
    """(offset, bytes) for `[offset:]trigger/regex/flags`."""
    head, _, rest = text.partition('/')
    pattern, _, flags = rest.rpartition('/')
    offset, _, _ = head.rpartition(':')
    verbose = parser.SRE_FLAG_VERBOSE if 'x' in flags else 0
    try:
        tree = parser.parse(pattern.encode('latin-1'), verbose)
    except Exception as error:
        raise Unsupported('a regex that Python does not read: %s' % error) from error
    return offset if 'r' in flags or offset else '', _walk(tree, {}, 'm' in flags)
