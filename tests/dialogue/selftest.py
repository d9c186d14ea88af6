#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selftest - the dialogue runner catches what it is there to catch.

Every row of BROKEN is an answer with one thing wrong: the reader must name it. A reader that lets one pass would let the
engine pass, too.
"""

import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import actors
import language
import wire

DATE = time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())
COMMON = ('ISTag: "00112233445566778899AABBCCDDEEFF"\r\nDate: ' + DATE +
          '\r\nService: Baleen/0.1.0\r\nService-ID: AVSCANRESP\r\n')
PAGE = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'
GOOD_200 = ('ICAP/1.0 200 OK\r\n' + COMMON + 'Encapsulated: res-hdr=0, res-body=%d\r\n\r\n' % len(PAGE) + PAGE +
            '3\r\nabc\r\n0\r\n\r\n')
GOOD_201 = GOOD_200.replace('200 OK', '201 Created', 1).replace(
    'Encapsulated', 'X-Violations-Found: 1\r\n\ta.exe\r\n\tEvil\r\n\t7\r\n\t2\r\nEncapsulated')
GOOD_204 = 'ICAP/1.0 204 No modifications needed\r\n' + COMMON + '\r\n'
GOOD_100 = 'ICAP/1.0 100 Continue\r\n\r\n'

BROKEN = (
    ('status line', GOOD_204.replace('ICAP/1.0', 'ICAP/1.1'), 'status line'),
    ('no reason', GOOD_204.replace(' No modifications needed', ''), 'status line'),
    ('204 line', GOOD_204.replace('No modifications needed', 'No Content'), '204 line'),
    ('headers on 100', GOOD_100.replace('\r\n\r\n', '\r\nISTag: "x"\r\n\r\n'), 'bare'),
    ('no ISTag', GOOD_204.replace('ISTag', 'X-Tag'), 'ISTag'),
    ('ISTag unquoted', GOOD_204.replace('"', ''), 'ISTag'),
    ('ISTag short', GOOD_204.replace('00112233', ''), 'ISTag'),
    ('ISTag spelled otherwise', GOOD_204.replace('ISTag', 'Istag'), 'spelled'),
    ('no Date', GOOD_204.replace('Date', 'X-Date'), 'Date'),
    ('the guide\'s date', GOOD_204.replace(DATE, 'Mon Jun 27 11:50:14 2005 GMT'), 'Date'),
    ('an old date', GOOD_204.replace(DATE, 'Mon, 27 Jun 2005 11:50:14 GMT'), 'not now'),
    ('Service', GOOD_204.replace('Baleen/0.1.0', 'Baleen'), 'Service'),
    ('no Service-ID', GOOD_204.replace('Service-ID', 'X-Id'), 'Service-ID'),
    ('Service-ID of another service', GOOD_204.replace('AVSCANRESP', 'AVSCAN'), 'Service-ID'),
    ('Service-ID in small letters', GOOD_204.replace('AVSCANRESP', 'avscanresp'), 'capitals'),
    ('header twice', GOOD_204.replace('Date:', 'Service: Baleen/1.0\r\nDate:'), 'twice'),
    ('Encapsulated not last', GOOD_200.replace('\r\n\r\n', '\r\nX-A: b\r\n\r\n', 1), 'last'),
    ('Encapsulated on 204', GOOD_204.replace('\r\n\r\n', '\r\nEncapsulated: null-body=0\r\n\r\n'), 'Encapsulated'),
    ('200 without Encapsulated', GOOD_204.replace('204 No modifications needed', '200 OK'), 'Encapsulated'),
    ('offset too small', GOOD_200.replace('res-body=%d' % len(PAGE), 'res-body=%d' % (len(PAGE) - 1)), 'blank line'),
    ('offset too large', GOOD_200.replace('res-body=%d' % len(PAGE), 'res-body=%d' % (len(PAGE) + 1)), 'blank line'),
    ('first offset', GOOD_200.replace('res-hdr=0', 'res-hdr=1'), 'start at 0'),
    ('sections of a request', GOOD_200.replace('res-hdr', 'req-hdr').replace('res-body', 'req-body'), 'answer to'),
    ('chunk size too small', GOOD_200.replace('3\r\nabc', '2\r\nabc'), 'CRLF'),
    ('chunk size too large', GOOD_200.replace('3\r\nabc', '4\r\nabc'), 'CRLF'),
    ('chunk size no number', GOOD_200.replace('3\r\nabc', 'x\r\nabc'), 'size line'),
    ('bare LF', GOOD_200.replace('3\r\nabc', '3\nabc'), 'bare LF'),
    ('ieof given back', GOOD_200.replace('0\r\n\r\n', '0; ieof\r\n\r\n'), 'ieof'),
    ('no last chunk', GOOD_200[:-5], 'closed'),
    ('cut head', GOOD_204[:-2], 'closed'),
    ('semicolon in a threat', GOOD_200.replace(
        'Encapsulated', 'X-Infection-Found: Type=0; Resolution=2; Threat=a;b;\r\nEncapsulated'), 'X-Infection-Found'),
    ('no final semicolon', GOOD_200.replace(
        'Encapsulated', 'X-Infection-Found: Type=0; Resolution=2; Threat=ab\r\nEncapsulated'), 'X-Infection-Found'),
    ('violation lines missing', GOOD_201.replace('\r\n\t7', ''), 'X-Violations-Found'),
    ('violation folded with a space', GOOD_201.replace('\tEvil', ' Evil'), 'X-Violations-Found'),
    ('violation id', GOOD_201.replace('\t7', '\tseven'), 'id'),
    ('disposition', GOOD_201.replace('\r\n\t2', '\r\n\t3'), 'disposition'),
    ('control character', GOOD_201.replace('Evil', 'Ev\x01il'), 'control'),
)


def read(raw, may_cut=False, pieces=None):
    """Reads one answer out of `raw`; what is left over comes back, too."""
    ours, theirs = socket.socketpair()

    def send():
        with theirs:
            for piece in pieces or [raw]:
                theirs.sendall(piece.encode('latin-1'))
    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        reader = wire.Reader(ours, actors.Log('c', 0))
        response = wire.read_response(reader, 'RESPMOD', 'AVSCANRESP', 5, may_cut)
        sender.join()
        reader.poll(0)
        return response, bytes(reader.buf)


class Reading(unittest.TestCase):
    def test_good_answers_pass(self):
        for raw in (GOOD_100, GOOD_200, GOOD_201, GOOD_204):
            self.assertEqual(read(raw)[1], b'')
            self.assertEqual(read(raw, pieces=list(raw))[1], b'')

    def test_broken_answers_do_not(self):
        for name, raw, message in BROKEN:
            with self.subTest(name):
                self.assertNotIn(raw, (GOOD_200, GOOD_201, GOOD_204, GOOD_100))
                with self.assertRaisesRegex(wire.WireError, message):
                    read(raw)

    def test_body_and_heads_are_as_sent(self):
        response, rest = read(GOOD_200 + GOOD_204)
        self.assertEqual(rest, GOOD_204.encode())
        self.assertEqual(response.http.raw, PAGE)
        self.assertEqual((response.body.size, response.body.text), (3, b'abc'))
        self.assertEqual(response.icap.headers[-1][0], 'Encapsulated')

    def test_violations_keep_their_folds(self):
        value = read(GOOD_201)[0].icap.get('X-Violations-Found')
        self.assertEqual(value, '1\r\n\ta.exe\r\n\tEvil\r\n\t7\r\n\t2')

    def test_cut_body_is_known_as_such(self):
        self.assertTrue(read(GOOD_200[:-5], may_cut=True)[0].body.is_cut)
        self.assertFalse(read(GOOD_200, may_cut=True)[0].body.is_cut)


class Language(unittest.TestCase):
    def test_statements(self):
        parsed = language.parse('a b "c d" # no\nclient c1 -to e1 {\n  tx X; rx 204\n}\nb \\\n  c')
        self.assertEqual([s.words for s in parsed], [['a', 'b', 'c d'], ['client', 'c1', '-to', 'e1'], ['b', 'c']])
        self.assertEqual([s.words for s in parsed[1].block], [['tx', 'X'], ['rx', '204']])
        self.assertEqual(parsed[1].block[0].line, 3)

    def test_strings(self):
        self.assertEqual(language.parse(r'a "\r\n\t\x00\xff\"\\"')[0].words[1], '\r\n\t\0\xff"\\')

    def test_variables(self):
        word = language.parse(r'a "x${n}y\${n}"')[0].words[1]
        self.assertEqual(language.substitute(word, {'n': 5}.get), 'x5y${n}')

    def test_mistakes(self):
        for text in ('a {', '}', 'a "b', r'a "\q"'):
            with self.subTest(text), self.assertRaises(language.DialogueError):
                language.parse(text)

    def test_bytes(self):
        make = lambda *words: b''.join(actors.make_bytes(language.Options(list(words), actors.BYTES_FLAGS)))
        self.assertEqual(make('-size', '200k', '-fill', 'abc')[:7], b'abcabca')
        self.assertEqual(len(make('-size', '200k', '-seed', '4')), 200 << 10)
        self.assertEqual(make('-size', '5', '-seed', '4'), make('-size', '5', '-seed', '4'))
        self.assertEqual(len(make('-eicar')), 68)


if __name__ == '__main__':
    unittest.main()
