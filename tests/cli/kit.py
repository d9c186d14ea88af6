# SPDX-License-Identifier: MIT
"""kit - what the tests of the programs share: running them, small definition sets, one ICAP request, another user.

Role: the tests of this folder look at what people and scripts see of `baleend` and `baleen`: output, exit codes, log
lines, files, processes. What goes over the wire is judged by the dialogues. Standard library only, loopback only.
"""

import argparse
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'support'))
import servers  # noqa: E402  (the path has to be set first)

HOST = servers.HOST
KIB = 1 << 10
MIB = 1 << 20
RUN_SECONDS = 60
IS_ROOT = os.geteuid() == 0

# The industry's test file, in two pieces so that no scanner stumbles over this source.
EICAR = rb'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-' + rb'ANTIVIRUS-TEST-FILE!$H+H*'
EICAR_NAME = 'Eicar-Test-Signature'

# What the sets of make_set find.
MARKER = b'CLI-MARKER-' + b'ONE'
MARKER_NAME = 'Cli.Marker'

# Lines that no run may leave in a log.
BROKEN = re.compile(r'AddressSanitizer|LeakSanitizer|runtime error:|assertion failed')


class Result:
    """What a finished program left: exit code (minus the signal when one ended it), output, and how long it took."""

    def __init__(self, code, out, err, seconds):
        self.code = code
        self.out = out
        self.err = err
        self.seconds = seconds

    def __repr__(self):
        return 'code %r, out %r, err %r' % (self.code, self.out[-600:], self.err[-600:])

    def says(self, *patterns):
        """Whether stderr is exactly one line that matches all patterns."""
        lines = self.err.splitlines()
        return len(lines) == 1 and all(re.search(pattern, lines[0]) for pattern in patterns)


def run(*argv, seconds=RUN_SECONDS, **more):
    """Runs a program to its end. Output is latin-1, so that odd bytes show up as they are."""
    begun = time.monotonic()
    done = subprocess.run([os.fsencode(word) for word in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=seconds, check=False, **more)
    return Result(done.returncode, done.stdout.decode('latin-1'), done.stderr.decode('latin-1'),
                  time.monotonic() - begun)


class Checks:
    """Counts what held and what did not, and says both."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0
        self.servers = []

    def check(self, holds, text, seen=''):
        if holds:
            self.passed += 1
            print('ok    %s' % text, flush=True)
        else:
            self.failed += 1
            print('FAIL  %s%s' % (text, ': saw %s' % (seen,) if seen != '' else ''), flush=True)
        return bool(holds)

    def equal(self, seen, wanted, text):
        return self.check(seen == wanted, text, '%r instead of %r' % (seen, wanted))

    def watch(self, server):
        """The log of `server` is judged at the end, and shown when something failed."""
        self.servers.append(server)
        return server

    def finish(self):
        for server in self.servers:
            found = [line for line in server.log().splitlines() if BROKEN.search(line)]
            self.check(not found, '%s has no defect in its log' % server.name, found[:3])
        if self.failed:
            for server in self.servers:
                print('--- end of the log of %s\n%s' % (server.name, server.log()[-3000:]))
        print('%s: %d held, %d did not' % (self.name, self.passed, self.failed))
        return 1 if self.failed else 0


class Programs:
    """The two programs under test."""

    def __init__(self, doc):
        parser = argparse.ArgumentParser(description=doc.splitlines()[0])
        parser.add_argument('--engine', required=True, help='the baleend to test')
        parser.add_argument('--baleen', required=True, help='the baleen to test')
        arguments = parser.parse_args()
        self.baleend = os.path.abspath(arguments.engine)
        self.baleen = os.path.abspath(arguments.baleen)

    def for_everybody(self, folder):
        """Copies where any user may run them; `folder` is open to all."""
        for name in ('baleend', 'baleen'):
            copy = os.path.join(folder, name)
            shutil.copy(getattr(self, name), copy)
            os.chmod(copy, 0o755)
            setattr(self, name, copy)


class Engine(servers.Engine):
    """An engine that `baleen` can be pointed at."""

    def __init__(self, programs, name='e1', definitions=None, options=(), prefix=(), config=None, **more):
        super().__init__(programs.baleend, name, definitions, options, **more)
        self.programs = programs
        self.prefix = list(prefix)
        if config:
            self.argv[1:1] = ['-c', config]

    def spawn(self):
        plain = self.argv
        self.argv = self.prefix + plain
        super().spawn()
        self.argv = plain  # Its first word is the program, which is what `stop` looks for.

    def is_ready(self):
        """All shards serve; to get an answer one would be enough."""
        try:
            return super().is_ready() and self.control('status')['ready']
        except OSError:
            return False

    def baleen(self, *words, **more):
        """Runs `baleen` against this engine."""
        return run(self.programs.baleen, '-s', 'listen=[%s:%d]' % (HOST, self.port), '-s',
                   'control_socket=' + self.control_path, *words, **more)

    def log_has(self, pattern, seconds=5):
        """Waits until a line of the log matches."""
        return servers.wait_until(lambda: re.search(pattern, self.log(), re.M), seconds)


def make_set(folder, sequence=1, marker=MARKER, extra=''):
    """Writes a definition set; returns its folder."""
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, 'set.yaml'),
          'name: cli\nversion: 20261120.%03d\nsequence: %d\nproduced: 2026-11-20\n' % (sequence, sequence))
    write(os.path.join(folder, 'cli.ndb'),
          '%s:0:*:%s\n%s:0:*:%s\n%s' % (MARKER_NAME, marker.hex(), EICAR_NAME, EICAR.hex(), extra))
    return folder


def write(path, content, mode=None):
    """Puts a file there in one step; returns its path."""
    beside = path + '.new'
    with open(beside, 'wb') as out:
        out.write(content if isinstance(content, bytes) else content.encode())
    if mode is not None:
        os.chmod(beside, mode)
    os.rename(beside, path)
    return path


def filler(size):
    """Bytes that hold no signature."""
    line = b'0123456789 the quick brown fox jumps over the lazy dog\n'
    return (line * (size // len(line) + 1))[:size]


def respmod(port, body, target='http://a/file.bin', allow204=True, service='SYMCScanResp-AV', seconds=30):
    """Sends one download through the engine; returns status, ICAP head and all that follows it."""
    request = b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % target.encode('latin-1')
    response = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body)
    head = ('RESPMOD icap://%s:%d/%s ICAP/1.0\r\nHost: %s\r\nConnection: close\r\n%s'
            'Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n' % (
                HOST, port, service, HOST, 'Allow: 204\r\n' if allow204 else '', len(request),
                len(request) + len(response))).encode()
    with socket.create_connection((HOST, port), seconds) as sock:
        sock.settimeout(seconds)
        sock.sendall(head + request + response)
        for at in range(0, len(body), 64 * KIB):
            piece = body[at:at + 64 * KIB]
            sock.sendall(b'%x\r\n%s\r\n' % (len(piece), piece))
        sock.sendall(b'0\r\n\r\n')
        answer = receive_all(sock)
    status = re.match(rb'ICAP/1\.0 (\d{3}) ', answer)
    head, _, rest = answer.partition(b'\r\n\r\n')
    return int(status.group(1)) if status else 0, head.decode('latin-1'), rest


def receive_all(sock):
    """Everything until the other side closes."""
    pieces = []
    while True:
        piece = sock.recv(256 * KIB)
        if not piece:
            return b''.join(pieces)
        pieces.append(piece)


def dechunk(data):
    """The body that chunks carry; None when they do not end well."""
    body = []
    at = 0
    while True:
        line_end = data.find(b'\r\n', at)
        if line_end < 0:
            return None
        size = int(data[at:line_end].partition(b';')[0], 16)
        at = line_end + 2
        if size == 0:
            return b''.join(body) if data[at:] == b'\r\n' else None
        body.append(data[at:at + size])
        at += size + 2


def plain_user():
    """A user without rights, and the words in front of a command that runs as this user; [] when we are no root."""
    entry = pwd.getpwnam('nobody')
    prefix = ['setpriv', '--reuid', str(entry.pw_uid), '--regid', str(entry.pw_gid), '--clear-groups']
    return entry, prefix if IS_ROOT else []


def limit_memlock(kib):
    """Words in front of a command that may lock so many KiB; None when our own limit is lower."""
    done = subprocess.run(['sh', '-c', 'ulimit -l %d' % kib], capture_output=True, check=False)
    return ['sh', '-c', 'ulimit -l %d && exec "$@"' % kib, 'sh'] if done.returncode == 0 else None


def is_alive(pid):
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stat:
            return stat.read().rpartition(b')')[2].split()[0] != b'Z'
    except OSError:
        return False


def port_is_free(port):
    """Whether nobody listens on the port, shared or not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
