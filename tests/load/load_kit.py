# SPDX-License-Identifier: MIT
"""load_kit - what the load tests share: an engine on the back end asked for, requests, readings of memory and counters.

Role: the answers are read by the dialogue runner's strict reader, so that under load every framing rule is checked as
well. A script registers what must hold with Checks and ends with `finish`, which also looks for what no load may do
to an engine: a shard that died, a sanitizer's report, an exit status. Standard library only, loopback only.
"""

import argparse
import os
import random
import re
import resource
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, 'support'))
sys.path.insert(0, os.path.join(HERE, os.pardir, 'dialogue'))
import servers  # noqa: E402  (the path has to be set first)
import wire  # noqa: E402

HOST = servers.HOST
SKIPPED = 77
KIB = 1 << 10
MIB = 1 << 20
ANSWER_SECONDS = 30
BACKENDS = {'uring': 'io_uring', 'epoll': 'epoll'}
BROKEN = re.compile(r'ended with|AddressSanitizer|LeakSanitizer|runtime error:|assertion failed', re.I)

# Every load test's set finds this one, whatever else it finds.
MARKER = b'LOAD-MARKER-' + b'COMMON'
MARKER_NAME = 'Load.Common'


def parse_arguments(doc):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument('--engine', required=True, help='the baleend to test')
    parser.add_argument('--ring', choices=sorted(BACKENDS), help='the back end; the test is skipped without it')
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'big'))
    parser.add_argument('--instrumented', action='store_true',
                        help='the engine has sanitizers: memory is not judged, and time is given')
    parser.add_argument('-s', dest='options', action='append', default=[], metavar='KEY=VALUE')
    arguments = parser.parse_args()
    arguments.engine = os.path.abspath(arguments.engine)
    print('seed %d' % arguments.seed, flush=True)
    return arguments


class Checks:
    """Counts what held and what did not, and says both. Threads may use it."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0
        self.lock = threading.Lock()

    def check(self, holds, text, seen=''):
        with self.lock:
            if holds:
                self.passed += 1
            else:
                self.failed += 1
            print('%-5s %s%s' % ('ok' if holds else 'FAIL', text, ': %s' % (seen,) if seen != '' else ''), flush=True)
        return bool(holds)

    def none(self, failures, text):
        """Holds when the list is empty; shows its first entries else."""
        shown = '; '.join(str(failure) for failure in failures[:5])
        return self.check(not failures, text, '%d times: %s' % (len(failures), shown) if failures else '')

    def finish(self, engine, may_die=False):
        """Stops the engine, judges how it lived, and gives the exit status."""
        status = engine.stop(seconds=30)
        self.check(status == 0, 'the engine ended in order', status)
        found = [line for line in engine.log().splitlines() if BROKEN.search(line)
                 and not (may_die and 'signal 9' in line)]
        self.none(found, 'its log tells of no defect')
        if self.failed:
            print('--- end of the log of %s\n%s' % (engine.name, engine.log()[-6000:]))
        print('%s: %d held, %d did not' % (self.name, self.passed, self.failed))
        return 1 if self.failed else 0


def write_set(folder, number=1, markers=()):
    """A definition set in `folder`, put there at once: MARKER, and each (name, bytes) of `markers`."""
    rows = ['%s:0:*:%s' % (name, marker.hex()) for name, marker in [(MARKER_NAME, MARKER)] + list(markers)]
    files = {'load.ndb': '\n'.join(rows) + '\n',
             # No body has this hash, but each has to be hashed.
             'load.hsb': '%032x:*:Load.Hash:73\n' % number,
             'set.yaml': 'name: load\nversion: 20260101.%03d\nsequence: %d\ncertified: true\n' % (number, number)}
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name + '.tmp'), 'w', encoding='ascii') as out:
            out.write(text)
    for name in files:
        os.replace(os.path.join(folder, name + '.tmp'), os.path.join(folder, name))
    return folder


def start_engine(arguments, definitions=None, **settings):
    """A running engine with the settings (`icap__preview` stands for icap.preview); 77 without its back end."""
    options = [(key.replace('__', '.'), str(value)) for key, value in settings.items()]
    # A line for each finding and refusal would bury what matters.
    options.append(('log.level', 'warn'))
    options += [tuple(option.split('=', 1)) for option in arguments.options]
    # `auto` and a look at what came of it: where the host forbids io_uring there is nothing to test.
    options.append(('ring', 'auto' if arguments.ring == 'uring' else arguments.ring or 'auto'))
    work_dir = servers.temp_dir('baleen-load-')
    definitions = definitions or write_set(os.path.join(work_dir, 'set'))
    engine = servers.Engine(arguments.engine, 'load', definitions, options, work_dir)
    engine.start()
    # It answers as soon as one shard does.
    servers.wait_until(lambda: all(shard['generation'] for shard in engine.control('status')['shards']), 30)
    status = engine.control('status')
    backend = status['backend']
    engine.idle_blocks = status['totals']['blocks_used']
    if arguments.ring and backend != BACKENDS[arguments.ring]:
        print('skipped: the host gives %s, not %s' % (backend, arguments.ring))
        engine.stop()
        sys.exit(SKIPPED)
    print('engine %d on port %d, %s' % (engine.pid, engine.port, backend), flush=True)
    return engine


def raise_descriptors(wanted):
    """Raises the limit for this process and the engines it starts; false when it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError):
        return False
    return True


# Requests.

def chunked(data, size=16384):
    parts = [b'%x\r\n%s\r\n' % (len(data[at:at + size]), data[at:at + size]) for at in range(0, len(data), size)]
    return b''.join(parts) + b'0\r\n\r\n'


def respmod_heads(service='SYMCScanResp-AV', headers=(), url='http://load.test/file', has_body=True):
    """Everything of a RESPMOD up to its body."""
    req = b'GET %s HTTP/1.1\r\nHost: load.test\r\n\r\n' % url.encode()
    res = b'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n'
    sections = 'req-hdr=0, res-hdr=%d, %s-body=%d' % (len(req), 'res' if has_body else 'null', len(req) + len(res))
    return icap_head('RESPMOD', service, list(headers) + ['Encapsulated: ' + sections]) + req + res


def reqmod_heads(service='SYMCScanReq-AV', headers=(), url='http://load.test/form', has_body=True):
    req = b'POST %s HTTP/1.1\r\nHost: load.test\r\n\r\n' % url.encode()
    sections = 'req-hdr=0, %s-body=%d' % ('req' if has_body else 'null', len(req))
    return icap_head('REQMOD', service, list(headers) + ['Encapsulated: ' + sections]) + req


def icap_head(method, service, headers=()):
    lines = ['%s icap://%s/%s ICAP/1.0' % (method, HOST, service), 'Host: ' + HOST] + list(headers)
    return '\r\n'.join(lines + ['', '']).encode('latin-1')


class NoLog:
    """The reader and the writer keep a record in dialogues; here it would only cost."""

    def bytes(self, mark, data):
        pass


class Reader(wire.Reader):
    """Waits without select(), which ends at 1,024 descriptors."""

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if self.at_eof or left <= 0:
            raise wire.WireError('connection closed by the engine' if self.at_eof
                                 else 'timeout, after %r' % bytes(self.buf[:200]))
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(262144)
        except TimeoutError:
            raise wire.WireError('timeout, after %r' % bytes(self.buf[:200])) from None
        except ConnectionResetError:
            self.at_eof = True
            raise wire.WireError('connection reset by the engine') from None
        finally:
            self.sock.settimeout(ANSWER_SECONDS)
        if not data:
            self.at_eof = True
            raise wire.WireError('connection closed by the engine, after %r' % bytes(self.buf[:200]))
        self.buf += data


class Client:
    """One connection; every answer goes through the strict reader."""

    def __init__(self, engine, receive_buffer=0, source=None):
        self.port = engine.port
        self.connected_at = time.monotonic()
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.sock.setsockopt(socket.SOL_IP, getattr(socket, 'IP_BIND_ADDRESS_NO_PORT', 24), 1)
            self.sock.bind((source, 0))
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect((HOST, engine.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.sock, NoLog())

    def send(self, data):
        self.sock.sendall(data)

    def receive(self, method='RESPMOD', service='SYMCScanResp-AV', seconds=ANSWER_SECONDS, **more):
        return wire.read_response(self.reader, method, service, seconds, **more)

    def ask(self, data, method='RESPMOD', service='SYMCScanResp-AV', seconds=ANSWER_SECONDS):
        self.send(data)
        return self.receive(method, service, seconds)

    def is_closed(self, seconds):
        """Whether the engine ends the connection within the time, with nothing more to read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.reader.poll(max(0.001, deadline - time.monotonic())) and self.reader.at_eof:
                return not self.reader.buf
            if self.reader.buf:
                return False
        return False

    def close(self):
        self.sock.close()

    def reset(self):
        """Goes with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


def finding(response):
    """The name of the threat that an answer tells of, '' for none."""
    found = re.search(r'Threat=([^;]+);', response.icap.get('X-Infection-Found') or '')
    return found.group(1) if found else ''


def filler(size, seed):
    """Bytes that no set of these tests finds anything in, the same for the same seed."""
    block = random.Random(seed).randbytes(min(size, MIB) or 1)
    return (block * (size // len(block) + 1))[:size]


# The load that goes on beside what a test is about.

class Background:
    """Threads that ask and check, each on a connection of its own, until they are stopped."""

    def __init__(self, engine, threads=2, pause=0.002):
        self.engine = engine
        self.pause = pause
        self.seconds = []
        self.failures = []
        self.stopping = False
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        data = filler(2000, number)
        clean = respmod_heads(headers=['Allow: 204']) + chunked(data)
        bad = respmod_heads(headers=['Allow: 204']) + chunked(data + MARKER)
        echo = respmod_heads() + chunked(data)
        try:
            client = Client(self.engine)
            turn = 0
            while not self.stopping:
                turn += 1
                request, wanted = ((clean, 204), (echo, 200), (bad, 201))[turn % 3]
                started = time.monotonic()
                response = client.ask(request)
                self.seconds.append(time.monotonic() - started)
                if response.status != wanted or bool(finding(response)) != (wanted == 201) or \
                        wanted == 200 and response.body.text != data:
                    self.failures.append('answer %d instead of %d' % (response.status, wanted))
                time.sleep(self.pause)
            client.close()
        except (OSError, wire.WireError) as error:
            self.failures.append('%s: %s' % (type(error).__name__, error))

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(ANSWER_SECONDS)
            if thread.is_alive():
                self.failures.append('no answer within %d s' % ANSWER_SECONDS)
        return self

    def judge(self, checks, limit_seconds, text):
        """Right answers only, and 99 of 100 within the limit."""
        self.stop()
        checks.none(self.failures, '%s: every answer is right' % text)
        slow = percentile(self.seconds, 0.99)
        checks.check(len(self.seconds) >= 50 and slow < limit_seconds, '%s: 99 of 100 within %g ms' % (
            text, limit_seconds * 1000), '%d answers, p50 %.1f ms, p99 %.1f ms, max %.1f ms' % (
                len(self.seconds), percentile(self.seconds, 0.5) * 1000, slow * 1000,
                max(self.seconds or [0]) * 1000))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


# Readings.

def restarts(status):
    return sum(shard['restarts'] for shard in status['shards'])


def wait_active(engine, count):
    """Until so many requests are active and every shard knows: each looks at the others now and then."""
    servers.wait_until(lambda: engine.control('status')['totals']['requests_active'] == count, 5)
    time.sleep(0.02)


def unsettled(engine):
    """What of the engine's gauges is not as it is when nobody asks for anything; '' when all is."""
    status = engine.control('status')
    wanted = {'connections': 0, 'requests_active': 0, 'requests_waiting': 0, 'blocks_used': engine.idle_blocks,
              'generations': len(status['shards'])}
    return ', '.join('%s %d, not %d' % (name, status['totals'][name], value)
                     for name, value in wanted.items() if status['totals'][name] != value)


def check_settles(checks, engine, seconds=15, text='the engine is idle again'):
    servers.wait_until(lambda: not unsettled(engine), seconds, 0.05)
    left = unsettled(engine)
    return checks.check(not left, text, left)


def descriptors(engine):
    """How many descriptors each shard holds."""
    return {number: len(os.listdir('/proc/%d/fd' % pid)) for number, pid in engine.shard_pids().items()}


def settled_descriptors(engine, seconds=5):
    """The same once it stays the same: a connection that has just ended is given up a moment later."""
    end = time.monotonic() + seconds
    held = descriptors(engine)
    while time.monotonic() < end:
        time.sleep(0.3)
        before, held = held, descriptors(engine)
        if before == held:
            break
    return held


def resident_bytes(pid):
    return read_kib('/proc/%d/status' % pid, 'VmRSS')


def proportional_bytes(pid):
    """Memory with shared pages counted in shares."""
    return read_kib('/proc/%d/smaps_rollup' % pid, 'Pss')


def private_bytes(pid):
    return read_kib('/proc/%d/smaps_rollup' % pid, 'Private_Dirty') + \
        read_kib('/proc/%d/smaps_rollup' % pid, 'Private_Clean')


def read_kib(path, name):
    with open(path, encoding='ascii') as lines:
        for line in lines:
            if line.startswith(name + ':'):
                return int(line.split()[1]) * KIB
    return 0


class Sampler:
    """Watches the largest value of `read()` from a thread of its own."""

    def __init__(self, read, every=0.02):
        self.read = read
        self.every = every
        self.largest = read()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(self.every):
            try:
                self.largest = max(self.largest, self.read())
            except OSError:
                return

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.largest
