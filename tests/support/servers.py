# SPDX-License-Identifier: MIT
"""servers - start and stop the engine, and other servers, for tests.

Role: what the dialogue, interop and load tests share: ports that two tests never get at once, processes that end with
the test, a running `baleend` with its control socket, throw-away folders. Python's standard library only.
Everything listens on loopback.
"""

import atexit
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HOST = '127.0.0.1'

# Below the range from which the kernel takes the source ports of outgoing connections, so that no client can sit on one.
PORT_FIRST = 11000
PORT_LAST = 29999
PORT_LOCKS = os.path.join(tempfile.gettempdir(), 'baleen-test-ports.%d' % os.getuid())

START_SECONDS = float(os.environ.get('BALEEN_TEST_START_SECONDS', '30'))

_held_ports = []
_running = []


class ServerError(Exception):
    """A server did not start, did not stop, or did not answer."""


def free_port():
    """A loopback port that no other test of this machine holds; ours until the process ends.

    The lock is needed because engines listen with SO_REUSEPORT: two of them on one port would share it in silence.
    """
    os.makedirs(PORT_LOCKS, exist_ok=True)
    span = PORT_LAST - PORT_FIRST + 1
    start = (os.getpid() * 61 + len(_held_ports) * 7 + time.monotonic_ns() // 1000) % span
    for i in range(span):
        port = PORT_FIRST + (start + i) % span
        lock = open(os.path.join(PORT_LOCKS, str(port)), 'w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if _port_is_idle(port):
            _held_ports.append(lock)
            return port
        lock.close()
    raise ServerError('no free port between %d and %d' % (PORT_FIRST, PORT_LAST))


def _port_is_idle(port):
    for family, host in ((socket.AF_INET, HOST), (socket.AF_INET6, '::1')):
        try:
            with socket.socket(family) as probe:
                probe.bind((host, port))
        except OSError:
            if family == socket.AF_INET:
                return False
    return True


def temp_dir(prefix='baleen-test-'):
    """A folder that everybody may read (an engine may drop its user) and that goes at exit."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o755)
    if not os.environ.get('BALEEN_TEST_KEEP'):
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def wait_until(condition, seconds, step=0.01):
    """Polls until `condition()` is true; returns its value, or the last false one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(step)


def process_children(pid):
    """The direct children of a process."""
    children = []
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % name, 'rb') as stat:
                fields = stat.read().rpartition(b')')[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != b'Z':
            children.append(int(name))
    return sorted(children)


def process_tree(pid):
    """A process's descendants, nearest first."""
    found = []
    for child in process_children(pid):
        found.append(child)
        found += process_tree(child)
    return found


def process_title(pid):
    """What `ps` shows for the process: its title when it set one, else its command line."""
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as cmdline:
            return cmdline.read().replace(b'\0', b' ').decode('latin-1').strip()
    except OSError:
        return ''


class Server:
    """A program in the foreground whose output goes to a file; it ends with the test at the latest."""

    def __init__(self, name, argv, work_dir=None, env=None):
        self.name = name
        self.argv = argv
        self.work_dir = work_dir or temp_dir()
        self.env = env
        self.file_size_max = None  # Largest file it may write; a disk that is full, as it were.
        self.log_path = os.path.join(self.work_dir, name + '.log')
        self.process = None

    def spawn(self):
        env = dict(os.environ)
        env.update(self.env or {})
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, cwd=self.work_dir, env=env,
                                            preexec_fn=self.limit if self.file_size_max else None)
        _running.append(self)

    def limit(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_size_max, self.file_size_max))

    def start(self, ready, seconds=None):
        """Spawns it and waits until `ready()` says true."""
        seconds = seconds or START_SECONDS
        self.spawn()
        if wait_until(lambda: not self.is_running() or ready(), seconds) and self.is_running():
            return
        state = 'does not answer after %g s' % seconds
        if not self.is_running():
            state = 'ended with status %d' % self.process.returncode
        self.stop()
        raise ServerError('%s %s: %s\n%s' % (self.name, state, ' '.join(self.argv), self.log()))

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        try:
            with open(self.log_path, encoding='latin-1') as log:
                return log.read()
        except OSError:
            return ''

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        if self.is_running():
            os.kill(self.process.pid, number)

    def wait(self, seconds):
        """The exit status, or None when it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=10):
        """Asks, waits, and then insists; returns the exit status, None when it had to be killed."""
        if self.process is None:
            return None
        family = process_tree(self.process.pid) if self.is_running() else []
        self.signal(signal.SIGTERM)
        status = self.wait(seconds)
        if status is None:
            self.signal(signal.SIGKILL)
            self.wait(5)
        for pid in family:
            _kill_orphan(pid, self.argv[0])
        if self in _running:
            _running.remove(self)
        return status


def _kill_orphan(pid, program):
    """Kills what a killed server left behind, unless the number went to another program since."""
    try:
        if os.path.realpath('/proc/%d/exe' % pid) == os.path.realpath(program):
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def _stop_all():
    for server in list(_running):
        server.stop(seconds=2)


atexit.register(_stop_all)
signal.signal(signal.SIGTERM, lambda number, frame: exit(128 + number))


def answers_tcp(port, host=HOST):
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False


class Engine(Server):
    """A running `baleend` on a port, a control socket and a state folder of its own."""

    def __init__(self, binary, name='e1', definitions=None, options=(), work_dir=None, env=None):
        super().__init__(name, [binary], work_dir, env)
        self.port = free_port()
        self.control_path = os.path.join(self.work_dir, name + '.sock')
        self.state_dir = os.path.join(self.work_dir, name + '.state')
        os.makedirs(self.state_dir, exist_ok=True)
        os.chmod(self.state_dir, 0o777)
        settings = [('listen', '[%s:%d]' % (HOST, self.port)),
                    ('control_socket', self.control_path),
                    ('state_dir', self.state_dir),
                    ('admin.listen', '%s:%d' % (HOST, free_port()))]
        if definitions:
            settings.append(('definitions.path', definitions))
        keys = {key for key, _ in options}
        for key, value in [pair for pair in settings if pair[0] not in keys] + list(options):
            self.argv += ['-s', '%s=%s' % (key, value)]

    def start(self, ready=None, seconds=None):
        super().start(ready or self.is_ready, seconds)

    def is_ready(self):
        return os.path.exists(self.control_path) and bool(self.ask_options(quiet=True))

    def ask_options(self, service='AVSCAN', quiet=False):
        """The head of an OPTIONS answer as text; '' when quiet and there is none."""
        request = 'OPTIONS icap://%s:%d/%s ICAP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' % (
            HOST, self.port, service, HOST)
        try:
            with socket.create_connection((HOST, self.port), 2) as sock:
                sock.settimeout(5)
                sock.sendall(request.encode())
                data = b''
                while b'\r\n\r\n' not in data:
                    piece = sock.recv(65536)
                    if not piece:
                        break
                    data += piece
        except OSError as error:
            if quiet:
                return ''
            raise ServerError('%s: OPTIONS: %s' % (self.name, error))
        head = data.partition(b'\r\n\r\n')[0].decode('latin-1')
        return head if head.startswith('ICAP/1.0 ') else ''

    def istag(self, service='AVSCAN'):
        """The ISTag with its quotes, asked anew."""
        found = re.search(r'^ISTag: (\S+)$', self.ask_options(service).replace('\r', ''), re.M)
        return found.group(1) if found else ''

    def control(self, command, seconds=30, **more):
        """Sends one command to the control socket; returns the JSON answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(seconds)
            sock.connect(self.control_path)
            sock.sendall(json.dumps(dict(more, command=command)).encode() + b'\n')
            data = b''
            while not data.endswith(b'\n'):
                piece = sock.recv(65536)
                if not piece:
                    break
                data += piece
        try:
            return json.loads(data)
        except ValueError:
            raise ServerError('%s: control answer is no JSON: %r' % (self.name, data[:200]))

    def shard_pids(self):
        """Number of each shard and its process."""
        shards = {}
        for pid in process_tree(self.process.pid):
            found = re.match(r'baleend: shard (\d+)', process_title(pid))
            if found:
                shards[int(found.group(1))] = pid
        return shards
