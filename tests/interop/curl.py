#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""curl - what a person with curl sees through Squid and the engine.

    curl.py --engine PATH [--definitions DIR]
"""

import hashlib
import os
import subprocess
import sys

import peers


def run_curl(curl, squid, folder, *arguments):
    """(exit status, HTTP status, body) of one call through the proxy."""
    out = os.path.join(folder, 'out')
    if os.path.exists(out):
        os.unlink(out)
    done = subprocess.run([curl, '-q', '-sS', '--max-time', '60', '-x', 'http://%s:%d' % (peers.HOST, squid.port),
                           '--noproxy', '', '-o', out, '-w', '%{http_code}', *arguments],
                          capture_output=True, text=True, check=False, timeout=90)
    body = b''
    if os.path.exists(out):
        with open(out, 'rb') as handle:
            body = handle.read()
    return done.returncode, done.stdout.strip(), body


def main():
    arguments = peers.parse_arguments(__doc__.splitlines()[0])
    binary, curl = peers.require('squid', 'curl')
    checks = peers.Checks('curl')
    engine = peers.start_engine(arguments)
    origin = peers.Origin({
        '/clean.txt': peers.Page(b'clean\n', 'text/plain'),
        '/eicar.com': peers.Page(peers.EICAR),
        '/file.bin': peers.Page(lambda: peers.filler(peers.MIB), size=peers.MIB),
    })
    squid = peers.Squid(binary, engine.port)
    squid.start()
    folder = squid.work_dir
    infected = os.path.join(folder, 'eicar.com')
    clean = os.path.join(folder, 'clean.bin')
    with open(infected, 'wb') as handle:
        handle.write(peers.EICAR)
    with open(clean, 'wb') as handle:
        handle.write(b''.join(peers.filler(300000)))

    checks.equal(run_curl(curl, squid, folder, origin.url('/clean.txt')), (0, '200', b'clean\n'),
                 'curl gets a clean file')
    status, code, body = run_curl(curl, squid, folder, origin.url('/eicar.com'))
    checks.check(status == 0 and code == '403' and peers.EICAR not in body and b'<html' in body.lower(),
                 'curl gets the block page for EICAR', (status, code, body[:200]))
    status, code, _ = run_curl(curl, squid, folder, '-f', origin.url('/eicar.com'))
    checks.equal((status, code), (22, '403'), 'curl -f fails on EICAR')
    status, code, body = run_curl(curl, squid, folder, '--compressed', origin.url('/file.bin'))
    checks.equal((status, code, hashlib.sha256(body).hexdigest()),
                 (0, '200', peers.digest_of(peers.filler(peers.MIB))), 'curl gets 1 MB unchanged')
    status, code, body = run_curl(curl, squid, folder, '-T', clean, origin.url('/put'))
    checks.check(code == '200' and body.startswith(b'300000 '), 'curl -T uploads a clean file', (code, body[:80]))
    status, code, body = run_curl(curl, squid, folder, '-F', 'file=@' + clean, origin.url('/form'))
    checks.equal(code, '200', 'curl -F uploads a clean form')
    status, code, body = run_curl(curl, squid, folder, '-T', infected, origin.url('/put'))
    checks.equal(code, '403', 'curl -T of EICAR is refused')
    status, code, body = run_curl(curl, squid, folder, '-H', 'Expect: 100-continue', '--data-binary', '@' + infected,
                                  origin.url('/post'))
    checks.equal(code, '403', 'curl with Expect: 100-continue is refused for EICAR')
    checks.equal(origin.hits.get('/post', 0), 0, 'the refused upload did not reach the origin')
    checks.engine_ends(engine)
    return checks.finish(engine, squid)


if __name__ == '__main__':
    sys.exit(main())
