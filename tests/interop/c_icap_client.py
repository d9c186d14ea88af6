#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""c_icap_client - the client that comes with c-icap, with and without preview, 204 and 206.

    c_icap_client.py --engine PATH [--definitions DIR]
"""

import os
import re
import subprocess
import sys

import peers

SIZES = (1, 1000, 1023, 1024, 1025, 65536, 3000000)
SERVICES = ('AVSCAN', 'AVSCANREQ', 'AVSCANRESP', 'SYMCScanReq-AV', 'SYMCScanReq-URL', 'SYMCScanReq-AV-URL',
            'SYMCScanResp-AV', 'SYMCScanResp-DDR', 'SYMCScanResp-AV-DDR', 'echo', 'ex206')


class Client:
    """Calls c-icap-client and takes its output apart."""

    def __init__(self, binary, port, folder):
        self.binary = binary
        self.port = port
        self.folder = folder

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as handle:
            handle.write(data)
        return path

    def run(self, service, *arguments, path=None):
        """(printed text, ICAP status or 0, body or None when the answer has none)."""
        out = os.path.join(self.folder, 'out')
        if os.path.exists(out):
            os.unlink(out)
        command = [self.binary, '-i', peers.HOST, '-p', str(self.port), '-s', service, '-v', *arguments]
        if path:
            command += ['-f', path, '-o', out]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        text = (done.stdout + done.stderr).decode('latin-1')
        found = re.search(r'ICAP/1\.0 (\d+)', text)
        body = None
        if os.path.exists(out):
            with open(out, 'rb') as handle:
                body = handle.read()
        return text, int(found.group(1)) if found else 0, body


def check_options(checks, client):
    for service in SERVICES:
        text, status, _ = client.run(service)
        checks.check(status == 200 or 'OPTIONS' in text and 'ISTag' in text, 'OPTIONS %s' % service, text[:400])
    text, status, _ = client.run('no-such-service')
    checks.check('404' in text, 'OPTIONS of an unknown service is told 404', text[:200])


def unchanged(status, body, data):
    """A clean answer: 204, for which the client writes nothing, or the same bytes back."""
    return status == 204 or (status in (200, 206) and body == data)


def check_clean(checks, client):
    modes = (('preview and 204', ()), ('no preview', ('-nopreview',)), ('no 204', ('-no204',)),
             ('neither', ('-nopreview', '-no204')), ('preview 0', ('-w', '0')), ('preview 4096', ('-w', '4096')),
             ('206', ('-206',)), ('206 without 204', ('-206', '-no204')))
    for size in SIZES:
        data = b''.join(peers.filler(size, 9))
        path = client.write('clean', data)
        for service, more in (('AVSCAN', ('-resp', 'http://host.test/file')), ('AVSCANRESP', ()),
                              ('SYMCScanResp-AV', ()), ('echo', ()),
                              ('AVSCAN', ('-req', 'http://host.test/file')),
                              ('SYMCScanReq-AV', ('-req', 'http://host.test/file'))):
            wrong = []
            for name, arguments in modes:
                text, status, body = client.run(service, *arguments, *more, path=path)
                if not unchanged(status, body, data):
                    wrong.append('%s: %s' % (name, text[:300]))
            checks.check(not wrong, '%d clean bytes, %s%s, %d modes' % (
                size, service, ' ' + more[0] if more else '', len(modes)), wrong[:2])


def check_no_204(checks, client):
    data = b''.join(peers.filler(200000, 10))
    path = client.write('clean', data)
    text, status, body = client.run('SYMCScanResp-AV', '-nopreview', '-no204', path=path)
    checks.check(status == 200 and body == data, 'a client that allows no 204 gets all bytes back', text[:300])
    text, status, body = client.run('SYMCScanResp-AV', '-nopreview', path=path)
    checks.equal(status, 204, 'a client that allows 204 gets it outside the preview')


def check_infected(checks, client):
    late = client.write('late', b'\1' * 300000 + peers.MARKER)
    early = client.write('eicar', peers.EICAR)
    for name, path in (('EICAR', early), ('a marker behind 300 KB', late)):
        for mode in ((), ('-nopreview',), ('-no204',), ('-nopreview', '-no204'), ('-206',)):
            text, status, body = client.run('AVSCAN', '-resp', 'http://host.test/bad', *mode, path=path)
            leaked = body is not None and (peers.EICAR in body or peers.MARKER in body)
            checks.check(status == 200 and re.search(r'HTTP/1\.1 403', text) and 'X-Infection-Found: Type=0;' in text
                         and not leaked, 'RESPMOD of %s is blocked %s' % (name, ' '.join(mode)), text[:600])
            text, status, body = client.run('AVSCAN', '-req', 'http://host.test/bad', *mode, path=path)
            leaked = body is not None and (peers.EICAR in body or peers.MARKER in body)
            checks.check('X-Infection-Found' in text and not leaked,
                         'REQMOD of %s is blocked %s' % (name, ' '.join(mode)), text[:600])
    # The client does not know 201, which the guide profile answers: it prints no head and must have nothing to write.
    text, status, body = client.run('SYMCScanResp-AV', path=early)
    checks.check(status == 0 and not (body and peers.EICAR in body), 'a 201 of the guide profile leaks nothing',
                 text[:300])


def main():
    arguments = peers.parse_arguments(__doc__.splitlines()[0])
    binary = peers.require('c-icap-client')
    checks = peers.Checks('c_icap_client')
    engine = peers.start_engine(arguments)
    client = Client(binary, engine.port, engine.work_dir)
    check_options(checks, client)
    check_clean(checks, client)
    check_no_204(checks, client)
    check_infected(checks, client)
    checks.engine_ends(engine)
    return checks.finish(engine)


if __name__ == '__main__':
    sys.exit(main())
