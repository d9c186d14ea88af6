# SPDX-License-Identifier: MIT
"""signature - a file that a ClamAV signature describes.

`specimen(kind, line)` returns a Specimen for a line of an .ndb or .ldb file, or raises Unsupported with the reason.
"""

import collections
import re

import carrier
import hexsig
import regex_specimen
from hexsig import Unsupported

Specimen = collections.namedtuple('Specimen', 'name data pieces')
TEXT_TARGETS = (carrier.HTML, carrier.MAIL, carrier.ASCII)


def _place(layout, offset, data):
    """Puts bytes where an offset of .ndb or .ldb wants them."""
    base = offset.split(',')[0]
    if base in ('', '*'):
        layout.anywhere.append(data)
    elif base.isdigit():
        layout.absolute.append((int(base), data))
    elif base.startswith('EOF-'):
        layout.from_end.append((int(base[4:]), data))
    elif base.startswith('EP'):
        layout.from_entry.append((int(base[2:]), data))
    elif base.startswith('SL+'):
        layout.in_section.append(('last', int(base[3:]), data))
    elif base.startswith('SE'):
        layout.in_section.append((int(base[2:]), 16, data))
    elif re.fullmatch(r'S\d+\+\d+', base):
        section, distance = base[1:].split('+')
        layout.in_section.append((int(section), int(distance), data))
    else:
        raise Unsupported('offset ' + base[:2])


def _filler(target):
    return 0x78 if target in TEXT_TARGETS else 0x90


def body(line, _):
    name, target, offset, text = line.split(':')[:4]
    number = 0 if target == '*' else int(target)
    layout = carrier.Layout()
    _place(layout, offset, hexsig.specimen(text, '', _filler(number)))
    return Specimen(name, carrier.build(number, layout), layout.used())


# ---- Expressions ----

class _Expression:
    """How often each subsignature has to match so that the expression holds: one way of many."""

    def __init__(self, text):
        self.text = text
        self.at = 0

    def parse(self):
        node = self.term()
        while self.at < len(self.text) and self.text[self.at] in '&|':
            operator = self.text[self.at]
            self.at += 1
            # Without precedence and from the right: the first operator splits.
            node = (operator, node, self.parse())
        return node

    def term(self):
        if self.text[self.at] == '(':
            self.at += 1
            node = self.parse()
            self.at += 1
        else:
            digits = re.match(r'\d+', self.text[self.at:])
            if not digits:
                raise Unsupported('an expression that does not parse')
            self.at += len(digits.group())
            node = ('n', int(digits.group()))
        test = re.match(r'([=<>])(\d+)(?:,(\d+))?', self.text[self.at:])
        if test:
            self.at += len(test.group())
            node = ('t', node, test.group(1), int(test.group(2)), int(test.group(3) or 0))
        return node


def _leaves(node):
    if node[0] == 'n':
        return [node[1]]
    if node[0] == 't':
        return _leaves(node[1])
    return _leaves(node[1]) + _leaves(node[2])


def _need(node, wants):
    """Notes in `wants` how often each index must match."""
    if node[0] == 'n':
        wants[node[1]] = max(wants.get(node[1], 0), 1)
    elif node[0] == '&':
        _need(node[1], wants)
        _need(node[2], wants)
    elif node[0] == '|':
        _need(node[1] if not _impossible(node[1]) else node[2], wants)
    else:
        _, inner, test, count, distinct = node
        times = {'=': count, '<': 0 if count else None, '>': count + 1}[test]
        if times is None:
            raise Unsupported('fewer than none')
        leaves = list(dict.fromkeys(_leaves(inner)))
        if times == 0:
            return
        if inner[0] == 'n':
            wants[inner[1]] = max(wants.get(inner[1], 0), times)
            return
        # At least so many different ones, the rest by the first.
        spread = leaves[:max(distinct, len(leaves) if inner[0] == '&' else 1)]
        for index in spread:
            wants[index] = max(wants.get(index, 0), 1)
        wants[spread[0]] = max(wants[spread[0]], times - len(spread) + 1)


def _impossible(node):
    return node[0] == 't' and node[2] == '=' and node[3] == 0


# ---- Subsignatures ----

def split_subsignature(text):
    """(kind, offset, body, modifiers)"""
    if text.startswith('${'):
        return 'macro', '', text, ''
    if '/' in text:
        return 'regex', '', text, ''
    if text.startswith('fuzzy_img#'):
        raise Unsupported('fuzzy image hash')
    if '#' in text:
        return 'compare', '', text, ''
    modifiers = ''
    if '::' in text:
        text, modifiers = text.split('::', 1)
    offset, _, rest = text.rpartition(':')
    return 'body', offset, rest, modifiers


def _number(text):
    return int(text, 0) if text.lower().lstrip('-').startswith('0x') else int(text)


def _compared(text):
    """(index of the part, distance, bytes) of a byte comparison that holds."""
    found = re.fullmatch(r'(\d+)\((>>|<<)(-?\w+)#([a-z]+)(\d+)#(.+)\)', text)
    if not found:
        raise Unsupported('a comparison that does not parse')
    index, way, distance, options, length, tests = found.groups()
    wants = [(test[0], _number(test[1:])) for test in tests.split(',')]
    close = {'=': 0, '<': -1, '>': 1}
    for test, value in wants:
        value += close[test]
        if all((value > v) - (value < v) == close[t] for t, v in wants):
            break
    else:
        raise Unsupported('a comparison that cannot hold')
    length = int(length)
    order = 'little' if 'l' in options else 'big'
    if 'i' in options:
        data = value.to_bytes(length, order, signed=value < 0)
    elif 'd' in options or ('a' in options and 'b' in options):
        data = b'%0*d' % (length, value)
    else:
        digits = value.to_bytes((length + 1) // 2, order).hex()
        data = digits[-length:].encode()
    return int(index), _number(distance) * (-1 if way == '<<' else 1), data


def _macro(text, groups):
    """(least distance, bytes) of the first body of the macro's group."""
    near, group = re.fullmatch(r'\$\{(\d+)-\d+\}(\d+)\$', text).groups()
    if not (groups or {}).get(int(group)):
        raise Unsupported('a macro without bodies')
    return int(near), hexsig.specimen(groups[int(group)][0])


def _join(data, distance, piece):
    """`data` with `piece` at a distance from its start, which may lie before it."""
    if distance < 0:
        return piece + b'x' * max(0, -distance - len(piece)) + data
    if distance < len(data):
        raise Unsupported('a number inside the part that it is counted from')
    return data + b'x' * (distance - len(data)) + piece


class _Bodies:
    """The bytes of each subsignature that is wanted, with what depends on them put beside them."""

    def __init__(self, target, subsignatures, groups):
        self.filler = _filler(target)
        self.subsignatures = subsignatures
        self.groups = groups
        self.made = {}      # {index: (offset, bytes)}

    def add(self, index):
        kind, offset, rest, modifiers = split_subsignature(self.subsignatures[index])
        if kind == 'regex':
            self.made[index] = regex_specimen.specimen(rest)
        elif kind == 'body':
            self.made[index] = (offset, hexsig.specimen(rest, modifiers, self.filler))
        else:
            to, distance, data = _compared(rest) if kind == 'compare' else (index - 1, *_macro(rest, self.groups))
            if to not in self.made:
                self.add(to)
            offset, before = self.made[to]
            self.made[to] = (offset, _join(before, distance, data))


def _place_all(layout, bodies, wants):
    for index, (offset, data) in sorted(bodies.made.items()):
        for i in range(wants.get(index, 1)):
            _place(layout, '' if i else offset, data)


def _conditions(layout, attributes):
    for attribute in attributes.split(','):
        key, _, value = attribute.partition(':')
        low, _, high = value.partition('-')
        if key == 'FileSize':
            layout.size_min = int(low)
            layout.size_max = int(high or low)
        elif key == 'NumberOfSections':
            layout.sections = int(low)
        elif key == 'Container' and value != 'CL_TYPE_ANY':
            raise Unsupported('inside a container')
        elif key in ('EntryPoint', 'Intermediates', 'IconGroup1', 'IconGroup2', 'HandlerType'):
            raise Unsupported(key)


def logical(line, groups):
    name, attributes, text, *subsignatures = line.split(';')
    target = int(re.search(r'Target:(\d+)', attributes).group(1))
    layout = carrier.Layout()
    _conditions(layout, attributes)
    wants = {}
    _need(_Expression(text).parse(), wants)
    if not wants:
        raise Unsupported('nothing is wanted')
    for index in sorted(wants, reverse=True):
        kind, _, rest, _ = split_subsignature(subsignatures[index])
        if kind == 'regex':
            _need(_Expression(rest.split('/')[0].rpartition(':')[2]).parse(), wants)
    bodies = _Bodies(target, subsignatures, groups)
    for index in sorted(wants):
        bodies.add(index)
    _place_all(layout, bodies, wants)
    return Specimen(name, carrier.build(target, layout), layout.used())


KINDS = {'ndb': body, 'ldb': logical}


def specimen(kind, line, groups=None):
    """`groups`: the bodies of macro groups, {number: [pattern]}."""
    try:
        return KINDS[kind](line, groups)
    except (ValueError, IndexError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise Unsupported('%s: %s' % (type(error).__name__, error)) from error
