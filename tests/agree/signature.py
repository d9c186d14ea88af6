# SPDX-License-Identifier: MIT
"""signature - a file that a ClamAV signature describes.

`specimen(kind, line)` returns (name, bytes) for a line of an .ndb or .ldb file, or raises Unsupported with the reason.
"""

import re

import carrier
import hexsig
import regex_specimen
from hexsig import Unsupported

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


def body(line):
    fields = line.split(':')
    name, target, offset, text = fields[:4]
    number = 0 if target == '*' else int(target)
    layout = carrier.Layout()
    _place(layout, offset, hexsig.specimen(text, '', _filler(number)))
    return name, carrier.build(number, layout)


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
        spread = leaves[:max(distinct, 1)]
        for index in spread:
            wants[index] = max(wants.get(index, 0), 1)
        wants[spread[0]] = max(wants[spread[0]], times - len(spread) + 1)


def _impossible(node):
    return node[0] == 't' and node[2] == '=' and node[3] == 0


def split_subsignature(text):
    """(kind, offset, body, modifiers)"""
    if text.startswith('${'):
        return 'macro', '', text, ''
    if '/' in text:
        return 'regex', '', text, ''
    if re.match(r'^\d+\(', text):
        return 'compare', '', text, ''
    if text.startswith('fuzzy_img#'):
        raise Unsupported('fuzzy image hash')
    modifiers = ''
    if '::' in text:
        text, modifiers = text.split('::', 1)
    offset, _, rest = text.rpartition(':')
    return 'body', offset, rest, modifiers


def _subsignature(layout, target, text, times):
    kind, offset, rest, modifiers = split_subsignature(text)
    if kind == 'regex':
        offset, data = regex_specimen.specimen(rest)
    elif kind == 'body':
        data = hexsig.specimen(rest, modifiers, _filler(target))
    else:
        raise Unsupported(kind)
    for i in range(times):
        if i and offset not in ('', '*'):
            layout.anywhere.append(data)
        else:
            _place(layout, offset, data)


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


def logical(line):
    name, attributes, text, *subsignatures = line.split(';')
    target = int(re.search(r'Target:(\d+)', attributes).group(1))
    layout = carrier.Layout()
    _conditions(layout, attributes)
    node = _Expression(text).parse()
    wants = {}
    _need(node, wants)
    if not wants:
        raise Unsupported('nothing is wanted')
    for index in list(wants):
        kind, _, rest, _ = split_subsignature(subsignatures[index])
        if kind == 'regex':
            _need(_Expression(rest.split('/')[0].rpartition(':')[2]).parse(), wants)
        if kind == 'compare':
            raise Unsupported('compare')
    for index, times in sorted(wants.items()):
        _subsignature(layout, target, subsignatures[index], times)
    return name, carrier.build(target, layout)


def specimen(kind, line):
    try:
        return {'ndb': body, 'ldb': logical}[kind](line)
    except (ValueError, IndexError, KeyError, AttributeError, RecursionError) as error:
        raise Unsupported('%s: %s' % (type(error).__name__, error)) from error
