#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swap - fifty definition sets, one after the other, under load: no request is lost or scanned by half of each.

    swap.py --engine PATH [--ring uring|epoll] [--seed N]

Set k finds MARKER-k and no other. A body holds the markers of several sets, cut at random places and sent over time, so
that swaps happen in its middle: the answer's ISTag says which set it claims, and the verdict has to be that set's.
"""

import os
import random
import shutil
import sys
import threading
import time

import load_kit as kit
import servers
import wire

SHARDS = 2
SWAPS = 50
PAUSE_SECONDS = 0.08
HELD = 6             # Requests that hold on to a set of their own while the next ones come.
WORKERS = 8
WINDOW = 4           # A body has markers of so many neighbouring sets.
WARM_UP_SWAPS = 5    # Allocators have their size after these.
GROWTH_MAX = 8 * kit.MIB
WATCH_SECONDS = 8


def marker(number):
    return b'SWAP-MARKER-%06d-END' % number


def place_set(folder, number):
    kit.write_set(folder, number, [('Load.Set.%d' % number, marker(number))])


class Worker:
    """Sends bodies, slowly, on connections that last; notes what each answer claims."""

    def __init__(self, number, engine, state, seed):
        self.engine = engine
        self.state = state
        self.random = random.Random(seed)
        self.data = kit.filler(40000, number)
        self.claims = []     # (connection, ISTag, sets whose marker was sent, finding, version, set at begin)
        self.failures = []
        self.connections = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.state.stopping:
                self.connections += 1
                client = kit.Client(self.engine)
                for _ in range(self.random.randrange(50, 150)):
                    if self.state.stopping:
                        break
                    self.ask(client)
                client.close()
        except (OSError, wire.WireError) as error:
            self.failures.append('%s: %s' % (type(error).__name__, error))

    def ask(self, client):
        least = self.state.active
        first = max(0, least - self.random.randrange(WINDOW))
        sent = list(range(first, first + WINDOW))
        # Every fourth body has no marker of a set that can be active: it has to be clean.
        if self.random.random() < 0.25:
            sent = [least + 1000]
        pieces = [self.data[:self.random.randrange(20000)]]
        for number in sent:
            pieces += [marker(number), self.data[:self.random.randrange(1, 5000)]]
        body = b''.join(pieces)
        response = self.send(client, body)
        infected = response.status == 201
        if response.status not in (200, 201, 204) or infected != bool(kit.finding(response)):
            self.failures.append('status %d, finding %r' % (response.status, kit.finding(response)))
        if response.status == 200 and (response.body.size != len(body) or response.body.text != body):
            self.failures.append('an echo of %d bytes has %d' % (len(body), response.body.size))
        self.claims.append((self.connections, response.icap.get('ISTag'), sent, kit.finding(response),
                            response.icap.get('X-Definition-Info'), least))

    def send(self, client, body):
        headers = ['Allow: 204'] if self.random.random() < 0.5 else []
        preview = self.random.choice((None, 0, 10, 1024))
        if preview is not None and preview < len(body):
            headers.append('Preview: %d' % preview)
            client.send(kit.respmod_heads(headers=headers) + kit.chunked(body[:preview]))
            response = client.receive()
            if response.status != 100:
                return response
            body = body[preview:]
        else:
            client.send(kit.respmod_heads(headers=headers))
        data = kit.chunked(body, self.random.randrange(1000, 20000))
        for _ in range(self.random.randrange(4)):
            cut = self.random.randrange(len(data))
            client.send(data[:cut])
            data = data[cut:]
            self.pause()
        try:
            client.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It had its verdict before the end; what it has said is read below.
        return client.receive()

    def pause(self):
        time.sleep(self.random.random() * 0.02)


class State:
    def __init__(self):
        self.active = 0
        self.stopping = False


def swap(engine, folder, number):
    """The new ISTag, or an error."""
    place_set(folder, number)
    answer = engine.control('reload')
    if not answer.get('ok') or not answer.get('changed'):
        raise servers.ServerError('reload of set %d: %r' % (number, answer))
    return '"%s"' % answer['istag']


def memory(engine):
    """Of the supervisor and of each shard."""
    pids = {'supervisor': engine.pid}
    pids.update(('shard %d' % number, pid) for number, pid in engine.shard_pids().items())
    return {name: kit.private_bytes(pid) for name, pid in pids.items()}


def check_claims(checks, workers, tags):
    sets = {tag: number for number, tag in enumerate(tags)}
    strange, wrong, backward, stale = [], [], [], []
    seen = set()
    count = 0
    for worker in workers:
        last = {}
        for connection, tag, sent, found, version, least in worker.claims:
            count += 1
            if tag not in sets:
                strange.append(tag)
                continue
            number = sets[tag]
            seen.add(number)
            wanted = 'Load.Set.%d' % number if number in sent else ''
            if found != wanted or version != '20260101.%03d' % number:
                wrong.append('set %d, version %s: %r instead of %r' % (number, version, found, wanted))
            if number < last.get(connection, 0):
                backward.append('%d after %d' % (number, last[connection]))
            if number < least:
                stale.append('%d, and %d was active before it began' % (number, least))
            last[connection] = number
    print('%d answers on %d connections, by %d sets' % (count, sum(w.connections for w in workers), len(seen)))
    checks.none([f for worker in workers for f in worker.failures], 'nothing is dropped, refused or changed')
    checks.none(strange, 'every ISTag is that of one set')
    checks.none(wrong, 'every verdict is that of the set the ISTag names')
    checks.none(backward, 'no connection goes back to an older set')
    checks.none(stale, 'what begins after a reload was answered is scanned by its set')
    checks.check(len(seen) > SWAPS * 0.8, 'most sets were used', len(seen))


def check_held(checks, engine, folder, number):
    """Requests that outlast several swaps end on the set they began with. The number of the last set."""
    held = []
    for i in range(HELD):
        client = kit.Client(engine)
        tag = swap(engine, folder, number + i)
        client.send(kit.respmod_heads() + b'5\r\nbegun\r\n')
        # Whatever comes behind on the same shard shows that the heads were read.
        servers.wait_until(lambda wanted=i + 1: engine.control('status')['totals']['requests_active'] >= wanted, 5)
        held.append((client, tag, number + i))
    wrong = []
    for client, tag, own in held:
        body = b''.join(marker(number + i) for i in range(HELD) if number + i != own)
        clean = own % 2 == 0
        client.send(kit.chunked(body + (b'' if clean else marker(own))))
        response = client.receive()
        if response.icap.get('ISTag') != tag or kit.finding(response) != ('' if clean else 'Load.Set.%d' % own):
            wrong.append('set %d: %s %r' % (own, response.icap.get('ISTag'), kit.finding(response)))
        client.close()
    checks.none(wrong, '%d requests that outlast swaps end on the sets they began with' % HELD)
    return number + HELD - 1


def check_watch(checks, engine, folder, number):
    """A change of the files is noticed; a broken one is refused and changes nothing."""
    client = kit.Client(engine)
    request = kit.respmod_heads(headers=['Allow: 204']) + kit.chunked(b'a ' + marker(number))
    checks.check(client.ask(request).status == 204, 'before the copy its marker is not found')
    source = os.path.join(os.path.dirname(folder), 'source')
    place_set(source, number)
    for name in os.listdir(source):
        shutil.copy(os.path.join(source, name), os.path.join(folder, name))
    started = time.monotonic()
    found = servers.wait_until(lambda: client.ask(request).status == 201, WATCH_SECONDS, 0.05)
    checks.check(found, 'a copied set is noticed within %d s' % WATCH_SECONDS,
                 'after %.1f s' % (time.monotonic() - started))

    before = client.ask(request).icap.get('ISTag')
    refused = count_refusals(engine)
    for name in ('load.ndb', 'load.hsb'):
        with open(os.path.join(folder, name), 'w', encoding='ascii') as out:
            out.write('this is no signature\n')
    noticed = servers.wait_until(lambda: count_refusals(engine) > refused, WATCH_SECONDS, 0.05)
    response = client.ask(request)
    checks.check(noticed and response.status == 201 and response.icap.get('ISTag') == before,
                 'a broken set is refused by the watch, the old one stays', (noticed, response.status))
    answer = engine.control('reload')
    response = client.ask(request)
    checks.check(not answer.get('ok') and response.status == 201 and response.icap.get('ISTag') == before,
                 'and by a reload', answer.get('error'))
    client.close()


def count_refusals(engine):
    return sum('load' in line and ('refuse' in line or 'stay' in line) for line in engine.log().splitlines())


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('swap')
    folder = os.path.join(servers.temp_dir('baleen-load-'), 'set')
    place_set(folder, 0)
    # The watch would take over a set a second time, between two reloads; it has its turn in the end.
    engine = kit.start_engine(arguments, folder, shards=SHARDS)
    tags = [engine.istag('SYMCScanResp-AV')]
    state = State()
    workers = [Worker(i, engine, state, arguments.seed + i) for i in range(WORKERS)]
    warm = None
    slowest = 0.0
    started = time.monotonic()
    for number in range(1, SWAPS + 1):
        begun = time.monotonic()
        tags.append(swap(engine, folder, number))
        state.active = number
        slowest = max(slowest, time.monotonic() - begun)
        if number == WARM_UP_SWAPS:
            warm = memory(engine)
        time.sleep(PAUSE_SECONDS)
    print('%d swaps in %.1f s, %.0f ms at most' % (SWAPS, time.monotonic() - started, slowest * 1000))
    state.stopping = True
    for worker in workers:
        worker.thread.join(kit.ANSWER_SECONDS)
    checks.none([w for w in workers if w.thread.is_alive()], 'every client has all its answers')
    checks.check(len(set(tags)) == SWAPS + 1, 'each set has an ISTag of its own', len(set(tags)))
    check_claims(checks, workers, tags)
    kit.check_settles(checks, engine, text='one generation is left on each shard, nothing else')
    after = memory(engine)
    growth = {name: (after[name] - warm[name]) // kit.KIB for name in after}
    checks.check(arguments.instrumented or all(size * kit.KIB < GROWTH_MAX for size in growth.values()),
                 'memory does not grow with swaps', 'KiB: %s' % growth)
    last = check_held(checks, engine, folder, SWAPS + 1)
    kit.check_settles(checks, engine, text='their generations are gone with them')
    check_watch(checks, engine, folder, last + 1)
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
