#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pipelining - hundreds of requests written in one go: answered in order, each by itself.

    pipelining.py --engine PATH [--ring uring|epoll] [--seed N]
"""

import random
import sys
import threading
import time

import load_kit as kit

REQUESTS = 200
ROUNDS = 12
GARBAGE_ROUNDS = 150
VIRTUAL = 'SYMCScanResp-AV'


class Wanted:
    """A request, and what its answer has to be."""

    def __init__(self, data, method, service, status, name='', body=None):
        self.data = data
        self.method = method
        self.service = service
        self.status = status
        self.name = name
        self.body = body

    def flaw(self, response):
        """What is wrong with the answer, '' for nothing."""
        if response.status != self.status or kit.finding(response) != self.name:
            return '%s to %s %s: %d %r instead of %d %r' % (
                response.icap.line, self.method, self.service, response.status, kit.finding(response),
                self.status, self.name)
        if self.body is not None and (response.body is None or response.body.text != self.body):
            return 'an echo of %d bytes came back as %d' % (
                len(self.body), response.body.size if response.body else 0)
        return ''


def make_request(dice, number):
    """Any of the requests; each echo has a body of its own, so that answers cannot be mixed up."""
    body = b'request %d ' % number + kit.filler(dice.choice((1, 50, 900, 5000, 70000)), number)
    service = dice.choice((VIRTUAL, 'avscanresp', 'AVSCAN'))
    step = dice.choice((100, 1000, 100000))
    kind = dice.choice(('clean', 'echo', 'bad', 'reqmod', 'reqmod bad', 'options', 'no body', 'ieof', 'unknown',
                        'wrong method', 'test echo'))
    if kind == 'clean':
        return Wanted(kit.respmod_heads(service, ['Allow: 204']) + kit.chunked(body, step),
                      'RESPMOD', service, 204)
    if kind == 'echo':
        return Wanted(kit.respmod_heads(service) + kit.chunked(body, step), 'RESPMOD', service, 200, '', body)
    if kind == 'bad':
        at = dice.randrange(len(body))
        infected = body[:at] + kit.MARKER + body[at:]
        # The profile of AVSCAN says the same by a 200.
        return Wanted(kit.respmod_heads(service, ['Allow: 204']) + kit.chunked(infected, step), 'RESPMOD', service,
                      200 if service == 'AVSCAN' else 201, kit.MARKER_NAME)
    if kind == 'reqmod':
        return Wanted(kit.reqmod_heads() + kit.chunked(body, step), 'REQMOD', 'SYMCScanReq-AV', 200, '', body)
    if kind == 'reqmod bad':
        return Wanted(kit.reqmod_heads() + kit.chunked(body + kit.MARKER), 'REQMOD', 'SYMCScanReq-AV', 201,
                      kit.MARKER_NAME)
    if kind == 'options':
        return Wanted(kit.icap_head('OPTIONS', service), 'OPTIONS', service, 200)
    if kind == 'no body':
        return Wanted(kit.respmod_heads(service, ['Allow: 204'], has_body=False), 'RESPMOD', service, 204)
    if kind == 'ieof':
        return Wanted(kit.respmod_heads(service, ['Preview: 1024']) + b'3\r\nabc\r\n0; ieof\r\n\r\n',
                      'RESPMOD', service, 204)
    if kind == 'unknown':
        return Wanted(kit.respmod_heads('nowhere', ['Allow: 204']) + kit.chunked(body[:2000], step),
                      'RESPMOD', 'nowhere', 404)
    if kind == 'wrong method':
        return Wanted(kit.reqmod_heads('AVSCANRESP') + kit.chunked(body[:2000] + kit.MARKER, step),
                      'REQMOD', 'AVSCANRESP', 405)
    return Wanted(kit.respmod_heads('echo') + kit.chunked(body + kit.MARKER, step), 'RESPMOD', 'echo', 200, '',
                  body + kit.MARKER)


def send_in_pieces(client, data, dice, way):
    """At once, in pieces of all sizes, or cut where it hurts: around the ends of lines."""
    if way == 'at once':
        client.send(data)
        return
    at = 0
    while at < len(data):
        if way == 'at line ends':
            end = data.find(b'\r\n', at + dice.randrange(1, 20000))
            end = end + dice.randrange(1, 3) if end >= 0 else len(data)
        else:
            end = at + dice.choice((1, 3, 20, 1000, 30000, 200000))
        client.send(data[at:end])
        at = end
        if dice.random() < 0.1:
            time.sleep(0.001)


def play_round(engine, dice, way):
    """The flaws of the answers of one connection."""
    wanted = [make_request(dice, number) for number in range(REQUESTS)]
    data = b''.join(request.data for request in wanted)
    client = kit.Client(engine)
    # The answers do not fit the socket: who only writes would wait for who only reads.
    sender = threading.Thread(target=send_in_pieces, args=(client, data, dice, way), daemon=True)
    sender.start()
    flaws = []
    for number, request in enumerate(wanted):
        try:
            response = client.receive(request.method, request.service)
        except (OSError, kit.wire.WireError) as error:
            flaws.append('%d, %s: %s' % (number, request.method, error))
            break
        flaw = request.flaw(response)
        if flaw:
            flaws.append('%d: %s' % (number, flaw))
    sender.join(kit.ANSWER_SECONDS)
    if not flaws and client.reader.poll(0.02):
        flaws.append('more than %d answers' % REQUESTS)
    client.close()
    return flaws


def play_garbage(engine, dice):
    """A right request and what is none: the first is answered, the second is a 400 and the end."""
    first = [make_request(dice, number) for number in range(dice.randrange(1, 4))]
    garbage = dice.choice((
        b'5\r\nabcde\r\n0\r\n\r\n',
        kit.MARKER + b'\r\n\r\n',
        kit.chunked(b'xx' + kit.MARKER),
        b'GET / HTTP/1.1\r\nHost: load.test\r\n\r\n',
        b'\0\0\0\0\r\n\r\n',
        b'RESPMOD\r\n\r\n',
        b': no name\r\n\r\n',
        bytes(dice.randrange(256) for _ in range(40)).replace(b'\n', b'') + b'\r\n\r\n',
    ))
    client = kit.Client(engine)
    # Nothing behind it may be taken for a request.
    tail = kit.icap_head('OPTIONS', 'AVSCAN')
    data = b''.join(request.data for request in first) + garbage + tail
    sender = threading.Thread(target=send_quietly, args=(client, data, dice), daemon=True)
    sender.start()
    try:
        for request in first:
            flaw = request.flaw(client.receive(request.method, request.service))
            if flaw:
                return '%s, before %r' % (flaw, garbage)
        response = client.receive('OPTIONS', '')
        allowed = (400, 505) if garbage.startswith(b'GET') else (400,)
        if response.status not in allowed or response.icap.get('Connection') != 'close':
            return '%s to %r' % (response.icap.line, garbage)
        if not client.is_closed(7):
            return 'not closed behind %r' % garbage
    except (OSError, kit.wire.WireError) as error:
        return '%s, at %r' % (error, garbage)
    finally:
        sender.join(kit.ANSWER_SECONDS)
        client.close()
    return ''


def send_quietly(client, data, dice):
    try:
        send_in_pieces(client, data, dice, dice.choice(('at once', 'anywhere', 'at line ends')))
    except OSError:
        pass  # It is closed when the engine has had enough.


def main():
    arguments = kit.parse_arguments(__doc__)
    checks = kit.Checks('pipelining')
    dice = random.Random(arguments.seed)
    engine = kit.start_engine(arguments, shards=1)
    for number in range(ROUNDS):
        way = ('at once', 'anywhere', 'at line ends')[number % 3]
        checks.none(play_round(engine, dice, way), '%d requests written %s are answered in order' % (REQUESTS, way))
    flaws = [flaw for flaw in (play_garbage(engine, dice) for _ in range(GARBAGE_ROUNDS)) if flaw]
    checks.none(flaws, 'what is no request is a 400, and what was before it is answered')
    kit.check_settles(checks, engine)
    checks.check(kit.restarts(engine.control('status')) == 0, 'no shard died')
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
