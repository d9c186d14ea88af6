#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""idle - ten thousand connections that ask for nothing: what they cost, and that nobody else notices.

    idle.py --engine PATH [--ring uring|epoll]
"""

import sys
import time

import load_kit as kit
import servers

CONNECTIONS = 10000
SHARDS = 2
IDLE_BYTES_MAX = 2 * kit.KIB
SPOT_CHECKS = 500
PROMPT_SECONDS = 0.05
SOURCES = ['127.0.0.%d' % i for i in range(1, 5)]  # So that source ports never run short.


def serving_memory(engine):
    return sum(kit.proportional_bytes(pid) for pid in engine.shard_pids().values())


def ask_all(clients, request):
    """One request on each of them: all are sent before the first answer is read. The answers that were wrong."""
    wrong = []
    for client in clients:
        client.send(request)
    for client in clients:
        response = client.receive()
        if response.status != 204:
            wrong.append('status %d' % response.status)
    return wrong


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('idle')
    # Both ends of a connection may be in the limit of one user, never of one process.
    if not kit.raise_descriptors(CONNECTIONS + 1000):
        print('skipped: fewer than %d descriptors are allowed' % (CONNECTIONS + 1000))
        return kit.SKIPPED
    engine = kit.start_engine(arguments, shards=SHARDS, icap__max_connections=CONNECTIONS + 500)
    clean = kit.respmod_heads(headers=['Allow: 204']) + kit.chunked(b'idle')

    # What is touched once and for all is touched before the measurement.
    busy = kit.Background(engine, threads=4, pause=0)
    time.sleep(0.5)
    checks.none(busy.stop().failures, 'the engine answers before')
    kit.check_settles(checks, engine, text='and is idle then')
    before = serving_memory(engine)

    started = time.monotonic()
    clients = [kit.Client(engine, source=SOURCES[i % len(SOURCES)]) for i in range(CONNECTIONS)]
    opened = servers.wait_until(
        lambda: engine.control('status')['totals']['connections'] == CONNECTIONS, 30, 0.1)
    checks.check(opened, 'all %d connections are accepted' % CONNECTIONS,
                 '%.1f s' % (time.monotonic() - started))
    fresh = serving_memory(engine) - before
    # A connection that was used and is idle again costs no more than one that never was.
    wrong = []
    for at in range(0, CONNECTIONS, 100):
        wrong += ask_all(clients[at:at + 50], clean)
    checks.none(wrong, 'half of them are answered')
    used = serving_memory(engine) - before
    for name, size in (('never used', fresh), ('half of them used', used)):
        checks.check(arguments.instrumented or size < CONNECTIONS * IDLE_BYTES_MAX,
                     'an idle connection costs less than %d bytes, %s' % (IDLE_BYTES_MAX, name),
                     '%.0f bytes' % (size / CONNECTIONS))

    busy = kit.Background(engine, threads=4)
    time.sleep(3)
    busy.judge(checks, PROMPT_SECONDS * (10 if arguments.instrumented else 1), 'beside the idle ones')
    checks.check(engine.control('status')['totals']['connections'] == CONNECTIONS, 'none of them was closed',
                 engine.control('status')['totals']['connections'])
    step = CONNECTIONS // SPOT_CHECKS
    checks.none(ask_all(clients[step - 1::step], clean), '%d of them are still usable' % SPOT_CHECKS)
    for client in clients:
        client.close()
    kit.check_settles(checks, engine)
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
