#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill_shard - shards are killed under load: nothing is lost but what was on their own connections.

    kill_shard.py --engine PATH [--ring uring|epoll] [--seed N]

Which shard a connection is on is read from /proc: the engine's end of it is among the shard's descriptors.
"""

import math
import os
import random
import signal
import sys
import threading
import time

import load_kit as kit
import servers
import wire

SHARDS = 2
WORKERS = 16
KILLS = 6
PAUSE_SECONDS = 0.7
LOOKS = 2            # The shard may be newer than what is known of shards.
FRESH_SECONDS = 3.0  # A connection made right after a kill may have to wait for the new shard.


def socket_inode(engine_port, client_port):
    """Of the engine's end of a connection; '' when there is none."""
    with open('/proc/net/tcp', 'rb') as table:
        text = table.read()
    at = text.find(b' 0100007F:%04X 0100007F:%04X 01 ' % (engine_port, client_port))
    return text[at:].split(None, 9)[8].decode() if at >= 0 else ''


def holds_inode(pid, inode):
    folder = '/proc/%d/fd' % pid
    for name in os.listdir(folder):
        try:
            if os.readlink(os.path.join(folder, name)) == 'socket:[%s]' % inode:
                return True
        except OSError:
            continue
    return False


class Worker:
    """Asks on one connection after the other, and notes how each of them ended."""

    def __init__(self, number, engine, record, seed):
        self.number = number
        self.engine = engine
        self.record = record
        self.random = random.Random(seed)
        self.data = kit.filler(120000, number)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.record.stopping:
            started = time.monotonic()
            pid = None
            looked_at = math.inf
            try:
                client = kit.Client(self.engine)
                self.ask(client)
                fresh = time.monotonic() - started
                pid = self.record.shard_of(client.sock.getsockname()[1])
                looked_at = time.monotonic()
                self.record.note_fresh(fresh)
                for _ in range(self.random.randrange(20, 400)):
                    if self.record.stopping:
                        break
                    self.ask(client)
                client.close()
            except (OSError, wire.WireError) as error:
                self.record.note_failure(started, looked_at, pid, error)

    def ask(self, client):
        size = self.random.choice((10, 3000, 3000, 120000))
        bad = self.random.random() < 0.2
        body = self.data[:size] + (kit.MARKER if bad else b'')
        allowed = self.random.random() < 0.5
        headers = ['Allow: 204'] if allowed else []
        if self.random.random() < 0.3:
            response = self.ask_preview(client, headers, body)
        else:
            response = client.ask(kit.respmod_heads(headers=headers) + kit.chunked(body))
        self.record.note_answer()
        if bad:
            right = response.status == 201 and kit.finding(response) == kit.MARKER_NAME
        elif response.status == 204:
            right = True
        else:
            right = response.status == 200 and response.body.size == len(body) and \
                response.body.text == body
        if not right or response.status == 204 and not allowed and not headers:
            self.record.note_wrong('%d %s for %d bytes, %s' % (
                response.status, kit.finding(response), len(body), 'infected' if bad else 'clean'))

    def ask_preview(self, client, headers, body):
        headers.append('Preview: 4')
        client.send(kit.respmod_heads(headers=headers) + b'4\r\n' + body[:4] + b'\r\n0\r\n\r\n')
        response = client.receive()
        if response.status == 100:
            client.send(kit.chunked(body[4:]))
            response = client.receive()
        return response


class Record:
    """What the workers saw."""

    def __init__(self, engine):
        self.engine = engine
        self.lock = threading.Lock()
        self.stopping = False
        self.answers = 0
        self.pids = []
        self.fresh = []
        self.wrong = []
        self.failures = []

    def shard_of(self, client_port):
        """The process that has the connection; None when none is found, as happens when it has died."""
        for _ in range(LOOKS):
            inode = socket_inode(self.engine.port, client_port)
            for pid in self.pids if inode else ():
                try:
                    if holds_inode(pid, inode):
                        return pid
                except OSError:
                    continue
            self.pids = list(self.engine.shard_pids().values())
        return None

    def note_answer(self):
        with self.lock:
            self.answers += 1

    def note_fresh(self, seconds):
        with self.lock:
            self.fresh.append(seconds)

    def note_wrong(self, text):
        with self.lock:
            self.wrong.append(text)

    def note_failure(self, connected_at, looked_at, pid, error):
        text = '%s: %s' % (type(error).__name__, error)
        with self.lock:
            self.failures.append((pid, connected_at, looked_at, time.monotonic(), text))


class Kill:
    def __init__(self, engine, number):
        self.pid = engine.shard_pids()[number]
        self.at = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        servers.wait_until(lambda: not is_alive(self.pid), 5, 0.001)
        self.dead_at = time.monotonic()

    def explains(self, failure):
        """Its own connections, and those that were lost before anybody had found out whose they were."""
        pid, connected_at, looked_at, failed_at, text = failure
        lost = 'reset' in text.lower() or 'closed' in text or 'Broken pipe' in text
        if not lost or failed_at < self.at:
            return False
        return pid == self.pid or pid is None and connected_at < self.dead_at and looked_at > self.at


def is_alive(pid):
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stat:
            return stat.read().rpartition(b')')[2].split()[0] not in (b'Z', b'X')
    except OSError:
        return False


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('kill_shard')
    engine = kit.start_engine(arguments, shards=SHARDS)
    record = Record(engine)
    workers = [Worker(i, engine, record, arguments.seed + i) for i in range(WORKERS)]
    servers.wait_until(lambda: len(record.fresh) >= WORKERS, 20)
    kills = []
    for i in range(KILLS):
        time.sleep(PAUSE_SECONDS)
        answers = record.answers
        kills.append(Kill(engine, i % SHARDS))
        client = kit.Client(engine)
        checks.check(client.ask(kit.respmod_heads(headers=['Allow: 204']) + kit.chunked(b'x')).status == 204,
                     'a connection made after kill %d is served' % (i + 1))
        client.close()
        servers.wait_until(lambda: kills[-1].pid not in engine.shard_pids().values()
                           and len(engine.shard_pids()) == SHARDS, 5)
        record.pids = list(engine.shard_pids().values())
        servers.wait_until(lambda seen=answers: record.answers > seen, 5)
        checks.check(record.answers > answers and len(engine.shard_pids()) == SHARDS,
                     'shard %d is replaced, answers go on' % (i % SHARDS))
    time.sleep(PAUSE_SECONDS)
    record.stopping = True
    for worker in workers:
        worker.thread.join(kit.ANSWER_SECONDS)
    status = engine.control('status')

    print('%d answers on %d connections; failed: %s' % (record.answers, len(record.fresh), ', '.join(
        '%d by kill %d' % (sum(kill.pid == f[0] for f in record.failures), i + 1) for i, kill in enumerate(kills))
        + ', %d too young to know' % sum(f[0] is None for f in record.failures)))
    checks.none(record.wrong, 'every answer is right')
    checks.none([f for f in record.failures if not any(kill.explains(f) for kill in kills)],
                'only connections of a killed shard failed')
    for i, kill in enumerate(kills):
        # Otherwise the line above would hold with nothing killed.
        checks.check(any(kill.explains(f) for f in record.failures), 'kill %d hit connections under load' % (i + 1))
    limit = FRESH_SECONDS * (5 if arguments.instrumented else 1)
    checks.check(max(record.fresh) < limit, 'a new connection has its first answer within %g s' % limit,
                 '%.3f s at most' % max(record.fresh))
    checks.check([shard['restarts'] for shard in status['shards']] == [KILLS // SHARDS] * SHARDS,
                 'status counts the restarts', [shard['restarts'] for shard in status['shards']])
    kit.check_settles(checks, engine)
    return checks.finish(engine, may_die=True)


if __name__ == '__main__':
    sys.exit(main())
