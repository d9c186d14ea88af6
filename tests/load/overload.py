#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""overload - more requests than the queue threshold: the guide profile is refused, the standard profile waits.

    overload.py --engine PATH [--ring uring|epoll]
"""

import os
import signal
import sys
import threading
import time

import load_kit as kit
import servers

THRESHOLD = 3
WAITING = 60
BURST = 100

# Without a hash for every body an answer is there in the middle of a turn of the loop, not at its end.
PLAIN_SET = os.path.join(os.path.dirname(__file__), '..', '..', 'defs', 'set')
GUIDE = 'SYMCScanResp-AV'
STANDARD = 'AVSCAN'
WAIT_SECONDS = 1.0
RUSH_THREADS = 24
RUSH_SECONDS = 2


def hold(engine, count):
    """Requests that have begun and will not end before `release`."""
    held = []
    for _ in range(count):
        client = kit.Client(engine)
        client.send(kit.respmod_heads(GUIDE, ['Allow: 204']) + b'3\r\nabc\r\n')
        held.append(client)
    kit.wait_active(engine, count)
    return held


def release(checks, held):
    wrong = []
    for client in held:
        client.send(b'0\r\n\r\n')
        if client.receive(service=GUIDE).status != 204:
            wrong.append('not 204')
        client.close()
    checks.none(wrong, 'what had begun is answered')


def check_refusals(checks, engine):
    """The guide profile: 506, and the connection ends."""
    for text, request, method in (
            ('RESPMOD', kit.respmod_heads(GUIDE, ['Allow: 204']) + kit.chunked(b'x'), 'RESPMOD'),
            ('RESPMOD with a preview', kit.respmod_heads(GUIDE, ['Preview: 1']) + kit.chunked(b'x'), 'RESPMOD'),
            ('OPTIONS', kit.icap_head('OPTIONS', GUIDE), 'OPTIONS')):
        client = kit.Client(engine)
        response = client.ask(request, method, GUIDE)
        checks.check(response.status == 506 and response.icap.get('Connection') == 'close' and client.is_closed(5),
                     'guide profile: %s is refused with 506, and closed' % text, response.icap.line)
        client.close()
    client = kit.Client(engine)
    response = client.ask(kit.icap_head('OPTIONS', STANDARD), 'OPTIONS', STANDARD)
    checks.check(response.status == 200, 'standard profile: OPTIONS is answered', response.icap.line)
    client.close()


class Waiter:
    """A request of the standard profile that has to wait, and then to be answered right.

    Each has a thread: who was sent 100 holds a place until the rest of its body comes.
    """

    def __init__(self, engine, number):
        self.is_bad = number % 3 == 0
        self.body = kit.filler(500 * number, number) + (kit.MARKER if self.is_bad else b'')
        self.is_previewed = number % 5 == 1
        self.seconds = 0.0
        self.failure = ''
        self.client = kit.Client(engine)
        if self.is_previewed:
            self.client.send(kit.respmod_heads(STANDARD, ['Preview: 0']) + b'0\r\n\r\n')
        else:
            self.client.send(kit.respmod_heads(STANDARD) + kit.chunked(self.body))
        self.thread = threading.Thread(target=self.run)

    def run(self):
        started = time.monotonic()
        try:
            response = self.client.receive(service=STANDARD)
            self.seconds = time.monotonic() - started
            if self.is_previewed and response.status == 100:
                self.client.send(kit.chunked(self.body))
                response = self.client.receive(service=STANDARD)
            if response.status != 200 or bool(kit.finding(response)) != self.is_bad or \
                    not self.is_bad and response.body.text != self.body:
                self.failure = '%s, %r for %d bytes' % (
                    response.icap.line, kit.finding(response), len(self.body))
        except (OSError, kit.wire.WireError) as error:
            self.failure = '%s: %s' % (type(error).__name__, error)
        self.client.close()


def check_waiting(checks, engine):
    held = hold(engine, THRESHOLD)
    waiters = [Waiter(engine, i) for i in range(WAITING)]
    check_refusals(checks, engine)
    all_wait = servers.wait_until(
        lambda: engine.control('status')['totals']['requests_waiting'] == WAITING, 5)
    checks.check(all_wait, 'standard profile: all %d wait' % WAITING,
                 engine.control('status')['totals']['requests_waiting'])
    checks.check(not any(waiter.client.reader.poll(0.001) for waiter in waiters), 'and none is answered yet')
    release(checks, held)
    for waiter in waiters:
        waiter.thread.start()
    for waiter in waiters:
        waiter.thread.join()
    checks.none([waiter.failure for waiter in waiters if waiter.failure],
                'standard profile: every one that waited is answered right')
    slowest = max(waiter.seconds for waiter in waiters)
    checks.check(slowest < 5, 'at once when there is room', '%.2f s at most' % slowest)
    kit.check_settles(checks, engine)


def check_expiry(checks, arguments):
    """A wait has an end; what happens then is a policy."""
    for overload in ('block', 'pass'):
        engine = kit.start_engine(arguments, shards=2, admission__queue_threshold=THRESHOLD,
                                  admission__wait='1s', admission__overload=overload)
        held = hold(engine, THRESHOLD)
        client = kit.Client(engine)
        started = time.monotonic()
        response = client.ask(kit.respmod_heads(STANDARD) + kit.chunked(b'harmless'), service=STANDARD)
        seconds = time.monotonic() - started
        blocked = response.status == 200 and response.http.line.startswith('HTTP/1.1 403')
        echoed = response.status == 200 and response.body.text == b'harmless'
        checks.check(blocked if overload == 'block' else echoed,
                     'a wait that is over is answered by the policy %s' % overload, response.icap.line)
        checks.check(WAIT_SECONDS * 0.9 < seconds < WAIT_SECONDS + 1.5, 'in time', '%.2f s' % seconds)
        response = client.ask(kit.icap_head('OPTIONS', STANDARD), 'OPTIONS', STANDARD)
        checks.check(response.status == 200, 'and the connection goes on', response.icap.line)
        client.close()
        release(checks, held)
        kit.check_settles(checks, engine)
        checks.check(engine.stop() == 0, 'the engine ended in order')


def check_burst(checks, arguments):
    """Whole requests that arrive together count together, though each is quick to answer."""
    engine = kit.start_engine(arguments, shards=1, admission__queue_threshold=THRESHOLD)
    clients = [kit.Client(engine) for _ in range(BURST)]
    servers.wait_until(lambda: engine.control('status')['totals']['connections'] == BURST, 5)
    pid = engine.shard_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    for number, client in enumerate(clients):
        client.send(kit.respmod_heads(GUIDE, ['Allow: 204']) + kit.chunked(kit.filler(4000, number)))
    os.kill(pid, signal.SIGCONT)
    answers = [client.receive(service=GUIDE).status for client in clients]
    for client in clients:
        client.close()
    checks.none([status for status in answers if status not in (204, 506)], 'a burst: every request is answered')
    checks.check(answers.count(204) >= THRESHOLD, 'as many as may run are served', answers.count(204))
    checks.check(answers.count(506) > 0, 'and some are refused, though each is quick', answers.count(506))
    kit.check_settles(checks, engine)
    checks.check(engine.stop() == 0, 'the engine ended in order')


def check_line(checks, arguments):
    """Room that comes free goes to those who wait first; what is left of it is no reason to refuse."""
    engine = kit.start_engine(arguments, PLAIN_SET, shards=1, admission__queue_threshold=THRESHOLD)
    held = hold(engine, THRESHOLD)
    waiter = kit.Client(engine)
    waiter.send(kit.respmod_heads(STANDARD, ['Allow: 204']) + kit.chunked(b'x'))
    servers.wait_until(lambda: engine.control('status')['totals']['requests_waiting'] == 1, 5)
    late = kit.Client(engine)
    servers.wait_until(lambda: engine.control('status')['totals']['connections'] == THRESHOLD + 2, 5)
    pid = engine.shard_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    for client in held:
        client.send(b'0\r\n\r\n')
    time.sleep(0.05)
    late.send(kit.respmod_heads(GUIDE, ['Allow: 204']) + kit.chunked(b'x'))
    os.kill(pid, signal.SIGCONT)
    answers = [client.receive(service=GUIDE).status for client in held + [late]]
    checks.check(set(answers) == {204}, 'a line that the room lasts for: nobody is refused', answers)
    checks.check(waiter.receive(service=STANDARD).status == 204, 'who waited is answered')
    for client in held + [late, waiter]:
        client.close()
    kit.check_settles(checks, engine)
    checks.check(engine.stop() == 0, 'the engine ended in order')


class Rush:
    """Threads that ask without a pause, some of each profile."""

    def __init__(self, engine):
        self.engine = engine
        self.answers = {}
        self.wrong = []
        self.lock = threading.Lock()
        self.until = time.monotonic() + RUSH_SECONDS
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(RUSH_THREADS)]
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        service = (GUIDE, STANDARD)[number % 2]
        data = kit.filler(30000, number)
        client = None
        while time.monotonic() < self.until:
            client = client or kit.Client(self.engine)
            # In two pieces, so that requests overlap.
            request = kit.respmod_heads(service, ['Allow: 204']) + kit.chunked(data)
            client.send(request[:20000])
            time.sleep(0.002)
            try:
                client.send(request[20000:])
            except OSError:
                pass  # Refused meanwhile; the answer says so.
            try:
                status = client.receive(service=service).status
            except (OSError, kit.wire.WireError) as error:
                status = str(error)
            with self.lock:
                self.answers[service, status] = self.answers.get((service, status), 0) + 1
            if status != 204:
                client.close()
                client = None
        if client:
            client.close()


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('overload')
    engine = kit.start_engine(arguments, shards=2, admission__queue_threshold=THRESHOLD)
    check_waiting(checks, engine)

    rush = Rush(engine)
    allowed = {(GUIDE, 204), (GUIDE, 506), (STANDARD, 204)}
    print(rush.answers)
    checks.none([key for key in rush.answers if key not in allowed], 'in a rush every request is answered')
    checks.check(allowed <= set(rush.answers), 'both profiles are served, and the guide profile is refused at times')
    kit.check_settles(checks, engine)

    calm = kit.Background(engine, threads=2)
    time.sleep(1)
    calm.judge(checks, 0.5, 'after it')
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    check_expiry(checks, arguments)
    check_burst(checks, arguments)
    check_line(checks, arguments)
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
