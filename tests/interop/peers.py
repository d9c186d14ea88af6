# SPDX-License-Identifier: MIT
"""peers - real programs around a running engine: an origin web server, Squid, Traffic Server, and small helpers.

Role: what the interop scripts share. Every program listens on loopback, on a port of its own, and lives in the test's
folder; tests/support/servers.py ends it with the test. Standard library only.
"""

import argparse
import hashlib
import http.client
import http.server
import os
import pwd
import random
import re
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'support'))
import servers  # noqa: E402  (the path has to be set first)

HOST = servers.HOST
SKIPPED = 77
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The industry's test file, in two pieces so that no scanner stumbles over this source.
EICAR = (rb'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-' + rb'ANTIVIRUS-TEST-FILE!$H+H*')

# Found by the marker signature of the shipped definitions, at any offset.
MARKER = b'BALEEN-MARKER-' + b'PLAIN/b1c7'

MIB = 1 << 20


def parse_arguments(description):
    """The arguments that all scripts take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--engine', required=True, help='path of baleend')
    parser.add_argument('--definitions', help='definition set, default: the one shipped with the project')
    parser.add_argument('--seconds', type=float, default=60, help='length of the load, at most')
    parser.add_argument('-s', dest='options', action='append', default=[], metavar='KEY=VALUE')
    arguments = parser.parse_args()
    arguments.engine = os.path.abspath(arguments.engine)  # Programs run in folders of their own.
    return arguments


def require(*programs):
    """The paths of programs; skips the test when one is missing."""
    paths = []
    for program in programs:
        path = program if os.path.isabs(program) else shutil.which(
            program, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin')
        if not path or not os.path.exists(path):
            print('skipped: there is no %s' % program)
            sys.exit(SKIPPED)
        paths.append(path)
    return paths if len(paths) > 1 else paths[0]


def start_engine(arguments, **more):
    """An engine as the command line wants it, running."""
    options = [tuple(option.split('=', 1)) for option in arguments.options]
    engine = servers.Engine(arguments.engine, definitions=arguments.definitions,
                            options=options + list(more.items()))
    engine.start()
    print('engine on port %d' % engine.port)
    return engine


class Checks:
    """Counts what held and what did not, and says both."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0

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

    def engine_ends(self, engine):
        """The engine ran until now, ends cleanly when it is told to, and no sanitizer complained."""
        self.check(engine.is_running(), 'the engine still runs')
        status = engine.stop(seconds=40)
        complaints = [line for line in engine.log().splitlines() if re.search(r'Sanitizer|runtime error|assertion', line)]
        self.check(status == 0 and not complaints, 'the engine drains and ends with 0', (status, complaints[:5]))

    def finish(self, *logs):
        """Prints the logs of what ran when something failed; the exit status."""
        if self.failed:
            for server in logs:
                print('--- end of the log of %s\n%s' % (server.name, server.log()[-4000:]))
        print('%s: %d held, %d did not' % (self.name, self.passed, self.failed))
        return 1 if self.failed else 0


def filler(size, seed=1):
    """`size` bytes in pieces, the same for the same seed, that compress badly and hold no signature."""
    block = bytearray(random.Random(seed).randbytes(MIB))
    number = 0
    while size > 0:
        block[:8] = number.to_bytes(8, 'little')
        piece = bytes(block[:min(size, MIB)])
        yield piece
        size -= len(piece)
        number += 1


def digest_of(pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


class Page:
    """What the origin serves at one path: bytes, or a function that yields pieces of `size` bytes in all."""

    def __init__(self, body, content_type='application/octet-stream', size=None, chunked=False):
        self.body = body
        self.content_type = content_type
        self.size = len(body) if size is None else size
        self.chunked = chunked

    def pieces(self):
        return [self.body] if isinstance(self.body, bytes) else self.body()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the origin's pages; answers an upload with its digest."""

    protocol_version = 'HTTP/1.1'
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *arguments):  # Silence is the point.
        pass

    def count(self):
        with self.server.lock:
            path = self.path.partition('?')[0]
            self.server.hits[path] = self.server.hits.get(path, 0) + 1
        return path

    def do_GET(self):
        page = self.server.pages.get(self.count())
        if not page:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Type', page.content_type)
        if page.chunked:
            self.send_header('Transfer-Encoding', 'chunked')
        else:
            self.send_header('Content-Length', str(page.size))
        self.end_headers()
        try:
            for piece in page.pieces():
                self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece) if page.chunked else piece)
            if page.chunked:
                self.wfile.write(b'0\r\n\r\n')
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    do_HEAD = do_GET

    def do_POST(self):
        self.count()
        digest = hashlib.sha256()
        if 'chunked' in self.headers.get('Transfer-Encoding', ''):
            pieces = self.read_chunks()
        else:
            pieces = self.read_length(int(self.headers.get('Content-Length', 0)))
        size = 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        answer = ('%d %s\n' % (size, digest.hexdigest())).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST

    def read_length(self, size):
        while size > 0:
            piece = self.rfile.read(min(size, MIB))
            if not piece:
                raise ConnectionError('the upload ended early')
            size -= len(piece)
            yield piece

    def read_chunks(self):
        while True:
            size = int(self.rfile.readline().split(b';')[0], 16)
            if size == 0:
                while self.rfile.readline() not in (b'\r\n', b'\n', b''):
                    pass
                return
            yield self.rfile.read(size)
            self.rfile.readline()


class Origin(http.server.ThreadingHTTPServer):
    """A web server in threads of this process. `hits` counts what reached it, by path."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, pages):
        super().__init__((HOST, servers.free_port()), Handler)
        self.pages = pages
        self.hits = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Proxies close connections in the middle of things; that is no news."""

    def url(self, path):
        return 'http://%s:%d%s' % (HOST, self.server_address[1], path)


def unprivileged(name):
    """The account a daemon takes when the test runs as root, '' otherwise."""
    if os.geteuid() != 0:
        return ''
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return 'nobody'


def give_to(user, *folders):
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        if user:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)


def readme_block(language):
    """The fenced block of that language in README.md: what users copy is what is tested."""
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as readme:
        found = re.search(r'^```%s\n(.*?)^```' % language, readme.read(), re.DOTALL | re.MULTILINE)
    if not found:
        raise servers.ServerError('README.md has no ```%s block' % language)
    return found.group(1)


class Squid(servers.Server):
    """Squid with the configuration that README.md recommends, on ports and in a folder of its own."""

    def __init__(self, binary, icap_port, more=''):
        super().__init__('squid', [binary, '-N', '-f', '', '-n', 'baleen%d' % os.getpid()])
        self.port = servers.free_port()
        self.cache_log = os.path.join(self.work_dir, 'run', 'cache.log')
        self.access_log = os.path.join(self.work_dir, 'run', 'access.log')
        user = unprivileged('proxy')
        run = os.path.join(self.work_dir, 'run')
        give_to(user, run)
        self.argv[3] = os.path.join(self.work_dir, 'squid.conf')
        frame = ['http_port %s:%d' % (HOST, self.port), 'acl loopback src 127.0.0.0/8',
                 'http_access allow loopback', 'cache deny all', 'pid_filename %s/squid.pid' % run,
                 'cache_log %s' % self.cache_log, 'access_log stdio:%s' % self.access_log,
                 'cache_store_log none', 'coredump_dir %s' % run, 'netdb_filename none',
                 'pinger_enable off', 'dns_nameservers 127.0.0.1', 'shutdown_lifetime 0 seconds', 'visible_hostname squid.test',
                 'max_filedescriptors 4096']
        if user:
            frame.append('cache_effective_user %s' % user)
        recommended = readme_block('squid').replace('127.0.0.1:1344', '%s:%d' % (HOST, icap_port))
        with open(self.argv[3], 'w', encoding='utf-8') as conf:
            conf.write('\n'.join(frame) + '\n' + recommended + more)

    def start(self, ready=None, seconds=None):
        super().start(ready or (lambda: servers.answers_tcp(self.port)), seconds)
        print('squid on port %d' % self.port)

    def log(self):
        try:
            with open(self.cache_log, encoding='latin-1') as log:
                return super().log() + log.read()
        except OSError:
            return super().log()


class TrafficServer(servers.Server):
    """Apache Traffic Server as a reverse proxy of one origin, with its ICAP plugin."""

    def __init__(self, binary, icap_port, origin):
        super().__init__('trafficserver', [binary])
        self.port = servers.free_port()
        user = unprivileged('trafficserver')
        root = os.path.join(self.work_dir, 'root')
        folders = {key: os.path.join(root, key) for key in ('sysconfdir', 'cachedir', 'localstatedir',
                                                           'runtimedir', 'logdir')}
        give_to(user, root, *folders.values())
        layout = {'prefix': root, 'exec_prefix': root, 'bindir': '/usr/bin', 'sbindir': '/usr/sbin',
                  'libdir': '/usr/lib/trafficserver', 'libexecdir': '/usr/lib/trafficserver/modules',
                  'datadir': '/etc/trafficserver', **folders}
        self.write(root, 'runroot.yaml', ['%s: %s' % pair for pair in layout.items()])
        conf = folders['sysconfdir']
        self.write(conf, 'records.config', ['CONFIG ' + line for line in (
            'proxy.config.http.server_ports STRING %d:ip-in=%s' % (self.port, HOST),
            'proxy.config.admin.user_id STRING %s' % (user or '#-1'),
            'proxy.config.http.cache.http INT 0',
            'proxy.config.url_remap.pristine_host_hdr INT 1',
            'proxy.config.url_remap.remap_required INT 1',
            'proxy.config.exec_thread.autoconfig INT 0',
            'proxy.config.exec_thread.limit INT 2')])
        self.write(conf, 'plugin.config', ['icap.so %s %d 0 0' % (HOST, icap_port)])
        self.write(conf, 'remap.config', ['map / %s' % origin.url('/')])
        self.write(conf, 'storage.config', ['%s 16M' % folders['cachedir']])
        with open('/etc/trafficserver/ip_allow.yaml', encoding='utf-8') as packaged:
            self.write(conf, 'ip_allow.yaml', [packaged.read()])
        self.argv.append('--run-root=' + os.path.join(root, 'runroot.yaml'))

    @staticmethod
    def write(folder, name, lines):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as handle:
            handle.write('\n'.join(lines) + '\n')

    def start(self, ready=None, seconds=None):
        super().start(ready or (lambda: servers.answers_tcp(self.port)), seconds)
        print('trafficserver on port %d' % self.port)


class Answer:
    """A finished HTTP exchange: status, headers, digest and the first bytes of the body."""

    def __init__(self, status, headers, digest, size, head, error=''):
        self.status = status
        self.headers = headers
        self.digest = digest
        self.size = size
        self.head = head
        self.error = error

    def __str__(self):
        return '%s, %d bytes, %r%s' % (self.status, self.size, self.head[:80],
                                       ', ' + self.error if self.error else '')


def read_answer(response):
    digest = hashlib.sha256()
    size, head, error = 0, b'', ''
    try:
        while True:
            piece = response.read(1 << 18)
            if not piece:
                break
            head = head or piece[:4096]
            digest.update(piece)
            size += len(piece)
        wanted = response.getheader('Content-Length')
        if wanted and int(wanted) != size:
            error = 'cut off at %d of %s' % (size, wanted)
    except (OSError, http.client.HTTPException) as failure:
        error = type(failure).__name__
    return Answer(response.status, dict(response.getheaders()), digest.hexdigest(), size, head, error)


class ProxyClient:
    """A user agent on one kept connection. Broken answers are answers too: nothing is raised."""

    def __init__(self, port, timeout=60):
        self.conn = http.client.HTTPConnection(HOST, port, timeout=timeout)
        self.used = False

    def exchange(self, url, body=None, method=None, headers=None):
        """One request; as in browsers, a kept connection that turns out to be closed is opened anew."""
        try:
            response = self.send(url, body, method, headers)
        except (ConnectionError, http.client.HTTPException) as failure:
            self.conn.close()
            if not self.used:
                return self.broken(failure)
            try:
                response = self.send(url, body, method, headers)
            except (OSError, http.client.HTTPException) as again:
                return self.broken(again)
        except OSError as failure:
            return self.broken(failure)
        self.used = True
        return read_answer(response)

    def send(self, url, body, method, headers):
        self.conn.request(method or ('GET' if body is None else 'POST'), url, body=body, headers=headers or {})
        return self.conn.getresponse()

    def broken(self, failure):
        self.close()
        return Answer(0, {}, '', 0, b'', '%s: %s' % (type(failure).__name__, failure))

    def close(self):
        self.conn.close()
        self.used = False


def exchange(port, url, body=None, method=None, timeout=60, headers=None):
    """One request to `url` by the proxy on `port`, on a connection of its own."""
    client = ProxyClient(port, timeout)
    try:
        return client.exchange(url, body, method, headers)
    finally:
        client.close()


def run_clients(count, seconds, work):
    """Runs `work(number, deadline)` in `count` threads; the list of what they returned."""
    deadline = time.monotonic() + seconds
    results = [None] * count

    def run(number):
        results[number] = work(number, deadline)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)
    return results
