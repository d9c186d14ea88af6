#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""memory - what the engine's memory is spent on.

Three measurements, each with its goal:
  idle         user memory for an idle connection that has made one request: under 2 KiB
  definitions  one copy of the definitions, whatever the number of shards
  malloc       no allocation on the way of a clean flat body
User memory is the proportional set size (Pss) of all processes of the engine: a page that two share counts half in each.
Exit codes: 0 all goals reached, 1 some not, 2 something is missing.
"""
import argparse
import json
import os
import random
import resource
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import time

import rivals

IDLE_BYTES_MAX = 2048

# Connections of the engine that the other one is compared with.
FEW = 64

# The bodies whose way must be free of allocations.
FLAT = [
    ["--method", "OPTIONS"],
    ["--body-size", "1k", "--preview", "1024", "--allow-204"],
    ["--body-size", "1k", "--allow-204"],
    ["--body-size", "10k", "--preview", "1024", "--allow-204"],
    ["--body-size", "10k"],
    ["--body-size", "40k", "--body", "random", "--allow-204"],
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(rivals.ROOT, "build"), help="build folder (build)")
    parser.add_argument("--baleend", help="the engine (BUILD/tools/baleend)")
    parser.add_argument("--definitions", default=rivals.DEFINITIONS,
                        help="definition set of the idle and malloc runs, and the small one (defs/set)")
    parser.add_argument("--only", action="append", choices=["idle", "definitions", "malloc"])
    parser.add_argument("--connections", type=int, default=10000, help="idle connections (10000)")
    parser.add_argument("--signatures", type=int, default=20000, help="signatures of the larger set (20000)")
    parser.add_argument("--requests", type=int, default=10000, help="requests whose allocations are counted (10000)")
    parser.add_argument("--setting", action="append", default=[], metavar="KEY=VALUE", help="a setting of the engine")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work at all")
    parser.add_argument("--write", metavar="FILE", help="also put the tables between the markers of this document")
    args = parser.parse_args()
    if args.quick:
        args.connections, args.signatures, args.requests = 500, 500, 500
    return args


def complain(text):
    print("memory: " + text, file=sys.stderr)


def engine(args, folder, **changes):
    """A started engine; `changes` are attributes of rivals.Baleen."""
    server = rivals.Baleen(tempfile.mkdtemp(dir=folder), None)
    server.settings = list(args.setting)
    for key, value in changes.items():
        setattr(server, key, value + server.settings if key == "settings" else value)
    return server.start()


def pss_bytes(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    return total


def ask(sock):
    sock.sendall(b"OPTIONS icap://127.0.0.1/SYMCScanResp-AV ICAP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(4096)
        if not part:
            raise RuntimeError("the engine closed an idle connection: %r" % data)
        data += part
    if not data.startswith(b"ICAP/1.0 200"):
        raise RuntimeError("OPTIONS was answered with %r" % data[:40])


def open_idle(port, count):
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        ask(sock)
        held.append(sock)
    return held


def measure_few(args, folder):
    """User memory of an engine that has room for few connections and has served them."""
    server = engine(args, folder, shards=1, settings=["icap.max_connections=%d" % FEW])
    try:
        for sock in open_idle(server.port, FEW):
            sock.close()
        time.sleep(0.5)
        return pss_bytes(server.pids())
    finally:
        server.stop()


def measure_idle(args, folder):
    """User memory with many connections, against an engine with few: tables made at the start count too."""
    before = measure_few(args, folder)
    server = engine(args, folder, shards=1, settings=["icap.max_connections=%d" % (args.connections + FEW)])
    held = []
    try:
        held = open_idle(server.port, args.connections)
        time.sleep(0.5)
        after = pss_bytes(server.pids())
        for sock in held[:: max(1, len(held) // 100)]:
            ask(sock)
    finally:
        for sock in held:
            sock.close()
        server.stop()
    each = (after - before) / args.connections
    line = "| idle connections, one shard | %d connections: %.1f MiB with them, %.1f MiB with %d | %.0f bytes each | %s |" % (
        args.connections, after / 2**20, before / 2**20, FEW, each, "under %d bytes" % IDLE_BYTES_MAX)
    return [line], each < IDLE_BYTES_MAX


def write_large_set(path, count):
    """Random literals of 24 to 60 bytes: as many triggers as a real set of that size has."""
    rand = random.Random(count)
    os.makedirs(path)
    with open(os.path.join(path, "large.ndb"), "w") as file:
        for i in range(count):
            file.write("Bench.Large-%d:0:*:%s\n" % (i, rand.randbytes(rand.randint(24, 60)).hex()))


def memfd_mappings(pid):
    """(device and inode) -> name, Rss, Pss, Anonymous and size of what the process maps from memfds."""
    found = {}
    entry = None
    with open("/proc/%d/smaps" % pid) as file:
        for line in file:
            fields = line.split()
            if "-" in fields[0] and not fields[0].endswith(":"):
                entry = None
                if len(fields) > 5 and fields[5].startswith("/memfd:"):
                    low, high = (int(x, 16) for x in fields[0].split("-"))
                    entry = found.setdefault((fields[3], fields[4]), {
                        "name": fields[5], "Size": 0, "Rss": 0, "Pss": 0, "Anonymous": 0, "writable": False})
                    entry["Size"] += high - low
                    entry["writable"] |= "w" in fields[1]
            elif entry is not None and fields[0].rstrip(":") in ("Rss", "Pss", "Anonymous"):
                entry[fields[0].rstrip(":")] += int(fields[1]) * 1024
    return found


def definitions_once(pids):
    """The largest read-only memfd: in how many processes, how much of it, and how much is a private copy."""
    by_inode = {}
    for pid in pids:
        for inode, entry in memfd_mappings(pid).items():
            if not entry["writable"]:
                by_inode.setdefault(inode, []).append(entry)
    if not by_inode:
        return None
    entries = max(by_inode.values(), key=lambda found: found[0]["Size"])
    return {
        "processes": len(entries),
        "name": entries[0]["name"],
        "size": entries[0]["Size"],
        "pss": sum(entry["Pss"] for entry in entries),
        "copied": sum(entry["Anonymous"] for entry in entries),
    }


def touch(load, server):
    subprocess.run(load + ["--to", "127.0.0.1:%d" % server.port, "--service", server.service, "--requests", "2000",
                    "--body", "random", "--body-size", "10k", "--allow-204"], check=True, stdout=subprocess.DEVNULL)


def measure_definitions(args, folder, load):
    """The cost of a shard with a small and with a large set."""
    large = os.path.join(folder, "large")
    write_large_set(large, args.signatures)
    lines, good, totals = [], True, {}
    for name, path in (("small", rivals.Baleen.definitions), ("large", large)):
        for shards in (1, 4):
            server = engine(args, folder, shards=shards, definitions=path)
            try:
                touch(load, server)
                pids = server.pids()
                once = definitions_once(pids)
                totals[name, shards] = pss_bytes(pids)
            finally:
                server.stop()
            if once is None:
                return ["| definitions | no process maps an image | | |"], False
            right = once["processes"] >= shards and once["copied"] == 0 and once["pss"] <= once["size"] * 1.01
            good &= right
            lines.append(
                "| definitions, %s set, %d shard%s | image of %.2f MiB mapped by %d processes | %.2f MiB of it in memory, "
                "%d bytes of private copies; engine in all %.1f MiB | once |" % (
                    name, shards, "" if shards == 1 else "s", once["size"] / 2**20, once["processes"],
                    once["pss"] / 2**20, once["copied"], totals[name, shards] / 2**20))
    for name in ("small", "large"):
        lines.append("| one shard more, %s set | | %.2f MiB | |" % (
            name, (totals[name, 4] - totals[name, 1]) / 3 / 2**20))
    return lines, good


def title(pid):
    """What the process calls itself."""
    with open("/proc/%d/cmdline" % pid) as file:
        return file.read().split("\0")[0].strip()


def read_counts(folder, pids):
    counts = {}
    for pid in pids:
        try:
            with open(os.path.join(folder, str(pid)), "rb") as file:
                counts[pid] = struct.unpack("=QQ", file.read(16))[0]
        except (OSError, struct.error):
            pass
    return counts


def measure_malloc(args, folder, load):
    """Allocations of the engine while it answers; the supervisor looks after the definitions now and then."""
    shim = os.path.join(args.build, "bench", "malloc_count.so")
    if not os.path.exists(shim):
        raise RuntimeError("no %s" % shim)
    counts = os.path.join(folder, "counts")
    os.makedirs(counts)
    os.chmod(counts, 0o777)
    server = engine(args, folder, preload={"LD_PRELOAD": shim, "BALEEN_MALLOC_COUNT": counts}, shards=1)
    lines, good = [], True
    try:
        pids = server.pids()
        if not any(read_counts(counts, pids).values()):
            raise RuntimeError("malloc_count sees no allocation at all: is the allocator linked into the engine?")
        command = load + ["--to", "127.0.0.1:%d" % server.port, "--service", server.service, "--json", "--connections", "16"]
        for flat in FLAT:
            subprocess.run(command + flat + ["--requests", "500"], check=True, stdout=subprocess.DEVNULL)
            before = read_counts(counts, pids)
            done = subprocess.run(command + flat + ["--requests", str(args.requests)], check=True, capture_output=True,
                                  text=True)
            answered = json.loads(done.stdout)["requests"]
            after = read_counts(counts, pids)
            moved = {pid: after[pid] - before[pid] for pid in before if after[pid] != before[pid]}
            shard = sum(count for pid, count in moved.items() if "shard" in title(pid))
            good &= shard == 0
            lines.append("| %s | %d requests | %d allocations in the shard, %d in the supervisor | none in the shard |" % (
                " ".join(["baleen-bench load"] + flat), answered, shard, sum(moved.values()) - shard))
        for pid, count in read_counts(counts, pids).items():
            lines.append("| %s, since its start | | %d allocations (the counter works) | |" % (title(pid), count))
    finally:
        server.stop()
    return lines, good


def main():
    args = parse()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    load = rivals.find_generator(args.build)
    rivals.Baleen.program = rivals.find_program("baleend", args.baleend, os.path.join(args.build, "tools", "baleend"))
    if not load or not rivals.Baleen.program:
        complain("no baleen-bench or no baleend in %s" % args.build)
        sys.exit(2)
    lines = ["| what | measured | result | goal |", "| --- | --- | --- | --- |"]
    good = True
    with tempfile.TemporaryDirectory(prefix="baleen-memory-") as folder:
        os.chmod(folder, 0o755)
        rivals.Baleen.definitions = os.path.abspath(args.definitions)
        parts = {
            "idle": lambda: measure_idle(args, folder),
            "definitions": lambda: measure_definitions(args, folder, load),
            "malloc": lambda: measure_malloc(args, folder, load),
        }
        for name in args.only or parts:
            try:
                found, reached = parts[name]()
            except (RuntimeError, subprocess.CalledProcessError, OSError) as error:
                found, reached = ["| %s | failed | %s | |" % (name, error)], False
            lines += found
            good &= reached
            complain("%s: %s" % (name, "goal reached" if reached else "goal NOT reached"))
    machine = rivals.machine()
    text = "\n".join([
        "Machine: %s, %d cores; kernel %s; commit %s." % (
            machine["cpu"], machine["cores"], machine["kernel"], machine["commit"]),
        "Command: `%s`." % shlex.join(["bench/memory.py"] + sys.argv[1:]),
        "",
    ] + lines)
    print(text)
    if args.write:
        rivals.write_section(args.write, "memory", text)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
