#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swapping - what requests feel of new definitions, how long those take, and what fifty swaps leave behind.

    swapping.py [--definitions DIR] [--rate N] [--swaps N]

Clients ask at a steady rate, each request at its own time whatever became of the one before, so that a pause of the
engine is felt by all requests that fall into it. Measured in one run, one after the other:
  before       latency while nothing else happens
  cold         the set changes and nothing of it is in the cache: compile and swap
  one line     one signature more: what did not change comes from the cache
  again        a set that was compiled before: the whole image comes from the cache
  swaps        many of them in a row, and the memory before and after
The latency of a phase is that of the requests sent while the phase was under way. Goals: the 99th percentile at most
1.5 times that before, and memory as before. Exit codes: 0 both reached, 1 not, 2 something is missing.
"""
import argparse
import json
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

import rivals

RATIO_MAX = 1.5
# Fewer requests in a phase say nothing about their 99th percentile.
REQUESTS_MIN = 300
GROWTH_MAX = 8 << 20
WARM_UP_SWAPS = 5
SWAP_SECONDS = 600


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(rivals.ROOT, "build"), help="build folder (build)")
    parser.add_argument("--baleend", help="the engine (BUILD/tools/baleend)")
    parser.add_argument("--definitions", help="a large definition set (generated signatures)")
    parser.add_argument("--signatures", type=int, default=20000, help="how many, when they are generated (20000)")
    parser.add_argument("--rate", type=int, default=400, help="requests a second (400)")
    parser.add_argument("--clients", type=int, default=4, help="processes that ask (4)")
    parser.add_argument("--body", type=int, default=16384, help="bytes of a body (16384)")
    parser.add_argument("--seconds", type=float, default=10, help="length of the phase before (10)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each change is made (3)")
    parser.add_argument("--swaps", type=int, default=50, help="swaps in a row (50)")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--nice", type=int, default=0, help="priority of engine and clients, where other work goes on (0)")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work at all")
    parser.add_argument("--no-goals", action="store_true", help="reaching the goals is not asked for: does it work at all")
    args = parser.parse_args()
    if args.quick:
        args.signatures, args.seconds, args.rounds, args.swaps = 500, 2, 1, 8
    return args


# ---- Clients ----

def request_of(args):
    """A RESPMOD whose answer is a 204 that names the set."""
    page = b"".join(b"<p>Line %d of a page that nobody reads.</p>\n" % i for i in range(args.body // 40 + 1))
    body = page[:args.body]
    req = b"GET http://bench.test/page HTTP/1.1\r\nHost: bench.test\r\n\r\n"
    res = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    head = (b"RESPMOD icap://127.0.0.1/SYMCScanResp-AV ICAP/1.0\r\nHost: 127.0.0.1\r\nAllow: 204\r\n"
            b"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n" % (len(req), len(req) + len(res)))
    return head + req + res + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def ask(sock, request):
    """The ISTag of the answer."""
    sock.sendall(request)
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = sock.recv(65536)
        if not part:
            raise RuntimeError("the engine closed the connection: %r" % data)
        data += part
    if not data.startswith(b"ICAP/1.0 204"):
        raise RuntimeError("not a 204: %r" % data[:60])
    return data.split(b'ISTag: "', 1)[1].split(b'"', 1)[0].decode()


def client(args, port, number, stop, out):
    """Asks at its times until told to stop; puts (due, latency, ISTag) of all requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = request_of(args)
    every = args.clients / args.rate
    rows = []
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = time.monotonic() + every * number / args.clients
        while not stop.is_set():
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            tag = ask(sock, request)
            rows.append((due, time.monotonic() - due, tag))
            due += every
    out.send(rows)
    out.close()


class Clients:
    def __init__(self, args, port):
        self.stop = multiprocessing.Event()
        self.pipes = []
        self.processes = []
        for number in range(args.clients):
            here, there = multiprocessing.Pipe(False)
            process = multiprocessing.Process(target=client, args=(args, port, number, self.stop, there), daemon=True)
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)

    def finish(self):
        self.stop.set()
        rows = []
        for pipe in self.pipes:
            rows += pipe.recv()
        for process in self.processes:
            process.join(10)
        return sorted(rows)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


class Phase:
    """Spans of time, and the requests that were due in them."""

    def __init__(self, name):
        self.name = name
        self.spans = []
        self.changes = []   # (time of the change, ISTag that it leads to)
        self.latencies = []

    def judge(self, rows):
        self.latencies = [latency for due, latency, _ in rows if any(a <= due < b for a, b in self.spans)]

    def first_answers(self, rows):
        """Seconds from each change to the first answer by the new set."""
        return [min((due + latency for due, latency, tag in rows if tag == wanted and due + latency > changed),
                    default=float("nan")) - changed for changed, wanted in self.changes]


# ---- The engine ----

class Engine:
    def __init__(self, args, folder):
        self.set = os.path.join(folder, "set")
        self.server = rivals.Baleen(folder, None)
        self.server.program = args.baleend
        self.server.definitions = self.set
        self.server.shards = args.shards
        self.server.settings = ["log.level=warn", "definitions.watch=false"]
        self.server.start()
        # It listens before it has definitions; what is asked meanwhile waits.
        with socket.create_connection(("127.0.0.1", self.server.port), SWAP_SECONDS) as sock:
            ask(sock, request_of(args))

    def control(self, command):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SWAP_SECONDS)
            sock.connect(os.path.join(self.server.dir, "control.sock"))
            sock.sendall(json.dumps({"command": command}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = sock.recv(1 << 20)
                if not part:
                    break
                data += part
        answer = json.loads(data)
        if not answer.get("ok"):
            raise RuntimeError("%s: %s" % (command, answer.get("error")))
        return answer

    def forget(self):
        shutil.rmtree(os.path.join(self.server.dir, "state", "cache"), ignore_errors=True)

    def processes(self):
        """The supervisor and the shards, without a compiler."""
        return [self.server.process.pid] + [shard["pid"] for shard in self.control("status")["shards"]]

    def memory(self):
        """What the processes have for themselves, in bytes: images are shared."""
        total = 0
        for pid in self.processes():
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total += sum(int(line.split()[1]) * 1024 for line in file
                             if line.startswith(("Private_Clean:", "Private_Dirty:")))
        return total

    def descriptors(self):
        return sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in self.processes())


def marker_line(number):
    """A signature of its own for each set."""
    return "Bench.Swap.%d:0:*:%s\n" % (number, (b"BENCH-SWAP-MARKER-%08d-%d" % (number * 7919, number)).hex())


def place(engine, number):
    """One line of one file changes; the file is replaced at once. Returns the time of it."""
    beside = os.path.join(engine.set, ".swap.ndb")
    with open(beside, "w", encoding="ascii") as out:
        out.write(marker_line(number))
    now = time.monotonic()
    os.replace(beside, os.path.join(engine.set, "swap.ndb"))
    return now


def change(engine, number, phase, end_pause=0.2):
    """A change and the swap that follows; the phase was under way meanwhile."""
    began = place(engine, number)
    answer = engine.control("reload")
    time.sleep(end_pause)
    phase.spans.append((began, time.monotonic()))
    phase.changes.append((began, answer["istag"]))
    return time.monotonic() - end_pause - began


def prepare(args, folder):
    target = os.path.join(folder, "set")
    if args.definitions:
        os.makedirs(target)
        for name in os.listdir(args.definitions):
            path = os.path.join(args.definitions, name)
            if os.path.isfile(path):
                shutil.copy(path, target)
                os.chmod(os.path.join(target, name), 0o644)
    else:
        os.makedirs(target)
        with open(os.path.join(target, "generated.ndb"), "w", encoding="ascii") as out:
            import random
            rand = random.Random(args.signatures)
            for i in range(args.signatures):
                out.write("Bench.Generated.%d:0:*:%s\n" % (i, rand.randbytes(rand.randrange(24, 60)).hex()))
    with open(os.path.join(target, "swap.ndb"), "w", encoding="ascii") as out:
        out.write(marker_line(0))


def run_phases(args, engine):
    """Phases and the memory before and after the swaps in a row."""
    before, cold, line, again = Phase("before"), Phase("cold"), Phase("one line"), Phase("again")
    swaps = Phase("swaps")
    began = time.monotonic()
    time.sleep(args.seconds)
    before.spans.append((began, time.monotonic()))
    number = 0
    for _ in range(args.rounds):
        number += 1
        engine.forget()
        change(engine, number, cold)
        number += 1
        change(engine, number, line)
        change(engine, number - 1, again)
        change(engine, number, again)
    base = number
    memory = descriptors = 0
    for i in range(args.swaps + WARM_UP_SWAPS):
        # Three sets in turn, all of them in the cache but for the first time.
        change(engine, base + i % 3, swaps, 0.05)
        if i == WARM_UP_SWAPS - 1:
            memory, descriptors = engine.memory(), engine.descriptors()
    time.sleep(1)
    return [before, cold, line, again, swaps], (memory, engine.memory()), (descriptors, engine.descriptors())


def report(args, phases, rows, memory, descriptors):
    """Prints the table; whether the goals were reached."""
    facts = rivals.machine()
    print("%s, %d cores, Linux %s, commit %s" % (facts["cpu"], facts["cores"], facts["kernel"], facts["commit"]))
    print("%s, %d requests a second of %d bytes by %d clients, %d shards, nice %d, load %.1f\n" % (
        args.definitions or "%d generated signatures" % args.signatures, args.rate, args.body, args.clients,
        args.shards, args.nice, os.getloadavg()[0]))
    print("| phase | requests | p50 ms | p99 ms | max ms | p99 / before | change to first answer s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    good = True
    for phase in phases:
        phase.judge(rows)
        first = phase.first_answers(rows)
        p99 = percentile(phase.latencies, 0.99)
        ratio = p99 / percentile(phases[0].latencies, 0.99)
        enough = len(phase.latencies) >= REQUESTS_MIN
        good = good and (ratio <= RATIO_MAX or not enough)
        print("| %s | %d | %.3f | %.3f | %.3f | %s | %s |" % (
            phase.name, len(phase.latencies), 1e3 * percentile(phase.latencies, 0.5), 1e3 * p99,
            1e3 * max(phase.latencies, default=0), "%.2f" % ratio if enough else "%.2f (few)" % ratio,
            "%.2f median, %.2f most" % (percentile(first, 0.5), max(first)) if first else ""))
    grown = memory[1] - memory[0]
    print("\n%d swaps: private memory of supervisor and shards %.1f MiB before, %.1f MiB after; descriptors %d, %d" % (
        args.swaps, memory[0] / 2**20, memory[1] / 2**20, descriptors[0], descriptors[1]))
    return good and grown < GROWTH_MAX and descriptors[0] == descriptors[1]


def main():
    args = parse()
    args.baleend = rivals.find_program("baleend", args.baleend, os.path.join(args.build, "tools", "baleend"))
    if not args.baleend:
        print("swapping: no baleend in %s" % args.build, file=sys.stderr)
        return 2
    if args.nice:
        rivals.raise_priority(args.nice)
    folder = tempfile.mkdtemp(prefix="baleen-bench-")
    os.chmod(folder, 0o755)
    prepare(args, folder)
    engine = Engine(args, folder)
    try:
        clients = Clients(args, engine.server.port)
        time.sleep(1)
        phases, memory, descriptors = run_phases(args, engine)
        rows = clients.finish()
    finally:
        engine.server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if report(args, phases, rows, memory, descriptors) or args.no_goals else 1


if __name__ == "__main__":
    sys.exit(main())
