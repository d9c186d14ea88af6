#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare - the engine beside Debian's c-icap, in one run on one machine.

Server on one core, load generator on the other; all servers run, one at a time is asked; the rounds are interleaved, so that
whatever else the machine does falls on all of them. Prints medians, and the median absolute deviation in brackets.
Exit codes: 0 every answer was right, 1 some were not, 2 something is missing.
"""
import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import rivals

# Name and arguments of the generator; what stands here wins over the options of the run.
SCENARIOS = {
    "options": ("OPTIONS", ["--method", "OPTIONS"]),
    "1k-preview": ("RESPMOD 1 KB, preview 1024, 204", ["--body-size", "1k", "--preview", "1024", "--allow-204"]),
    "1k-204": ("RESPMOD 1 KB, no preview, 204", ["--body-size", "1k", "--allow-204"]),
    "1k-echo": ("RESPMOD 1 KB, given back", ["--body-size", "1k"]),
    "10k-preview": ("RESPMOD 10 KB, preview 1024, 204", ["--body-size", "10k", "--preview", "1024", "--allow-204"]),
    "10k-204": ("RESPMOD 10 KB, no preview, 204", ["--body-size", "10k", "--allow-204"]),
    "10k-page": ("RESPMOD 10 KB page, no preview, 204", ["--body", "html", "--body-size", "10k", "--allow-204"]),
    "10k-random": ("RESPMOD 10 KB random, no preview, 204", ["--body", "random", "--body-size", "10k", "--allow-204"]),
    "1m-204": ("RESPMOD 1 MB, no preview, 204, 16 connections",
               ["--body-size", "1m", "--allow-204", "--connections", "16"]),
    "1m-echo": ("RESPMOD 1 MB, given back, 16 connections", ["--body-size", "1m", "--connections", "16"]),
}

# Where the floor is asked as well; it takes no body.
BARE = ("options", "1k-204")

# Scenario, the server it is compared with, at least this many times its rate.
TARGETS = [
    ("1k-preview", "c-icap echo", 3),
    ("1k-204", "c-icap echo", 3),
    ("1k-echo", "c-icap echo", 3),
    ("10k-preview", "c-icap echo", 3),
    ("10k-204", "c-icap echo", 3),
    ("1m-echo", "c-icap echo", 2.5),
    ("1k-preview", "c-icap + ClamAV module", 20),
    ("1k-204", "c-icap + ClamAV module", 20),
    ("10k-preview", "c-icap + ClamAV module", 20),
    ("10k-204", "c-icap + ClamAV module", 20),
    ("10k-204", "c-icap + clamd", 20),
    ("1k-204", "bare ring", 0.65),
    ("options", "c-icap echo", 1.7),
    ("options", "bare ring", 0.6),
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(rivals.ROOT, "build"), help="build folder (build)")
    parser.add_argument("--baleend", help="the engine (BUILD/tools/baleend)")
    parser.add_argument("--definitions", default=rivals.DEFINITIONS, help="definition set of ClamAV files (defs/set)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="only these; repeatable")
    parser.add_argument("--server", action="append", help="only these, by the first letters of the name; repeatable")
    parser.add_argument("--setting", action="append", default=[], metavar="KEY=VALUE", help="a setting of the engine")
    cores = sorted(os.sched_getaffinity(0))
    parser.add_argument("--cpu-server", type=int, default=cores[0], help="core of the servers (the first)")
    parser.add_argument("--cpu-load", type=int, default=cores[-1], help="core of the generator (the last)")
    parser.add_argument("--nice", type=int, default=0, help="priority of servers and generator, where other work cannot "
                        "be stopped (0)")
    parser.add_argument("--quick", action="store_true", help="one short round: does it work at all")
    parser.add_argument("--write", metavar="FILE", help="also put the tables between the markers of this document")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 0.3
    return args


def complain(text):
    print("compare: " + text, file=sys.stderr)


def wanted(args, name):
    return not args.server or any(name.lower().startswith(s.lower()) for s in args.server)


def pick_servers(args, folder):
    """Everything that is installed or built; what is missing is said."""
    load = rivals.find_generator(args.build)
    if not load:
        complain("no baleen-bench in %s/bench/runner" % args.build)
        sys.exit(2)
    rivals.CicapClamav.definitions = rivals.CicapClamd.definitions = rivals.Baleen.definitions = os.path.abspath(args.definitions)
    rivals.Baleen.settings = args.setting
    rivals.Baleen.program = rivals.find_program("baleend", args.baleend, os.path.join(args.build, "tools", "baleend"))
    rivals.BareRing.program = rivals.find_program("bare_ring", None, os.path.join(args.build, "bench", "bare_ring"))
    cicap = rivals.find_program("c-icap", None)
    modules = "/usr/lib/x86_64-linux-gnu/c_icap/clamav_mod.so"
    have = [
        (rivals.BareRing, rivals.BareRing.program),
        (rivals.CicapEcho, cicap),
        (rivals.CicapClamav, cicap and os.path.exists(modules)),
        (rivals.CicapClamd, cicap and rivals.find_program("clamd", None, "/usr/sbin/clamd")),
        (rivals.Baleen, rivals.Baleen.program),
    ]
    found = []
    for kind, there in have:
        if not wanted(args, kind.name):
            continue
        if there:
            found.append(kind(folder, args.cpu_server))
        else:
            complain("left out: %s is not there" % kind.name)
    return load, found


def busy_seconds():
    """Time in which any core was busy, and time the host took away."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_once(args, load, server, scenario):
    scenario_args = SCENARIOS[scenario][1]
    if isinstance(server, rivals.BareRing):
        scenario_args = ["--bare"]
    pids = server.pids()
    command = load + [
        "--to", "127.0.0.1:%d" % server.port, "--service", server.service, "--cpu", str(args.cpu_load),
        "--connections", str(args.connections), "--duration", str(args.seconds),
        "--warmup", str(min(0.5, args.seconds / 4)), "--pid", ",".join(map(str, pids)), "--json",
    ] + scenario_args + server.answers(scenario_args)
    start, busy, spent, own = time.monotonic(), busy_seconds(), rivals.cpu_seconds(pids), child_seconds()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 2 or not done.stdout:
        raise RuntimeError("%s: %s" % (shlex.join(command), done.stderr.strip()))
    result = json.loads(done.stdout)
    others = busy_seconds() - busy - (rivals.cpu_seconds(pids) - spent) - (child_seconds() - own)
    result["others"] = max(0.0, others / (time.monotonic() - start) / os.cpu_count())
    if done.returncode != 0:
        complain("wrong answers: %s\n%s" % (shlex.join(command), done.stderr.strip()))
    return result


def measure(args, load, found):
    """results[scenario][server name] = list of runs"""
    results = {}
    for scenario in args.scenario or SCENARIOS:
        runs = results[scenario] = {}
        asked = [s for s in found if scenario in BARE or not isinstance(s, rivals.BareRing)]
        for _ in range(args.rounds):
            for server in asked:
                runs.setdefault(server.name, []).append(run_once(args, load, server, scenario))
        line = ", ".join("%s %.0f" % (name, median(r, "rate")) for name, r in runs.items())
        complain("%s: %s req/s" % (scenario, line))
    return results


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def deviation(runs, key):
    middle = median(runs, key)
    return statistics.median(abs(run[key] - middle) for run in runs)


def limit_of(runs):
    """What held the rate, by the medians of the shares."""
    if median(runs, "server_share") >= 0.95:
        return "server"
    return "generator" if median(runs, "own_share") >= 0.95 else "neither"


def table(results):
    lines = [
        "| scenario | server | req/s | MB/s | p50 us | p99 us | server CPU us/req | generator | limited by | errors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for scenario, by_server in results.items():
        for name, runs in by_server.items():
            lines.append("| %s | %s | %.0f (%.0f) | %.1f | %.0f | %.0f | %.2f (%.2f) | %.0f %% | %s | %d |" % (
                SCENARIOS[scenario][0], name, median(runs, "rate"), deviation(runs, "rate"), median(runs, "mb_rate"),
                median(runs, "p50_us"), median(runs, "p99_us"), median(runs, "server_ns") / 1e3,
                deviation(runs, "server_ns") / 1e3, median(runs, "own_share") * 100, limit_of(runs),
                sum(run["errors_total"] for run in runs)))
    return lines


def targets(results):
    lines = [
        "| scenario | against | wanted | by rate | by server CPU | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for scenario, other, wanted_ratio in TARGETS:
        by_server = results.get(scenario, {})
        if rivals.Baleen.name not in by_server or other not in by_server:
            continue
        ours, theirs = by_server[rivals.Baleen.name], by_server[other]
        ratio = median(ours, "rate") / max(median(theirs, "rate"), 1e-9)
        ratio_cpu = median(theirs, "server_ns") / max(median(ours, "server_ns"), 1e-9)
        # The targets speak of requests a second; the CPU column explains, it does not decide.
        verdict = "reached" if ratio >= wanted_ratio else "not reached"
        lines.append("| %s | %s | %.2f | %.2f | %.2f | %s |" % (
            SCENARIOS[scenario][0], other, wanted_ratio, ratio, ratio_cpu, verdict))
    return lines if len(lines) > 2 else []


def report(args, results):
    machine = rivals.machine()
    everything = [run for by_server in results.values() for runs in by_server.values() for run in runs]
    others = statistics.median(run["others"] for run in everything) * 100
    text = [
        "Machine: %s, %d cores; kernel %s; commit %s." % (
            machine["cpu"], machine["cores"], machine["kernel"], machine["commit"]),
        "Command: `%s`." % shlex.join(["bench/compare.py"] + sys.argv[1:]),
        "Medians of %d rounds of %g s, median absolute deviation in brackets; %d connections; server on core %d, "
        "generator on core %d, nice %d. Other work on the machine and the host took %.0f %% of it (median)." % (
            args.rounds, args.seconds, args.connections, args.cpu_server, args.cpu_load, args.nice,
            others),
        "",
    ] + table(results)
    wanted_lines = targets(results)
    if wanted_lines:
        text += [""] + wanted_lines
    return "\n".join(text)


def main():
    args = parse()
    if args.nice:
        rivals.raise_priority(args.nice)
    with tempfile.TemporaryDirectory(prefix="baleen-bench-") as folder:
        os.chmod(folder, 0o755)
        load, found = pick_servers(args, folder)
        try:
            for server in found:
                server.start()
            results = measure(args, load, found)
        except RuntimeError as error:
            complain(str(error))
            sys.exit(2)
        finally:
            for server in found:
                server.stop()
    text = report(args, results)
    print(text)
    if args.write:
        rivals.write_section(args.write, "compare", text)
    wrong = sum(run["errors_total"] for s in results.values() for runs in s.values() for run in runs)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
