#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trafficserver - Apache Traffic Server's icap plugin as a client.

    trafficserver.py --engine PATH [--definitions DIR]

The plugin speaks RESPMOD to /avscan, writes everything before it reads, ends bodies with `0; ieof` without a preview,
starts an empty body with a stray line end, takes no 204, and closes each connection.
"""

import sys
import threading

import peers

SIZES = (0, 1, 5000, 65536, 1000000, 20 * peers.MIB)


def pages():
    found = {'/eicar.com': peers.Page(peers.EICAR),
             '/infected-head.bin': peers.Page(peers.MARKER + b'\0' * (4 * peers.MIB)),
             '/infected-tail.bin': peers.Page(b'\0' * (4 * peers.MIB) + peers.MARKER),
             '/text.html': peers.Page(b'<html>text</html>', 'text/html', chunked=True)}
    for size in SIZES:
        found['/size/%d' % size] = peers.Page(lambda size=size: peers.filler(size, 7), size=size)
    return found


def main():
    arguments = peers.parse_arguments(__doc__.splitlines()[0])
    binary = peers.require('traffic_server')
    peers.require('/usr/lib/trafficserver/modules/icap.so')
    checks = peers.Checks('trafficserver')
    engine = peers.start_engine(arguments)
    origin = peers.Origin(pages())
    proxy = peers.TrafficServer(binary, engine.port, origin)
    proxy.start()
    for path in ['/size/%d' % size for size in SIZES] + ['/text.html']:
        answer = peers.exchange(proxy.port, path)
        checks.check(answer.status == 200 and answer.digest == peers.digest_of(origin.pages[path].pieces()),
                     'GET %s passes unchanged' % path, answer)
    for path in ('/eicar.com', '/infected-head.bin', '/infected-tail.bin'):
        answer = peers.exchange(proxy.port, path)
        checks.check(answer.status == 403 and peers.EICAR not in answer.head and answer.size < 65536,
                     'GET %s is blocked' % path, answer)
    wrong = []

    def one_client(number, deadline):
        for _ in range(25):
            answer = peers.exchange(proxy.port, '/size/5000')
            if answer.status != 200 or answer.size != 5000:
                with lock:
                    wrong.append(str(answer))

    lock = threading.Lock()
    peers.run_clients(8, arguments.seconds, one_client)
    checks.check(not wrong, '200 pages by 8 users at once', wrong[:3])
    checks.engine_ends(engine)
    return checks.finish(engine, proxy)


if __name__ == '__main__':
    sys.exit(main())
