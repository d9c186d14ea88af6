#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hostile - real conversations, broken in every way that a dice can think of, against a live engine.

    hostile.py --engine PATH [--ring uring|epoll] [--seed N]

Valid OPTIONS, REQMOD, RESPMOD and FILEMOD conversations (previews, trailers, early heads, pipelining) are mutated, cut into
pieces, sent with pauses and left in all ways, on many connections, while definitions are swapped. Well-behaved clients beside
them must not notice. Afterwards the engine must be as it was: no shard died, no connection, request, generation, body block or
descriptor is left. Three times: with ordinary settings; with next to no memory, so that bodies lie in files; and
with limits so small that each of them is met all the time. BALEEN_HOSTILE_SECONDS says how long each of the three lasts.
"""

import collections
import os
import random
import re
import select
import socket
import struct
import sys
import threading
import time

import load_kit as kit
import servers

SECONDS = float(os.environ.get('BALEEN_HOSTILE_SECONDS', '5'))
THREADS = 6
OPEN_EACH = 8  # Connections that a thread keeps open without a further word.
URL = 'http://hostile.test/%d'
DEFECT = re.compile(r'a defect of the engine|Assertion|SUMMARY:', re.I)

NUMBERS = [b'0', b'-1', b'00000000000000000000', b'2147483648', b'4294967295', b'4294967296', b'9223372036854775807',
           b'18446744073709551615', b'18446744073709551616', b'99999999999999999999999999', b'7fffffffffffffff',
           b'ffffffffffffffff', b'10000000000000000', b'fffffffffffffffffffffffff', b'1e9', b'0x10', b'+5', b' 5']
WORDS = [b'\r\n', b'\n', b'\r', b'\r\n\r\n', b'\0', b'\0' * 100, b';', b'; ieof', b'0; ieof\r\n\r\n', b'0\r\n\r\n', b':',
         b'=', b',', b' ', b'\t', b'\r\n ', b'"', b'\xff' * 9, b'icap://', b'icap://[::', b'%00', b'?action=', b'../',
         b'Encapsulated: null-body=0\r\n', b'Encapsulated: req-hdr=0, res-hdr=1, res-body=2\r\n', b'Preview: 0\r\n',
         b'Preview: 99999\r\n', b'Allow: 204, 206, trailers\r\n', b'Connection: close\r\n', b'Host: x\r\n',
         b'OPTIONS /AVSCAN ICAP/1.0\r\nHost: x\r\n\r\n', kit.MARKER]
CRAMPED = {'limits__body_memory': '1MiB', 'icap__head_timeout': '2s', 'icap__progress_timeout': '2s',
           'icap__idle_timeout': '2s', 'icap__early_head': 'all', 'admission__wait': '10s'}
TINY = dict(CRAMPED, limits__head='1KiB', limits__body='600KiB', icap__max_connections=8, admission__queue_threshold=2,
            admission__wait='300ms', icap__head_timeout='1s', icap__progress_timeout='700ms', icap__drain_max='300KiB',
            icap__trickle__after='50ms', icap__trickle__rate='200KiB', limits__time='500ms')


class Conversations:
    """One method for each kind: a list of parts; before each but the first an answer is waited for, or not."""

    def __init__(self, dice, folder):
        self.dice = dice
        self.folder = folder
        self.names = [name[3:] for name in dir(self) if name.startswith('is_')]

    def pick(self):
        name = self.dice.choice(self.names)
        return name, getattr(self, 'is_' + name)()

    def url(self):
        return URL % self.dice.randrange(1000)

    def service(self):
        return self.dice.choice(('AVSCAN', 'AVSCANRESP', 'SYMCScanResp-AV', 'SYMCScanResp-DDR', 'echo', 'ex206',
                                 'SYMCScanResp-AV?action=scan', 'avscan?x=1&action=scandelete', 'none'))

    def data(self, most=20000):
        data = self.dice.randbytes(self.dice.choice((0, 1, 10, 1000, self.dice.randrange(most))))
        if self.dice.random() < 0.2:
            at = self.dice.randrange(len(data) + 1)
            data = data[:at] + kit.MARKER + data[at:]
        return data

    def chunks(self, data, last=b'0\r\n\r\n'):
        parts = []
        while data:
            size = self.dice.choice((1, 7, 1000, 4096, 65536, len(data)))
            extension = self.dice.choice((b'', b'', b'; a=b', b';x="y;\\" z"', b' '))
            parts.append(b'%x%s\r\n%s\r\n' % (len(data[:size]), extension, data[:size]))
            data = data[size:]
        return b''.join(parts) + last

    def headers(self):
        return [line for line in ('Allow: 204', 'Allow: 206', 'Allow: trailers', 'X-Client-IP: 10.0.0.1',
                                  'Connection: close', 'X-Authenticated-User: TG9jYWw6Ly9h', 'User-Agent: hostile')
                if self.dice.random() < 0.2]

    def is_options(self):
        return [kit.icap_head('OPTIONS', self.service(), self.headers())]

    def is_respmod(self):
        return [kit.respmod_heads(self.service(), self.headers(), self.url()) + self.chunks(self.data())]

    def is_reqmod(self):
        service = self.dice.choice(('AVSCAN', 'AVSCANREQ', 'SYMCScanReq-AV', 'SYMCScanReq-AV-URL', 'echo', 'ex206'))
        return [kit.reqmod_heads(service, self.headers(), self.url()) + self.chunks(self.data())]

    def is_null_body(self):
        heads = self.dice.choice((kit.respmod_heads, kit.reqmod_heads))
        return [heads('AVSCAN', self.headers(), self.url(), has_body=False)]

    def is_preview(self):
        data = self.data(3000)
        size = self.dice.choice((0, 1, 100, 1024))
        heads = kit.respmod_heads(self.service(), self.headers() + ['Preview: %d' % size], self.url())
        if len(data) <= size:
            return [heads + self.chunks(data, b'0; ieof\r\n\r\n')]
        return [heads + self.chunks(data[:size]), self.chunks(data[size:])]

    def is_trailers(self):
        return [kit.respmod_heads(self.service(), ['Trailer: X-A'], self.url()) +
                self.chunks(self.data(), b'0\r\nX-A: b\r\nX-B: %s\r\n\r\n' % (b'c' * self.dice.randrange(3000)))]

    def is_early_head(self):
        heads = kit.respmod_heads('SYMCScanResp-AV', ['Allow: trailers'], self.url())
        return [heads + self.chunks(self.dice.randbytes(90000), b''), self.chunks(self.data(), b''),
                self.chunks(self.data())]

    def is_large(self):
        return [kit.respmod_heads(self.service(), self.headers(), self.url()) +
                kit.chunked(self.dice.randbytes(64 * kit.KIB) * self.dice.randrange(2, 60), 60000)]

    def is_traffic_server(self):
        return [kit.respmod_heads('AVSCAN', ['Connection: close'], self.url()) + self.chunks(self.data(), b'0; ieof\r\n\r\n')]

    def is_filemod(self):
        path = os.path.join(self.folder, 'file-%d-%d' % (self.dice.randrange(3), threading.get_ident()))
        if self.dice.random() < 0.7:
            try:
                with open(path, 'wb') as out:
                    out.write(self.data(200000))
                os.chmod(path, 0o644)
            except OSError:
                pass
        return [kit.icap_head('FILEMOD', self.dice.choice(('SYMCScanResp-AV', 'AVSCAN', 'AVSCANRESP?action=scan')),
                              self.headers() + ['X-Filepath: ' + path, 'Encapsulated: null-body=0'])]

    def is_unknown_method(self):
        return [kit.icap_head('SHOPMOD', self.service(), ['Encapsulated: opt-body=0']) + self.chunks(self.data())]


def mutate(dice, data):
    """A few changes to a conversation; none in one of five."""
    if dice.random() < 0.2:
        return data
    data = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        # Most of it happens where the parsers are: near the front.
        reach = len(data) if dice.random() < 0.4 else min(len(data), 700)
        at = dice.randrange(reach + 1)
        way = dice.randrange(9)
        if way == 0 and data:
            for _ in range(dice.randrange(1, 9)):
                data[dice.randrange(reach)] ^= 1 << dice.randrange(8)
        elif way == 1:
            del data[at:]
        elif way == 2:
            del data[at:at + dice.choice((1, 2, 10, 1000))]
        elif way == 3:
            piece = data[at:at + dice.choice((1, 10, 200, 5000))]
            to = dice.randrange(len(data) + 1)
            data[to:to] = piece
        elif way == 4:
            found = list(re.finditer(rb'[0-9a-f]+', bytes(data[:reach])))
            if found:
                number = dice.choice(found)
                data[number.start():number.end()] = dice.choice(NUMBERS)
        elif way == 5:
            data[at:at] = dice.choice((b'A', b'0', b' ', b'\r\n', b',', b'\x80')) * dice.choice((300, 5000, 70000))
        elif way == 6:
            data[at:at] = dice.choice(WORDS)
        elif way == 7:
            line = data.find(b'\r\n', at)
            if line >= 0:
                data[line + 2:line + 2] = dice.choice(WORDS)
        else:
            data[at:at] = dice.randbytes(dice.choice((1, 10, 3000)))
    return bytes(data)


class Attacker:
    """A thread that holds conversations badly until it is told to stop."""

    def __init__(self, engine, seed, folder):
        self.engine = engine
        self.dice = random.Random(seed)
        self.conversations = Conversations(self.dice, folder)
        self.counts = collections.Counter()
        self.errors = []
        self.left_open = []
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            try:
                self.one_connection()
            except OSError:
                # The engine has gone first, as it may.
                self.counts['cut off'] += 1
            except Exception as error:  # A defect of this script: said, not lost in a thread.
                self.errors.append('%s: %s' % (type(error).__name__, error))
                return

    def close(self):
        for sock in self.left_open:
            sock.close()

    def one_connection(self):
        sock = socket.socket()
        try:
            if self.dice.random() < 0.3:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(2)
            sock.connect((kit.HOST, self.engine.port))
            for _ in range(self.dice.choice((1, 1, 2, 4, 12))):
                name, parts = self.conversations.pick()
                self.counts[name] += 1
                for part in parts:
                    self.send(sock, mutate(self.dice, part))
                    self.look(sock)
        except OSError:
            sock.close()
            raise
        self.leave(sock)

    def send(self, sock, data):
        way = self.dice.random()
        if way < 0.5:
            sock.sendall(data)
            return
        # In pieces; the tiny ones at the front alone, or it would take for ever.
        at = 0
        while at < len(data):
            size = self.dice.choice((1, 2, 17, 300)) if at < 60 and way < 0.8 else self.dice.randrange(1, 30000)
            sock.sendall(data[at:at + size])
            at += size
            if self.dice.random() < 0.3:
                time.sleep(self.dice.random() * 0.003)

    def look(self, sock):
        """Reads what is there, waits a little for more, or does not care."""
        wait = self.dice.choice((None, 0, 0, 0.005, 0.05))
        while wait is not None and select.select([sock], [], [], wait)[0]:
            if not sock.recv(self.dice.choice((10, 65536))):
                raise OSError
            wait = 0 if self.dice.random() < 0.9 else None

    def leave(self, sock):
        way = self.dice.choice(('reset', 'fin', 'half', 'read', 'stay', 'stay'))
        self.counts[way] += 1
        if way == 'stay' and len(self.left_open) < OPEN_EACH:
            self.left_open.append(sock)
            return
        if way == 'stay':
            self.left_open.append(sock)
            sock = self.left_open.pop(self.dice.randrange(len(self.left_open)))
        elif way == 'reset':
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        elif way in ('half', 'read'):
            try:
                if way == 'half':
                    sock.shutdown(socket.SHUT_WR)
                until = time.monotonic() + self.dice.random() * 0.2
                while time.monotonic() < until and select.select([sock], [], [], 0.02)[0] and sock.recv(65536):
                    pass
            except OSError:
                pass
        sock.close()


class Careful:
    """A client that does nothing wrong. An engine at its limits may refuse it, but never mixes anything up."""

    def __init__(self, engine, number):
        self.engine = engine
        self.number = number
        self.failures = []
        self.counts = collections.Counter()
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        turn = 0
        while not self.stopping:
            turn += 1
            data = kit.filler((100, 9000, 70000, 300000)[turn % 4], self.number * 1000 + turn)
            bad = turn % 3 == 0
            allow = ['Allow: 204'] if turn % 2 else []
            try:
                # A small window keeps answers on the engine's side.
                client = kit.Client(self.engine, receive_buffer=(0, 4096)[turn // 4 % 2])
                # A finding behind an early head is remembered with its URL.
                heads = kit.respmod_heads('AVSCAN', allow, 'http://load.test/%d/%d' % (self.number, turn))
                response = client.ask(heads + kit.chunked(data + kit.MARKER if bad else data), service='AVSCAN')
                self.judge(response, data, bad, bool(allow))
                client.close()
            except kit.wire.WireError as error:
                # All slots may be taken, or the wait for its body too long; then the connection ends.
                self.counts['ended'] += 1
                if 'connection closed by the engine' not in str(error) and 'reset' not in str(error):
                    self.failures.append(str(error))
            except OSError:
                self.counts['ended'] += 1
            time.sleep(0.005)

    def judge(self, response, data, bad, may_204):
        name = kit.finding(response)
        self.counts[response.status] += 1
        if response.status in (408, 506, 551):
            return
        if name:
            good = name in ('Baleen.Overload', 'Baleen.Limit.Time') or bad and name == kit.MARKER_NAME
        elif response.status == 204:
            good = may_204 and not bad
        else:
            good = response.status == 200 and not bad and response.body.text == data
        if not good:
            self.failures.append('%d %s for %s' % (response.status, name, 'a bad body' if bad else 'a clean body'))

    def stop(self):
        self.stopping = True
        self.thread.join(kit.ANSWER_SECONDS + 5)
        if self.thread.is_alive():
            self.failures.append('no answer at all')


def attack(checks, engine, seed, folder, definitions):
    """The attackers, and a swap of the definitions now and then."""
    attackers = [Attacker(engine, '%d-%d' % (seed, i), folder) for i in range(THREADS)]
    until = time.monotonic() + SECONDS
    number = 1
    refused = []
    while time.monotonic() < until:
        time.sleep(min(0.7, SECONDS / 4))
        number += 1
        kit.write_set(definitions, number)
        answer = engine.control('reload', 60)
        if not answer.get('ok'):
            refused.append(answer)
    for attacker in attackers:
        attacker.stopping = True
    for attacker in attackers:
        attacker.thread.join(30)
    counts = sum((attacker.counts for attacker in attackers), collections.Counter())
    print('%d swaps, %s' % (number - 1, dict(counts)))
    checks.none(refused, 'every swap is made')
    checks.none(sum((attacker.errors for attacker in attackers), []), 'the attackers knew what they did')
    checks.check(not any(attacker.thread.is_alive() for attacker in attackers), 'no attacker hangs')
    checks.check(sum(counts.values()) > 50, 'there was an attack')
    return attackers


def judge_engine(checks, engine, held, attackers):
    # They still hold connections in the middle of everything: it is for the engine to end those in time.
    print('%d connections are left open' % sum(len(attacker.left_open) for attacker in attackers))
    status = engine.control('status')
    checks.check(kit.restarts(status) == 0, 'no shard died')
    checks.check(status['totals']['reason_internal'] == 0, 'no defect was counted')
    kit.check_settles(checks, engine, seconds=30)
    servers.wait_until(lambda: kit.descriptors(engine) == held, 5)
    checks.check(kit.descriptors(engine) == held, 'no descriptor is left', (held, kit.descriptors(engine)))
    checks.none([line for line in engine.log().splitlines() if DEFECT.search(line)], 'no defect is in its log')
    for attacker in attackers:
        attacker.close()


def prepare(arguments, **settings):
    """An engine that may read and delete files of a folder of its own."""
    folder = servers.temp_dir('baleen-load-')
    os.chmod(folder, 0o777)
    definitions = kit.write_set(os.path.join(servers.temp_dir('baleen-load-'), 'set'))
    engine = kit.start_engine(arguments, definitions, shards=2, filemod__roots='[%s]' % folder, definitions__watch='false',
                              **settings)
    return engine, folder, definitions


def ordinary(checks, arguments):
    engine, folder, definitions = prepare(arguments, icap__head_timeout='8s', icap__progress_timeout='8s',
                                          icap__idle_timeout='8s')
    held = kit.settled_descriptors(engine)
    calm = kit.Background(engine)
    attackers = attack(checks, engine, arguments.seed, folder, definitions)
    calm.stop()
    checks.none(calm.failures, 'a well-behaved client gets right answers only')
    checks.check(len(calm.seconds) > 20, 'and many of them', len(calm.seconds))
    judge_engine(checks, engine, held, attackers)
    return engine


def cramped(checks, arguments, text, settings):
    engine, folder, definitions = prepare(arguments, **settings)
    held = kit.settled_descriptors(engine)
    careful = [Careful(engine, i) for i in range(2)]
    attackers = attack(checks, engine, arguments.seed + 1, folder, definitions)
    for client in careful:
        client.stop()
    counts = sum((client.counts for client in careful), collections.Counter())
    print('careful clients: %s' % dict(counts))
    checks.none(sum((client.failures for client in careful), []), '%s: the engine mixes nothing up' % text)
    checks.check(sum(counts.values()) > 5, '%s: well-behaved clients were there' % text, sum(counts.values()))
    judge_engine(checks, engine, held, attackers)
    after = kit.Client(engine).ask(kit.respmod_heads('AVSCAN', ['Allow: 204']) + kit.chunked(b'abc'), service='AVSCAN')
    checks.check(after.status == 204, 'it serves as before', after.status)
    return engine


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('hostile')
    checks.finish(ordinary(checks, arguments))
    checks.finish(cramped(checks, arguments, 'without memory', CRAMPED))
    return checks.finish(cramped(checks, arguments, 'at its limits', TINY))


if __name__ == '__main__':
    sys.exit(main())
