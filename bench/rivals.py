# SPDX-License-Identifier: MIT
"""rivals - starts and stops the servers that are measured, each on one core of its choice.

Used by compare.py and memory.py. All of them listen on 127.0.0.1 on a free port and keep their files in a folder of
the run. The figures are those of Debian's packages with the settings written here and nothing else.
"""
import os
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The set that ships with the project: c-icap's ClamAV module and the engine both read it.
DEFINITIONS = os.path.join(ROOT, "defs", "set")

# More threads than connections: c-icap serves one connection with one thread.
CICAP_CONF = """\
PidFile {dir}/c-icap.pid
CommandsSocket {dir}/c-icap.ctl
ServerLog {dir}/server.log
TmpDir {dir}
Port 127.0.0.1:{port}
ServerAdmin bench@localhost
ServerName bench
Timeout 300
KeepAliveTimeout 600
MaxKeepAliveRequests -1
MaxRequestsPerChild 0
StartServers 1
MaxServers 1
MinSpareThreads 10
MaxSpareThreads 1100
ThreadsPerChild 1100
MaxMemObject 4194304
DebugLevel 0
Pipelining on
SupportBuggyClients off
ModulesDir /usr/lib/x86_64-linux-gnu/c_icap
ServicesDir /usr/lib/x86_64-linux-gnu/c_icap
TemplateDir /usr/share/c_icap/templates/
TemplateDefaultLanguage en
LoadMagicFile /etc/c-icap/c-icap.magic
"""

CICAP_ECHO = "Service echo srv_echo.so\n"

# Debian's values; what is sent before the verdict begins at 2 MB, beyond the bodies of the scenarios.
CICAP_CLAMAV = """\
Service antivirus_module virus_scan.so
virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE
virus_scan.SendPercentData 5
virus_scan.StartSendPercentDataAfter 2M
virus_scan.Allow204Responces on
virus_scan.MaxObjectSize 5M
virus_scan.DefaultEngine clamav
Module common clamav_mod.so
clamav_mod.TmpDir {dir}
"""

# The same service asks a clamd of its own, which has the definitions.
CICAP_CLAMD = CICAP_CLAMAV.split("virus_scan.DefaultEngine")[0] + """\
virus_scan.DefaultEngine clamd
Module common clamd_mod.so
clamd_mod.ClamdSocket {dir}/clamd.sock
"""

CLAMD_CONF = """\
Foreground yes
LocalSocket {dir}/clamd.sock
DatabaseDirectory {definitions}
TemporaryDirectory {dir}
MaxThreads 12
MaxQueue 2400
SelfCheck 0
User root
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def stat_fields(pid):
    """/proc/PID/stat from the state on; None when the process is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def descendants(pid):
    """The process and everything below it."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = stat_fields(int(name))
        if fields and fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += parents.get(one, [])
    return found


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = stat_fields(pid)
        ticks += int(fields[11]) + int(fields[12]) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


class Server:
    """One server: its name in the tables, how it is started, and what its answers look like."""

    name = ""
    service = "/"
    load_args = ()  # What the generator has to know about its answers.

    def __init__(self, folder, cpu):
        self.dir = os.path.join(folder, type(self).__name__.lower())
        os.makedirs(self.dir, exist_ok=True)
        self.cpu = cpu
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def start(self):
        pin = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
        with open(os.path.join(self.dir, "output"), "wb") as log:
            self.process = subprocess.Popen(
                pin + self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment())
        end = time.monotonic() + 180
        while time.monotonic() < end and self.process.poll() is None:
            if self.is_ready():
                return self
            time.sleep(0.1)
        self.stop()
        raise RuntimeError("%s does not start: %s" % (self.name, self.output()))

    def is_ready(self):
        """Answers; large definitions take a while."""
        request = "OPTIONS icap://127.0.0.1%s ICAP/1.0\r\nHost: 127.0.0.1\r\n\r\n" % self.service
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as sock:
                sock.settimeout(1)
                sock.sendall(request.encode())
                return len(sock.recv(4096)) > 0
        except OSError:
            return False

    def output(self):
        with open(os.path.join(self.dir, "output"), errors="replace") as file:
            return file.read()[-2000:]

    def pids(self):
        return descendants(self.process.pid)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        family = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def answers(self, scenario_args):
        """Extra arguments of the generator for this server."""
        return list(self.load_args)


class CicapEcho(Server):
    """c-icap's echo service: looks at nothing."""

    name = "c-icap echo"
    service = "/echo"

    def extra(self):
        return CICAP_ECHO

    def command(self):
        path = os.path.join(self.dir, "c-icap.conf")
        with open(path, "w") as file:
            file.write((CICAP_CONF + self.extra()).format(dir=self.dir, port=self.port))
        return ["c-icap", "-N", "-f", path]

    def answers(self, scenario_args):
        # Echo answers 204 to every second preview, virus_scan to bodies that it keeps in memory; the rest is given back.
        return ["--expect", "200,204"] if "--allow-204" in scenario_args else []


class CicapClamav(CicapEcho):
    """c-icap with the virus_scan service and libclamav in its own process."""

    name = "c-icap + ClamAV module"
    service = "/virus_scan"
    definitions = None

    def extra(self):
        return CICAP_CLAMAV

    def command(self):
        # The module loads libclamav's compiled-in folder: ours is mounted over it for this process alone.
        inner = "mount --bind '%s' /var/lib/clamav && exec %s" % (self.definitions, " ".join(super().command()))
        private = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        return private + ["sh", "-c", inner]


class CicapClamd(CicapEcho):
    """c-icap with the virus_scan service; clamd, on the same core, does the scanning."""

    name = "c-icap + clamd"
    service = "/virus_scan"
    definitions = None
    clamd = None

    def extra(self):
        return CICAP_CLAMD

    def start(self):
        path = os.path.join(self.dir, "clamd.conf")
        with open(path, "w") as file:
            file.write(CLAMD_CONF.format(dir=self.dir, definitions=self.definitions))
        with open(os.path.join(self.dir, "clamd.output"), "wb") as log:
            self.clamd = subprocess.Popen(["taskset", "-c", str(self.cpu), "clamd", "-c", path],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 180
        while not os.path.exists(os.path.join(self.dir, "clamd.sock")):
            if self.clamd.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError("clamd does not start")
            time.sleep(0.1)
        return super().start()

    def pids(self):
        return super().pids() + [self.clamd.pid]

    def stop(self):
        super().stop()
        if self.clamd is not None and self.clamd.poll() is None:
            self.clamd.kill()
            self.clamd.wait()


class BareRing(Server):
    """The floor: reads to a blank line and answers 200 bytes."""

    name = "bare ring"
    program = None

    def command(self):
        return [self.program, str(self.port)]


class Baleen(Server):
    """The engine with one shard."""

    name = "Baleen"
    service = "/SYMCScanResp-AV"
    program = None
    definitions = None
    shards = 1
    settings = ()
    preload = None

    def environment(self):
        env = dict(os.environ)
        if self.preload:
            env.update(self.preload)
        return env

    def command(self):
        state = os.path.join(self.dir, "state")
        os.makedirs(state, exist_ok=True)
        keys = {
            "listen": "[127.0.0.1:%d]" % self.port,
            "shards": str(self.shards),
            "control_socket": os.path.join(self.dir, "control.sock"),
            "state_dir": state,
        }
        if self.definitions:
            keys["definitions.path"] = self.definitions
        args = [part for key, value in keys.items() for part in ("-s", "%s=%s" % (key, value))]
        args += [part for setting in self.settings for part in ("-s", setting)]
        return [self.program] + args


def raise_priority(nice):
    """For this process and all it starts. Where each session has its own share of the machine, for the session too."""
    os.nice(nice)
    try:
        with open("/proc/self/autogroup", "w") as file:
            file.write(str(nice))
    except OSError:
        pass


def machine():
    """CPU, kernel, commit: what each table has to name."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"], capture_output=True,
                           text=True)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
        "commit": (commit.stdout.strip() or "unknown") + (" with changes" if dirty.stdout.strip() else ""),
    }


def find_program(name, given, *places):
    """A program by option, in the build, or on the path; None when there is none."""
    for path in [given] if given else list(places) + [shutil.which(name)]:
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    return None


def find_generator(build):
    """The start of a command that asks a server; None when it was not built."""
    program = find_program("baleen-bench", None, os.path.join(build, "bench", "runner", "baleen-bench"))
    return program and [program, "load"]


def write_section(path, name, text):
    """Puts the text between the markers of that name in a document."""
    begin, end = "<!-- %s: begin -->" % name, "<!-- %s: end -->" % name
    with open(path) as file:
        document = file.read()
    before, rest = document.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w") as file:
        file.write("%s%s\n%s\n%s%s" % (before, begin, text.rstrip(), end, after))
