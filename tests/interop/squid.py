#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""squid - Squid with the configuration of README.md between users and a web server.

    squid.py --engine PATH [--definitions DIR] [--seconds N]

Infected downloads and uploads are blocked, clean ones pass unchanged up to 300 MB, a URL whose large body was infected
gets its block page at the second try, and a load as of an hour in a minute never makes Squid suspend the service.
"""

import os
import random
import signal
import sys
import threading
import time

import peers

BIG = 300 * peers.MIB
# An hour of a small office, at the least and at the most.
LOAD_LEAST = 3600
LOAD_MOST = 12000
LOAD_CLIENTS = 24

SUSPENSION = ('suspending', 'service is down', 'Bug:', 'FATAL', 'assertion failed', 'exception')


def infected_tail(size):
    """A body in which the marker comes last, when the early head has long gone out."""
    yield from peers.filler(size, seed=3)
    yield peers.MARKER


def text_page(number):
    return ('<html><title>%d</title>%s</html>' % (number, '<p>Nothing to see here.' * (number * 13 % 400))).encode()


def pages():
    page = peers.Page
    found = {
        '/index.html': page(b'<html>welcome</html>', 'text/html'),
        '/empty': page(b''),
        '/eicar.com': page(peers.EICAR),
        '/eicar.txt': page(peers.EICAR, 'text/plain', chunked=True),
        '/big.bin': page(lambda: peers.filler(BIG), size=BIG),
        '/chunked.bin': page(lambda: peers.filler(3 * peers.MIB, 2), size=3 * peers.MIB, chunked=True),
        '/edge.bin': page(lambda: peers.filler(65536, 4), size=65536),
        '/infected-tail.bin': page(lambda: infected_tail(2 * peers.MIB),
                                   size=2 * peers.MIB + len(peers.MARKER)),
        '/infected-head.bin': page(peers.MARKER + b'\0' * peers.MIB),
    }
    for size in (1, 1023, 1024, 1025, 65535, 65536, 65537, 200000):
        found['/size/%d' % size] = page(lambda size=size: peers.filler(size, size), size=size)
    for number in range(100):
        found['/page/%d' % number] = page(text_page(number), 'text/html')
    return found


def is_blocked(answer):
    return answer.status == 403 and peers.EICAR not in answer.head and peers.MARKER not in answer.head


def check_clean(checks, squid, origin):
    for path in ['/index.html', '/empty', '/chunked.bin', '/edge.bin'] + [
            path for path in origin.pages if path.startswith('/size/')]:
        page = origin.pages[path]
        answer = peers.exchange(squid.port, origin.url(path))
        checks.check(answer.status == 200 and answer.digest == peers.digest_of(page.pieces()),
                     'GET %s passes unchanged' % path, answer)
    answer = peers.exchange(squid.port, origin.url('/index.html'), method='HEAD')
    checks.equal(answer.status, 200, 'HEAD passes')
    answer = peers.exchange(squid.port, origin.url('/missing'))
    checks.equal(answer.status, 404, 'an error page of the origin passes')


def check_upload(checks, squid, origin):
    for size in (0, 1, 1024, 65536, 100000, 20 * peers.MIB):
        body = b''.join(peers.filler(size, 5))
        answer = peers.exchange(squid.port, origin.url('/upload'), body=body)
        wanted = ('%d %s\n' % (size, peers.digest_of([body]))).encode()
        checks.check(answer.status == 200 and answer.head == wanted, 'POST of %d bytes arrives unchanged' % size,
                     answer)
    before = origin.hits.get('/infected', 0)
    for name, body in (('EICAR', peers.EICAR), ('a marker behind 300 KB', b'\1' * 300000 + peers.MARKER)):
        answer = peers.exchange(squid.port, origin.url('/infected'), body=body)
        checks.check(is_blocked(answer), 'POST of %s is blocked' % name, answer)
    answer = peers.exchange(squid.port, origin.url('/infected'), body=peers.EICAR, method='PUT')
    checks.check(is_blocked(answer), 'PUT of EICAR is blocked', answer)
    checks.equal(origin.hits.get('/infected', 0), before, 'no infected upload reached the origin')


def check_infected(checks, squid, origin):
    for path in ('/eicar.com', '/eicar.txt', '/infected-head.bin'):
        answer = peers.exchange(squid.port, origin.url(path))
        checks.check(is_blocked(answer), 'GET %s is blocked' % path, answer)


def check_big(checks, squid, origin):
    began = time.monotonic()
    answer = peers.exchange(squid.port, origin.url('/big.bin'), timeout=300)
    seconds = time.monotonic() - began
    checks.check(answer.status == 200 and answer.digest == peers.digest_of(peers.filler(BIG)),
                 '300 MB arrive digest-identical', answer)
    print('      in %.1f s, %.0f MB/s' % (seconds, BIG / 1e6 / seconds))


def check_memory(checks, squid, origin):
    """The head is out before the finding: the download breaks off at its beginning, the next one is refused whole."""
    first = peers.exchange(squid.port, origin.url('/infected-tail.bin'))
    size = origin.pages['/infected-tail.bin'].size
    checks.check(first.error and first.size <= size // 16384 or is_blocked(first),
                 'a finding behind 2 MB breaks the download at its beginning', first)
    second = peers.exchange(squid.port, origin.url('/infected-tail.bin'))
    checks.check(is_blocked(second), 'the second try gets the block page', second)


def check_pause(checks, engine, squid, origin):
    """Squid's pipe fills up while the engine does not read; without a nudge it would never read its origin again."""
    def pause():
        shards = engine.shard_pids().values()
        for pid in shards:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        for pid in shards:
            os.kill(pid, signal.SIGCONT)

    timer = threading.Timer(0.2, pause)
    timer.start()
    answer = peers.exchange(squid.port, origin.url('/big.bin'), timeout=300)
    timer.join()
    checks.check(answer.status == 200 and answer.size == BIG and not answer.error,
                 '300 MB arrive although the engine paused', answer)


class Load:
    """What all clients of the load did together."""

    def __init__(self, squid, origin, seconds):
        self.squid = squid
        self.origin = origin
        self.seconds = seconds
        self.lock = threading.Lock()
        self.sent = 0
        self.wrong = []

    def take(self):
        with self.lock:
            self.sent += 1
            return self.sent

    def one(self, conn, dice):
        """One request of the mix; True when the answer is the right one."""
        number = dice.randrange(100)
        if number < 85:
            page = self.origin.pages['/page/%d' % number]
            answer = conn.exchange(self.origin.url('/page/%d' % number))
            return answer.status == 200 and answer.digest == peers.digest_of(page.pieces()), answer
        if number < 90:
            answer = conn.exchange(self.origin.url('/eicar.com'))
            return is_blocked(answer), answer
        if number < 95:
            body = b'name=value&' * dice.randrange(1, 3000)
            answer = conn.exchange(self.origin.url('/form'), body=body)
            return answer.head.startswith(b'%d ' % len(body)), answer
        if number < 97:
            answer = conn.exchange(self.origin.url('/form'), body=peers.EICAR)
            return is_blocked(answer), answer
        answer = conn.exchange(self.origin.url('/size/200000'))
        return answer.status == 200 and answer.size == 200000, answer

    def run(self, number, deadline):
        dice = random.Random(number)
        conn = peers.ProxyClient(self.squid.port)
        while time.monotonic() < deadline and self.take() <= LOAD_MOST:
            right, answer = self.one(conn, dice)
            if not right:
                with self.lock:
                    self.wrong.append(str(answer))
        conn.close()


def check_load(checks, squid, origin, seconds):
    load = Load(squid, origin, seconds)
    began = time.monotonic()
    peers.run_clients(LOAD_CLIENTS, seconds, load.run)
    took = time.monotonic() - began
    sent = min(load.sent, LOAD_MOST)
    checks.check(sent >= LOAD_LEAST, '%d requests in %.1f s (%.0f a second)' % (sent, took, sent / took),
                 'only %d in the time' % sent)
    checks.check(not load.wrong, 'all of them got the right answer', '%d wrong, such as %s' % (
        len(load.wrong), load.wrong[:3]))


def check_log(checks, squid):
    bad = [line for line in squid.log().splitlines() if any(word in line for word in SUSPENSION)]
    checks.check(not bad, 'Squid never suspended the service nor complained about it', bad[:5])


def main():
    arguments = peers.parse_arguments(__doc__.splitlines()[0])
    binary = peers.require('squid')
    checks = peers.Checks('squid')
    engine = peers.start_engine(arguments)
    origin = peers.Origin(pages())
    squid = peers.Squid(binary, engine.port)
    squid.start()
    check_clean(checks, squid, origin)
    check_upload(checks, squid, origin)
    check_infected(checks, squid, origin)
    check_memory(checks, squid, origin)
    check_big(checks, squid, origin)
    check_pause(checks, engine, squid, origin)
    check_load(checks, squid, origin, arguments.seconds)
    check_log(checks, squid)
    checks.engine_ends(engine)
    return checks.finish(engine, squid)


if __name__ == '__main__':
    sys.exit(main())
