#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""write_before_read - clients that write hundreds of megabytes before they read a byte, and one that reads slowly.

    write_before_read.py --engine PATH [--ring uring|epoll]

All on one shard, so that whatever one of them holds up is seen by the others.
"""

import hashlib
import random
import sys
import threading
import time

import load_kit as kit
import wire

LARGE = 300 * kit.MIB
SEVERAL = 2
SEVERAL_SIZE = 100 * kit.MIB
SLOW_SIZE = 50 * kit.MIB
SLOW_SECONDS = 4
SHARD_MEMORY_MAX = 200 * kit.MIB
PROMPT_SECONDS = 0.25
PIECE = kit.MIB


def body_pieces(size, seed):
    """A body in pieces that are all different."""
    block = bytearray(random.Random(seed).randbytes(PIECE))
    for number in range(size // PIECE):
        block[:8] = number.to_bytes(8, 'big')
        yield block


class Echo:
    """One body, written whole before the first read; then read, and compared by its digest."""

    def __init__(self, engine, size, seed, one_chunk=False, receive_buffer=0):
        self.size = size
        self.seed = seed
        self.one_chunk = one_chunk
        self.client = kit.Client(engine, receive_buffer)
        self.digest = ''
        self.failure = ''

    def write(self):
        digest = hashlib.sha256()
        self.client.send(kit.respmod_heads() + (b'%x\r\n' % self.size if self.one_chunk else b''))
        for piece in body_pieces(self.size, self.seed):
            digest.update(piece)
            if not self.one_chunk:
                self.client.send(b'%x\r\n' % PIECE)
            self.client.send(piece)
            if not self.one_chunk:
                self.client.send(b'\r\n')
        self.client.send((b'\r\n' if self.one_chunk else b'') + b'0\r\n\r\n')
        self.digest = digest.hexdigest()

    def read(self, seconds=120):
        self.judge(self.client.receive(seconds=seconds))

    def judge(self, response):
        if response.status != 200:
            self.failure = 'status %d' % response.status
        elif response.body.size != self.size or response.body.sha.hexdigest() != self.digest:
            self.failure = '%d bytes of %d, or not the same' % (response.body.size, self.size)
        self.client.close()

    def run(self):
        try:
            self.write()
            self.read()
        except (OSError, wire.WireError) as error:
            self.failure = '%s: %s' % (type(error).__name__, error)

    def run_slowly(self):
        """Reads a little now and then, for some seconds, and then the rest."""
        try:
            self.write()
            response = self.client.receive(head_only=True)
            until = time.monotonic() + SLOW_SECONDS
            while time.monotonic() < until:
                # Behind what the reader holds: it takes all of it when it goes on.
                self.client.reader.buf += self.client.sock.recv(16384)
                time.sleep(0.05)
            wire.read_rest(self.client.reader, response, 60)
            self.judge(response)
        except (OSError, wire.WireError) as error:
            self.failure = '%s: %s' % (type(error).__name__, error)


def run_together(checks, text, echoes, target=Echo.run):
    started = time.monotonic()
    threads = [threading.Thread(target=target, args=(echo,)) for echo in echoes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print('%.1f s' % (time.monotonic() - started))
    checks.none([echo.failure for echo in echoes if echo.failure], text)


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('write_before_read')
    engine = kit.start_engine(arguments, shards=1)
    pid = engine.shard_pids()[0]
    memory = kit.Sampler(lambda: kit.resident_bytes(pid))

    run_together(checks, '%d MiB written before a byte is read come back the same' % (LARGE // kit.MIB),
                 [Echo(engine, LARGE, 1, one_chunk=True)])
    run_together(checks, '%d times %d MiB at once, too' % (SEVERAL, SEVERAL_SIZE // kit.MIB),
                 [Echo(engine, SEVERAL_SIZE, 2 + i) for i in range(SEVERAL)])
    kit.check_settles(checks, engine)

    slow = Echo(engine, SLOW_SIZE, 9, receive_buffer=65536)
    fast = kit.Background(engine, threads=3)
    run_together(checks, '%d MiB come back the same to a slow reader' % (SLOW_SIZE // kit.MIB), [slow],
                 Echo.run_slowly)
    fast.judge(checks, PROMPT_SECONDS * (4 if arguments.instrumented else 1), 'beside the slow reader')

    largest = memory.stop()
    checks.check(arguments.instrumented or largest < SHARD_MEMORY_MAX,
                 'the shard never had more than %d MiB' % (SHARD_MEMORY_MAX // kit.MIB),
                 '%d MiB' % (largest // kit.MIB))
    kit.check_settles(checks, engine)
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
