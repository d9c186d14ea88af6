#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""slow_client - clients that send or take a byte now and then: time-outs end them, and nobody else notices.

    slow_client.py --engine PATH [--ring uring|epoll]

The limits are a second, so that what takes minutes in the field takes seconds here.
"""

import sys
import threading
import time

import load_kit as kit
import servers
import wire

LIMIT_SECONDS = 1.0
LATE_SECONDS = 1.5       # A time-out may come so much later than its limit.
DRIP_SECONDS = 0.35
PROMPT_SECONDS = 0.1
CROWD = 40               # Of each kind, at the same time.
TAKEN_SLOWLY = 12 * kit.MIB  # More than both ends' socket buffers hold.


class Slow:
    """Drips `drip` behind `first`; judges by what comes back, and when."""

    def __init__(self, engine, name, first, drip, wanted, repeat=True):
        self.name = name
        self.engine = engine
        self.first = first
        self.drip = drip
        self.wanted = wanted
        self.repeat = repeat
        self.failure = ''
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            client = kit.Client(self.engine)
            client.send(self.first)
            self.started = time.monotonic()
            self.send_drops(client)
            response = client.receive(seconds=5)
            self.judge(client, response)
            client.close()
        except (OSError, wire.WireError) as error:
            self.failure = '%s: %s: %s' % (self.name, type(error).__name__, error)

    def send_drops(self, client):
        for at in range(len(self.drip)):
            if client.reader.poll(DRIP_SECONDS):
                return
            client.send(self.drip[at:at + 1])

    def judge(self, client, response):
        seconds = time.monotonic() - self.started
        if response.status != self.wanted:
            self.failure = '%s: status %d after %.1f s' % (self.name, response.status, seconds)
        elif self.wanted == 408:
            if not LIMIT_SECONDS * 0.9 < seconds < LIMIT_SECONDS + LATE_SECONDS:
                self.failure = '%s: 408 after %.2f s' % (self.name, seconds)
            elif response.icap.get('Connection') != 'close' or not client.is_closed(2):
                self.failure = '%s: the connection stays open behind 408' % self.name


class Sipper:
    """Asks for a large echo and takes a byte now and then, or nothing at all."""

    def __init__(self, engine, takes):
        self.engine = engine
        self.takes = takes
        self.failure = ''
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            client = kit.Client(self.engine, receive_buffer=4096)
            client.send(kit.respmod_heads() + kit.chunked(kit.filler(TAKEN_SLOWLY, 3), kit.MIB))
            until = time.monotonic() + 4 * LIMIT_SECONDS
            while time.monotonic() < until:
                if self.takes:
                    client.sock.recv(1)
                time.sleep(DRIP_SECONDS)
            if self.rest(client) >= TAKEN_SLOWLY:
                self.failure = 'the engine has waited for a client that takes %s' % (
                    'a byte a time' if self.takes else 'nothing')
            client.close()
        except OSError as error:
            self.failure = '%s: %s' % (type(error).__name__, error)

    @staticmethod
    def rest(client):
        total = 0
        client.sock.settimeout(5)
        try:
            while True:
                data = client.sock.recv(262144)
                if not data:
                    return total
                total += len(data)
        except ConnectionResetError:
            return total


def make_crowd(engine):
    heads = kit.respmod_heads(headers=['Allow: 204'])
    icap = heads[:heads.index(b'\r\n\r\n') + 4]
    body = kit.filler(8, 1)
    crowd = []
    for _ in range(CROWD):
        crowd += [
            Slow(engine, 'a request line', heads[:1], heads[1:], 408),
            Slow(engine, 'a head', heads[:60], heads[60:], 408),
            Slow(engine, 'a silent head', heads[:60], b'', 408),
            Slow(engine, 'a silent HTTP head', icap, b'', 408),
            Slow(engine, 'half an HTTP head', heads[:len(icap) + 20], b'', 408),
            Slow(engine, 'a silent body', heads, b'', 408),
            Slow(engine, 'a silent chunk', heads + b'8\r\nabc', b'', 408),
            Slow(engine, 'a silent end', heads + b'8\r\n' + body + b'\r\n', b'', 408),
            # A byte is progress, however long it takes to be many.
            Slow(engine, 'a body', heads + b'8\r\n', body + b'\r\n0\r\n\r\n', 204),
        ]
    return crowd


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('slow_client')
    engine = kit.start_engine(arguments, shards=1, icap__head_timeout='1s', icap__progress_timeout='1s')
    held = kit.settled_descriptors(engine)

    fast = kit.Background(engine, threads=3)
    crowd = make_crowd(engine)
    for slow in crowd:
        slow.thread.join(kit.ANSWER_SECONDS)
    checks.none([slow.failure for slow in crowd if slow.failure],
                '%d slow clients get what is theirs' % len(crowd))
    checks.none([slow.name for slow in crowd if slow.thread.is_alive()], 'none of them waits for ever')

    # What has been sent and not yet taken counts as taken by the kernel; so these get their time.
    sippers = [Sipper(engine, takes=i % 2 == 1) for i in range(4)]
    for sipper in sippers:
        sipper.thread.join(kit.ANSWER_SECONDS)
    checks.none([sipper.failure for sipper in sippers if sipper.failure],
                'who does not take the answer loses the connection')
    fast.judge(checks, PROMPT_SECONDS * (10 if arguments.instrumented else 1), 'beside the slow ones')

    kit.check_settles(checks, engine)
    servers.wait_until(lambda: kit.descriptors(engine) == held, 5)
    checks.check(kit.descriptors(engine) == held, 'no descriptor is left', (held, kit.descriptors(engine)))
    status = engine.control('status')
    checks.check(status['totals']['reason_timeout'] == 8 * CROWD, 'each time-out is counted once',
                 status['totals']['reason_timeout'])
    checks.check(status['totals']['reason_peer_slow'] >= 2, 'and who took nothing',
                 status['totals']['reason_peer_slow'])
    checks.check(kit.restarts(status) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
