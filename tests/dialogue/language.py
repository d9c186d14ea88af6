# SPDX-License-Identifier: MIT
"""language - reads dialogue files into statements.

Role: words, strings, blocks; it knows no command. docs/testing.md describes the language. Text is kept as Latin-1
strings, one character a byte, so that `\\xff` in a string is the byte 0xff on the wire.
"""

import re

ESCAPES = {'r': '\r', 'n': '\n', 't': '\t', '0': '\0', '"': '"', '\\': '\\', '$': '\ue000'}
DOLLAR = '\ue000'  # A `\$` until variables have been put in.
VARIABLE = re.compile(r'\$\{([^{}]*)\}')
SIZE = re.compile(r'(\d+)([kmg]?)$')
DURATION = re.compile(r'(\d+(?:\.\d+)?)(ms|s|m)$')


class DialogueError(Exception):
    """A step that failed, or a file that cannot be read. `line` is 0 when it is about no line."""

    def __init__(self, message, line=0):
        super().__init__(message)
        self.line = line


class Quoted(str):
    """A word that stood in quotes: never the name of an option."""


class Statement:
    """One command: its words and, with braces, the statements inside."""

    def __init__(self, line, words, block=None):
        self.line = line
        self.words = words
        self.block = block


def parse(text):
    """All statements of a file."""
    tokens = list(_tokens(text))
    statements, end = _block(tokens, 0, None)
    if end != len(tokens):
        raise DialogueError('a } without its {', tokens[end][1])
    return statements


def _block(tokens, at, opened_line):
    statements = []
    words, line = [], 0
    while at < len(tokens):
        kind, token_line, text = tokens[at]
        at += 1
        if kind == 'word':
            words, line = words + [text], line or token_line
            continue
        if kind == 'open':
            inner, at = _block(tokens, at, token_line)
            statements.append(Statement(line or token_line, words, inner))
            words, line = [], 0
            continue
        if words:
            statements.append(Statement(line, words))
            words, line = [], 0
        if kind == 'close':
            return statements, at if opened_line is not None else at - 1
    if opened_line is not None:
        raise DialogueError('a { without its }', opened_line)
    if words:
        statements.append(Statement(line, words))
    return statements, at


def _tokens(text):
    at, line = 0, 1
    while at < len(text):
        char = text[at]
        if char == '\n':
            yield 'end', line, ''
            at, line = at + 1, line + 1
        elif char in ' \t\r':
            at += 1
        elif char == '\\' and text[at + 1:at + 2] == '\n':
            at, line = at + 2, line + 1
        elif char == '#':
            while at < len(text) and text[at] != '\n':
                at += 1
        elif char == ';':
            yield 'end', line, ''
            at += 1
        elif char in '{}':
            yield ('open' if char == '{' else 'close'), line, char
            at += 1
        elif char == '"':
            word, at, lines = _string(text, at + 1, line)
            yield 'word', line, word
            line += lines
        else:
            found = re.compile(r'(?:\$\{[^{}]*\}|[^\s;{}"#])+').match(text, at)
            yield 'word', line, found.group().replace('\\$', DOLLAR)
            at = found.end()


def _string(text, at, line):
    out, lines = [], 0
    while True:
        if at >= len(text):
            raise DialogueError('a string without its end', line)
        char = text[at]
        if char == '"':
            return Quoted(''.join(out)), at + 1, lines
        lines += char == '\n'
        if char != '\\':
            out.append(char)
            at += 1
        elif text[at + 1:at + 2] == 'x':
            out.append(chr(int(text[at + 2:at + 4], 16)))
            at += 4
        elif text[at + 1:at + 2] == '\n':
            lines += 1
            at += 2
        elif text[at + 1:at + 2] in ESCAPES:
            out.append(ESCAPES[text[at + 1]])
            at += 2
        else:
            raise DialogueError('unknown escape \\%s' % text[at + 1:at + 2], line)


def substitute(word, resolve):
    """Puts `resolve(name)` in for each `${name}`."""
    return type(word)(VARIABLE.sub(lambda found: str(resolve(found.group(1))), word).replace(DOLLAR, '$'))


def size_of(word):
    """Bytes: 300, 64k, 8m, 1g."""
    found = SIZE.match(word)
    if not found:
        raise DialogueError('%r is no size' % word)
    return int(found.group(1)) << {'': 0, 'k': 10, 'm': 20, 'g': 30}[found.group(2)]


def seconds_of(word):
    """Seconds: 200ms, 2s, 1m."""
    found = DURATION.match(word)
    if not found:
        raise DialogueError('%r is no duration' % word)
    return float(found.group(1)) * {'ms': 0.001, 's': 1, 'm': 60}[found.group(2)]


class Options:
    """Splits words into `-name value` options and the rest.

    `flags` take no value; every other `-name` takes the next word. An option given again makes a list.
    """

    def __init__(self, words, flags=(), known=None):
        self.rest = []
        self.all = []
        at = 0
        while at < len(words):
            word = words[at]
            at += 1
            if isinstance(word, Quoted) or not re.match(r'-[A-Za-z]', word):
                self.rest.append(word)
                continue
            name, value = word[1:], True
            if name not in flags:
                if known is not None and name not in known:
                    raise DialogueError('unknown option -%s' % name)
                if at >= len(words):
                    raise DialogueError('-%s needs a value' % name)
                value = words[at]
                at += 1
            self.all.append((name, value))

    def get(self, name, default=None):
        for key, value in self.all:
            if key == name:
                return value
        return default

    def every(self, name):
        return [value for key, value in self.all if key == name]
