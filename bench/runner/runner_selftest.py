#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""runner_selftest - `baleen-bench` as people and scripts see it.

    runner_selftest.py --bench baleen-bench --engine baleend cli|run

cli: bad arguments, bad files, interrupted runs: one line, the right exit code, nothing left behind.
run: `smoke`, and others in a tiny form, against an engine of the runner's own; the documents hold what they should.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 60
ERROR = 2

# File, what stderr says of it in one line.
BAD_FILES = [
    ("", r"f.yaml: nothing is in it$"),
    ("- a\n", r"f.yaml:1: not a map of names and values$"),
    ("name: a\nload: {previw: 3}\n", r"f.yaml:2: load.previw: no such setting; did you mean preview\?$"),
    ("name: a\nload:\n  duration: long\n", r"f.yaml:3: load.duration: 'long' is not a time like 250ms, 2s or 5m from 0.01s"),
    ("name: a\nengine: {icap.preview: 99999}\n", r"f.yaml:2: engine.icap.preview: '99999' is not a size in bytes from 0"),
    ("name: a\nlong: {load: {pace: slow}}\n", r"f.yaml:2: load.pace: 'slow' is not one of closed, fixed, poisson$"),
    ("name: a\nsweep: {preview: [1, two]}\n", r"f.yaml:2: sweep.preview: 'two' is not off or a number of bytes$"),
    ("name: a\nevents: [{at: 1s, do: sleep}]\n", r"f.yaml:2: events.do: 'sleep' is not one of swap, reload, kill-shard"),
    ("name: a\nname: b\n", r"f.yaml:2: name: given twice, first in line 1$"),
    ("name: !x a\n", r"f.yaml:1: anchors, aliases"),
    ("name: a\nload: {pace: fixed}\n", r"f.yaml: a: an open loop needs load.rate$"),
    ("name: \xff\n", r"f.yaml:1: not YAML: "),
]

# Arguments, what stderr says in one line.
BAD_ARGUMENTS = [
    ([], r"which command\?"),
    (["frobnicate"], r"frobnicate: no such command"),
    (["run"], r"which scenario\?"),
    (["run", "nothing-of-that-name"], r"no scenario 'nothing-of-that-name'"),
    (["run", "/nowhere/f.yaml"], r"/nowhere/f.yaml: No such file"),
    (["run", "smoke", "--scale", "0"], r"--scale: '0' is not a factor"),
    (["run", "smoke", "--rounds", "many"], r"--rounds: 'many' is not a number"),
    (["run", "smoke", "--load", "preview"], r"--load preview: KEY=VALUE is wanted"),
    (["run", "smoke", "--load", "colour=red"], r"smoke: --load colour: no such setting"),
    (["run", "smoke", "--set", "icap.preview=x"], r"smoke: --set icap.preview: 'x' is not a size"),
    (["run", "smoke", "--frobnicate"], r"unknown option or no value: '--frobnicate'"),
    (["run", "smoke", "--target", "127.0.0.1:1", "--set", "shards=1"], r"--target is a server that runs already"),
    (["run", "hot-swap", "--target", "127.0.0.1:1"], r"hot-swap: `swap` needs an engine of our own"),
    (["run", "filemod-tree", "--target", "127.0.0.1:1"], r"filemod-tree: `FILEMOD` needs an engine of our own"),
    (["run", "smoke", "--pid", "1"], r"--pid goes with --target"),
    (["run", "smoke", "--engine", "/nowhere/baleend"], r"--engine /nowhere/baleend: No such file"),
    (["run", "smoke", "--engine", "/bin/true", "--definitions", "/nowhere"], r"definitions: /nowhere: No such file"),
    (["scenarios", "nothing"], r"no scenario 'nothing'"),
    (["report", "/nowhere.json"], r"/nowhere.json"),
    (["compare", "/nowhere.json"], r"two documents are wanted"),
]


class Checks:
    def __init__(self):
        self.failed = 0

    def check(self, holds, text, seen=""):
        print("%s %s%s" % ("ok   " if holds else "FAIL ", text, "" if holds else ": saw %s" % (seen,)), flush=True)
        self.failed += not holds
        return holds


class Bench:
    """The program, run in a folder of its own with a place for temporary files that has to be empty at the end."""

    def __init__(self, arguments, folder):
        self.program = os.path.abspath(arguments.bench)
        self.engine = os.path.abspath(arguments.engine)
        self.work = os.path.join(folder, "work")
        self.temporary = os.path.join(folder, "t")
        os.makedirs(self.work)
        os.makedirs(self.temporary)

    def start(self, *words):
        return subprocess.Popen([self.program, *words], cwd=self.work, env=dict(os.environ, TMPDIR=self.temporary),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words):
        """Exit code, stdout, stderr."""
        process = self.start(*words)
        out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, err

    def run_scenario(self, name, *words):
        """The same, with the document that came of it."""
        path = os.path.join(self.work, name + ".json")
        code, out, err = self.run("run", name, "--engine", self.engine, "--json", path, *words)
        document = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        return code, out, err, document

    def left_over(self):
        return os.listdir(self.temporary)

    def engines(self):
        """Processes whose output goes to our folder; their titles say nothing of it."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/fd/1" % pid).startswith(self.temporary):
                    found.append(int(pid))
            except OSError:
                pass
        return found


def refuses(checks, bench, words, pattern):
    code, _, err = bench.run(*words)
    lines = err.splitlines()
    checks.check(code == ERROR and len(lines) == 1 and re.search(pattern, lines[0]) is not None,
                 "refused: %s" % " ".join(words), (code, err))


def check_words(checks, bench):
    for words, text in ((["--version"], "baleen-bench "), (["--help"], "usage: baleen-bench"),
                        (["run", "--help"], "usage: baleen-bench run"), (["run", "--reference"], "Settings of `load`"),
                        (["report", "--help"], "usage: baleen-bench report"), (["scenarios"], "smoke ")):
        code, out, err = bench.run(*words)
        checks.check(code == 0 and out.startswith(text) and err == "", "%s answers" % " ".join(words), (code, out, err))
    for words, pattern in BAD_ARGUMENTS:
        refuses(checks, bench, words, pattern)


def check_files(checks, bench):
    path = os.path.join(bench.work, "f.yaml")
    for text, pattern in BAD_FILES:
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        refuses(checks, bench, ["run", path], pattern)
    names = [line.split()[0] for line in bench.run("scenarios")[1].splitlines()]
    checks.check(len(names) >= 10, "ten scenarios are shipped", names)
    for name in names:
        code, yaml, _ = bench.run("scenarios", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(yaml)
        code, out, err = bench.run("run", path, "--dry-run", "--long")
        checks.check(code == 0 and re.search(r"^%s, long: \d+ steps, \d+ rounds" % name, out, re.M) is not None,
                     "what `scenarios %s` prints can be run" % name, (code, out, err))


def check_orders(checks, bench):
    code, out, _ = bench.run("run", "preview-sweep", "--dry-run", "--scale", "0.5", "--load", "duration=4s")
    checks.check(code == 0 and "content=text preview=off (2.1 s)" in out, "scale and orders show in a dry run", out)


def check_interrupt(checks, bench):
    process = bench.start("run", "soak", "--engine", bench.engine)
    end = time.monotonic() + 20
    while not bench.engines() and time.monotonic() < end:
        time.sleep(0.05)
    running = bench.engines()
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    checks.check(running and process.returncode == ERROR and err.splitlines()[-1].endswith(".log") and
                 "stopped" in err, "an interrupted run says so", (running, process.returncode, err))
    checks.check(not bench.engines(), "an interrupted run leaves no engine", bench.engines())


def check_bad_engine(checks, bench):
    code, _, err = bench.run("run", "smoke", "--engine", "/bin/false")
    checks.check(code == ERROR and "the engine does not start" in err, "an engine that ends at once", (code, err))
    code, _, err = bench.run("run", "smoke", "--engine", bench.engine, "--set", "state_dir=/proc/nothing",
                             "--set", "control_socket=/proc/nothing")
    checks.check(code == ERROR, "an engine that cannot start", (code, err))


def check_smoke(checks, bench):
    html = os.path.join(bench.work, "smoke.html")
    code, out, err, document = bench.run_scenario("smoke", "--html", html, "--goals")
    checks.check(code == 0 and document is not None, "smoke runs", (code, err))
    if document is None:
        return
    steps = {step["params"]["case"]: step["result"] for step in document["steps"]}
    checks.check(len(steps) == 7 and all(result["requests"] > 0 for result in steps.values()), "every case answers",
                 {name: result["requests"] for name, result in steps.items()})
    checks.check(document["errors_total"] == 0, "every answer is right", document["errors_total"])
    checks.check(steps["infected"]["found"] > 0 and steps["given back"]["found"] == 0, "findings are found", steps)
    checks.check(document["server"]["service"].startswith("Baleen/") and document["server"]["local"] is True,
                 "the document names the server", document["server"])
    checks.check(all(step["result"]["server"]["cpu_us"] is not None for step in document["steps"]),
                 "the server's processor time is known")
    checks.check(out.startswith("# ") and "| infected |" in out, "Markdown goes to standard output", out[:200])
    checks.check(os.path.getsize(html) > 10000, "the page is written", os.path.getsize(html))
    code, again, _ = bench.run("report", os.path.join(bench.work, "smoke.json"))
    checks.check(code == 0 and again == out, "the report of the document is the same", again[:200])


def check_others(checks, bench):
    code, _, err, document = bench.run_scenario("hot-swap", "--scale", "0.1", "--quiet")
    checks.check(code == 0 and err == "", "hot-swap runs and is quiet", (code, err))
    marks = [mark["what"] for mark in document["steps"][0]["marks"]] if document else []
    checks.check(marks == ["swap", "swapped"] * 3, "the swaps are on the time line", marks)
    checks.check(document and document["steps"][0]["derived"].get("capacity", 0) > 0, "its capacity was measured")

    sets = os.path.join(bench.work, "sets")
    for name in ("one", "two"):
        os.makedirs(os.path.join(sets, name))
        with open(os.path.join(sets, name, name + ".ndb"), "w", encoding="ascii") as file:
            file.write("Bench.Selftest.%s:0:*:%s\n" % (name, ("BENCH-SELFTEST-" + name).encode().hex()))
    code, _, err, document = bench.run_scenario("hot-swap", "--scale", "0.05", "--definitions", sets, "--load",
                                                "infected=0.5", "--load", "marker=BENCH-SELFTEST-two")
    checks.check(code == 0 and document["steps"][0]["result"]["found"] > 0, "a folder of sets is swapped as well",
                 (code, err))

    code, _, err, document = bench.run_scenario("filemod-tree", "--scale", "0.1", "--load", "sizes=20k", "--load",
                                                "count=50", "--load", "infected=0.1")
    checks.check(code == 0 and document is not None, "filemod-tree runs", (code, err))
    found = sum(step["result"]["found"] for step in document["steps"]) if document else 0
    checks.check(found > 0, "infected files are found", found)

    code, _, err, document = bench.run_scenario("fault", "--scale", "0.15", "--goals")
    checks.check(code == 0 and document is not None, "fault runs, and only the killed shard's requests are lost",
                 (code, err))
    marks = [[mark["what"] for mark in step["marks"]] for step in document["steps"]] if document else []
    checks.check(marks == [["kill-shard", "pause-shard", "resumed"]] * 3, "its faults are on the time line", marks)


def check_rounds(checks, bench):
    """Rounds that are added later, and two documents side by side."""
    scenario = os.path.join(bench.work, "own.yaml")
    path = os.path.join(bench.work, "own.json")
    with open(scenario, "w", encoding="utf-8") as file:
        file.write("name: own\nload: {method: OPTIONS, duration: 100ms, connections: 2}\nsweep: {pipeline: [1, 2]}\n"
                   "goals: [{name: out of reach, value: result.rate, at_least: 1000000000}]\n")
    words = ["run", scenario, "--engine", bench.engine, "--append", path, "--quiet"]
    codes = [bench.run(*words)[0], bench.run(*words)[0]]
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    checks.check(codes == [0, 0] and sorted(step["round"] for step in document["steps"]) == [1, 1, 2, 2],
                 "--append adds rounds", (codes, [step["round"] for step in document["steps"]]))
    code, out, err = bench.run("compare", path, path)
    checks.check(code == 0 and "no difference" in out, "a document does not differ from itself", (code, out, err))
    code, _, err = bench.run(*words, "--goals")
    checks.check(code == 1 and "not all goals were reached" in err, "a missed goal is a failure with --goals", (code, err))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_target(checks, bench):
    """A server that is not ours: an engine that somebody else has started."""
    port = free_port()
    settings = {"listen": "[127.0.0.1:%d]" % port, "control_socket": os.path.join(bench.work, "s"),
                "state_dir": os.path.join(bench.work, "state"), "admin.listen": "", "user": "root" if not os.geteuid() else ""}
    words = [word for key, value in settings.items() for word in ("-s", "%s=%s" % (key, value))]
    server = subprocess.Popen([bench.engine, *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        path = os.path.join(bench.work, "target.json")
        code, _, err = bench.run("run", "smoke", "--scale", "0.2", "--target", "127.0.0.1:%d" % port, "--pid",
                                 str(server.pid), "--json", path, "--load", "service=/SYMCScanResp-AV", "--load",
                                 "method=RESPMOD")
        checks.check(code == 0, "a server that runs already is measured", (code, err))
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        checks.check(document["server"]["local"] is False and document["server"]["target"].endswith(str(port)),
                     "the document names it", document["server"])
        scenario = os.path.join(bench.work, "optional.yaml")
        with open(scenario, "w", encoding="utf-8") as file:
            file.write("name: o\nload: {method: OPTIONS, duration: 100ms}\nengine: {optional: true, icap.preview: 7}\n"
                       "events: [{at: 10ms, do: reload, optional: true}]\n")
        code, out, err = bench.run("run", scenario, "--target", "127.0.0.1:%d" % port, "--json", path)
        checks.check(code == 0 and "engine" in out and "were left out" in out,
                     "what needs an engine of our own is left out where that may be", (code, out, err))
    finally:
        server.terminate()
        server.wait(20)
    code, _, err = bench.run("run", "smoke", "--scale", "0.1", "--target", "127.0.0.1:%d" % port, "--json", path)
    checks.check(code == ERROR and re.search(r"no server at 127.0.0.1:\d+: Connection refused", err) is not None,
                 "a server that is gone is an error", (code, err))


def check_wrong(checks, bench):
    """Answers that are not what the caller takes for right."""
    log = os.path.join(bench.work, "smoke.json.log")
    code, _, err, document = bench.run_scenario("smoke", "--scale", "0.1", "--load", "expect=204")
    checks.check(code == 1 and "wrong answers" in err and document["errors_total"] > 0, "wrong answers are a failure",
                 (code, err))
    checks.check(os.path.exists(log), "the engine's log is kept then")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", required=True)
    parser.add_argument("--engine", required=True)
    parser.add_argument("what", choices=["cli", "run"])
    arguments = parser.parse_args()
    checks = Checks()
    folder = tempfile.mkdtemp(prefix="baleen-bt-")
    bench = Bench(arguments, folder)
    parts = {"cli": [check_words, check_files, check_orders, check_interrupt, check_bad_engine],
             "run": [check_smoke, check_others, check_rounds, check_target, check_wrong]}[arguments.what]
    try:
        for part in parts:
            part(checks, bench)
        checks.check(not bench.left_over(), "no temporary file is left", bench.left_over())
        checks.check(not bench.engines(), "no engine is left", bench.engines())
    finally:
        for pid in bench.engines():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    print("%d did not hold" % checks.failed)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
