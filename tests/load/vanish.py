#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vanish - clients that go away, by FIN and by RST, in every state that a connection can be in.

    vanish.py --engine PATH [--ring uring|epoll] [--seed N]

Each state is reached on purpose, then left by a dice. Afterwards the engine must be as it was: no connection, request,
generation, body block or descriptor is left, and no shard died.
"""

import collections
import os
import random
import socket
import sys
import time

import load_kit as kit
import servers

SHARDS = 2
SECONDS = 7
CROWD = 30             # Connections that are open at a time, so that states meet.
LARGE_FILE = 48 * kit.MIB
THRESHOLD = 4
WAITERS = 300
TRACE = os.environ.get('BALEEN_LOAD_TRACE')


class States:
    """One method for each state: it brings a connection there and leaves it open."""

    def __init__(self, engine, dice, large_file):
        self.engine = engine
        self.dice = dice
        self.large_file = large_file
        self.heads = kit.respmod_heads()
        self.heads_204 = kit.respmod_heads(headers=['Allow: 204'])
        self.icap_len = self.heads.index(b'\r\n\r\n') + 4
        self.large = kit.chunked(kit.filler(3 * kit.MIB, 1), kit.MIB)
        # How often each is taken; the rest weighs 20.
        self.weights = {'large_echo': 4, 'large_echo_pipelined': 2, 'spilled': 2, 'filemod': 2, 'early_head': 3,
                        'drain': 6}
        self.names = [name[3:] for name in dir(self) if name.startswith('at_')]

    def pick(self):
        return self.dice.choices(self.names, [self.weights.get(name, 20) for name in self.names])[0]

    def open(self):
        # A small window keeps answers on the engine's side.
        return kit.Client(self.engine, receive_buffer=self.dice.choice((0, 4096)))

    def start(self, data):
        client = self.open()
        client.send(data)
        return client

    def between(self, low, high):
        return self.dice.randrange(low, high)

    def at_connect(self):
        return self.open()

    def at_request_line(self):
        return self.start(self.heads[:self.between(1, 30)])

    def at_head(self):
        return self.start(self.heads[:self.between(50, self.icap_len)])

    def at_encapsulated_head(self):
        return self.start(self.heads[:self.between(self.icap_len, len(self.heads))])

    def at_chunk_size(self):
        return self.start(self.heads + b'1234')

    def at_chunk_size_line_end(self):
        return self.start(self.heads + b'12\r')

    def at_chunk(self):
        return self.start(self.heads + b'1000\r\n' + bytes(self.between(0, 0x1000)))

    def at_chunk_end(self):
        return self.start(self.heads + b'3\r\nabc' + b'\r'[:self.between(0, 2)])

    def at_last_chunk(self):
        return self.start(self.heads + b'3\r\nabc\r\n' + b'0\r\n\r\n'[:self.between(1, 5)])

    def at_trailer(self):
        return self.start(self.heads + b'3\r\nabc\r\n0\r\nX-Trailer: value\r\n')

    def at_preview(self):
        return self.start(kit.respmod_heads(headers=['Preview: 4']) + b'4\r\nab')

    def at_unread_100(self):
        return self.start(kit.respmod_heads(headers=['Preview: 4']) + b'4\r\nabcd\r\n0\r\n\r\n')

    def at_read_100(self):
        client = self.at_unread_100()
        assert client.receive().status == 100
        return client

    def at_rest_after_100(self):
        client = self.at_read_100()
        client.send(b'5\r\nab')
        return client

    def at_unread_204(self):
        return self.start(self.heads_204 + kit.chunked(b'abc'))

    def at_read_204(self):
        client = self.at_unread_204()
        assert client.receive().status == 204
        return client

    def at_next_request(self):
        client = self.at_read_204()
        client.send(self.heads[:self.between(1, len(self.heads))])
        return client

    def at_pipelined(self):
        return self.start((self.heads + kit.chunked(b'abc')) * 20 + self.heads[:60])

    def at_finding(self):
        return self.start(self.heads + kit.chunked(b'xx' + kit.MARKER))

    def at_early_finding(self):
        """The verdict is certain, the body goes on."""
        return self.start(self.heads + b'1000\r\nxx' + kit.MARKER)

    def at_drain(self):
        client = self.at_early_finding()
        assert client.receive().status == 201
        client.send(bytes(self.between(1, 4000)))
        return client

    def at_linger(self):
        client = self.start(b'no such thing\r\n\r\n')
        assert client.receive('', '').status == 400
        if self.dice.random() < 0.5:
            client.send(bytes(1000))
        return client

    def at_unread_400(self):
        return self.start(b'no such thing\r\n\r\n' + bytes(self.between(0, 3000)))

    def at_connection_close(self):
        return self.start(kit.respmod_heads(headers=['Connection: close']) + kit.chunked(b'abc'))

    def at_options(self):
        return self.start(kit.icap_head('OPTIONS', 'AVSCAN') * self.between(1, 50))

    def at_large_echo(self):
        """Its answer is under way, and does not fit the socket."""
        return self.start(self.heads + self.large)

    def at_large_echo_pipelined(self):
        return self.start(self.heads + self.large + self.heads + self.large[:self.between(1, kit.MIB)])

    def at_large_body(self):
        return self.start(self.heads + self.large[:self.between(60000, 300000)])

    def at_spilled(self):
        """A body that is in a file by now."""
        client = self.start(self.heads)
        for _ in range(4):
            client.send(self.large[:-5])
        return client

    def at_early_head(self):
        client = self.start(kit.respmod_heads(headers=['Allow: trailers']) + self.large[:100000])
        return client

    def at_filemod(self):
        return self.start(kit.icap_head('FILEMOD', 'SYMCScanResp-AV', ['X-Filepath: ' + self.large_file]))

    def at_filemod_missing(self):
        return self.start(kit.icap_head('FILEMOD', 'SYMCScanResp-AV', ['X-Filepath: %s-' % self.large_file]))


def leave(client, dice):
    """One of the ways to go."""
    way = dice.choice(('reset', 'fin', 'half'))
    if way == 'reset':
        client.reset()
    elif way == 'fin':
        # What it has not read makes this a RST, too, on the wire.
        client.close()
    else:
        try:
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        time.sleep(dice.random() * 0.002)
        client.close()
    return way


def play(checks, engine, dice, large_file, seconds):
    """Brings connections into states and leaves them, a crowd at a time."""
    states = States(engine, dice, large_file)
    counts = collections.Counter()
    failures = []
    crowd = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        name = states.pick()
        if TRACE:
            print(name, flush=True)
        try:
            crowd.append(getattr(states, 'at_' + name)())
            counts[name] += 1
        except (OSError, kit.wire.WireError, AssertionError) as error:
            failures.append('%s: %s: %s' % (name, type(error).__name__, error))
            if len(failures) > 20:
                break
        if len(crowd) >= CROWD or dice.random() < 0.1:
            dice.shuffle(crowd)
            for client in crowd[dice.randrange(len(crowd)):]:
                counts[leave(client, dice)] += 1
                crowd.remove(client)
    for client in crowd:
        leave(client, dice)
    print('%d connections: %s' % (sum(counts[name] for name in states.names), dict(counts)))
    checks.none(failures, 'every state is reached')
    checks.check(all(counts[name] for name in states.names), 'none was left out',
                 [name for name in states.names if not counts[name]])


def vanish_waiting(checks, arguments, dice):
    """Clients that go while they wait for admission; who stays is answered."""
    engine = kit.start_engine(arguments, shards=SHARDS, admission__queue_threshold=THRESHOLD)
    request = kit.respmod_heads('AVSCAN') + kit.chunked(b'abc')
    held = []
    for _ in range(THRESHOLD):
        client = kit.Client(engine)
        client.send(kit.respmod_heads('AVSCAN') + b'3\r\nabc\r\n')
        held.append(client)
    kit.wait_active(engine, THRESHOLD)
    waiting = []
    for _ in range(WAITERS):
        client = kit.Client(engine)
        client.send(request)
        waiting.append(client)
    servers.wait_until(lambda: engine.control('status')['totals']['requests_waiting'] == WAITERS, 5)
    dice.shuffle(waiting)
    staying = waiting[:WAITERS // 10]
    for client in waiting[WAITERS // 10:]:
        client.reset()
    gone = servers.wait_until(
        lambda: engine.control('status')['totals']['requests_waiting'] == len(staying), 5)
    checks.check(gone, 'who goes while it waits is forgotten at once',
                 engine.control('status')['totals']['requests_waiting'])
    for client in held[1:]:
        leave(client, dice)
    wrong = [response.status for response in (client.receive(service='AVSCAN') for client in staying)
             if response.status != 200]
    checks.none(wrong, 'who stays is answered when those before it are gone')
    for client in staying + held[:1]:
        client.close()
    kit.check_settles(checks, engine)
    checks.check(kit.restarts(engine.control('status')) == 0 and engine.stop() == 0, 'no shard died')


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('vanish')
    dice = random.Random(arguments.seed)
    folder = servers.temp_dir('baleen-load-')
    large_file = os.path.join(folder, 'large')
    with open(large_file, 'wb') as out:
        out.truncate(LARGE_FILE)
    # Some kernels lose the end that comes right behind bytes to a multishot receive (liburing issue 1549). It is for
    # the time-outs then to end the connection, so these are short enough to be seen.
    engine = kit.start_engine(arguments, shards=SHARDS, filemod__roots='[%s]' % folder,
                              limits__body_memory='64MiB', icap__head_timeout='8s', icap__progress_timeout='8s',
                              icap__idle_timeout='8s')
    kit.check_settles(checks, engine, text='the engine is idle before')
    held = kit.settled_descriptors(engine)
    play(checks, engine, dice, large_file, SECONDS)
    kit.check_settles(checks, engine, seconds=20)
    print('%d ended by a time-out' % engine.control('status')['totals']['reason_timeout'])
    servers.wait_until(lambda: kit.descriptors(engine) == held, 5)
    checks.check(kit.descriptors(engine) == held, 'no descriptor is left', (held, kit.descriptors(engine)))
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    calm = kit.Background(engine)
    time.sleep(0.5)
    calm.judge(checks, 0.5, 'after it')
    vanish_waiting(checks, arguments, dice)
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
