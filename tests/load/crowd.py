#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""crowd - more bodies at a time than the memory for bodies holds: all of them come back.

    crowd.py --engine PATH [--ring uring|epoll]

Each client writes most of its body and pauses, so that all of them are kept at once; the engine has memory for a fifth
of that and a folder for the rest.
"""

import collections
import sys

import load_kit as kit
import wire

CLIENTS = 320
MEMORY = '64MiB'
FIRST = 900000


def write_first_part(client, heads, body):
    """A client whose request waits for admission cannot write all of it now: that is no failure."""
    data = heads + b'%x\r\n' % len(body) + body[:FIRST]
    client.sock.settimeout(0.2)
    sent = 0
    try:
        while sent < len(data):
            sent += client.sock.send(data[sent:])
    except TimeoutError:
        pass
    return data[sent:]


def finish(client, rest, body):
    client.sock.settimeout(30)
    try:
        client.send(rest + body[FIRST:] + b'\r\n0\r\n\r\n')
        response = client.receive(seconds=30)
    except (OSError, wire.WireError) as error:
        return '%s: %s' % (type(error).__name__, error)
    finally:
        client.close()
    if response.status != 200:
        return str(response.status)
    return 'right' if response.body.text == body else 'another body'


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('crowd')
    engine = kit.start_engine(arguments, shards=1, limits__body_memory=MEMORY)
    heads = kit.respmod_heads()
    body = kit.filler(kit.MIB, 1)
    waiting = []
    for _ in range(CLIENTS):
        client = kit.Client(engine)
        waiting.append((client, write_first_part(client, heads, body)))
    results = collections.Counter(finish(client, rest, body) for client, rest in waiting)
    checks.check(results == {'right': CLIENTS}, '%d bodies of 1 MiB with memory for %s' % (CLIENTS, MEMORY),
                 str(dict(results)))
    kit.check_settles(checks, engine)
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
