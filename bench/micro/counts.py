#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""counts - instructions that the cases of bench_micro take, against a table.

    bench/micro/counts.py build/bench/micro/bench_micro            compares; exits 1 when a case takes over 5 % more
    bench/micro/counts.py --write build/bench/micro/bench_micro    puts the counts into the table
    ... --table FILE    another table than counts.tsv beside this script
    ... NAME...         only these cases

Each case runs by itself under callgrind, which counts from the entry into `micro_measured` to its end and nowhere else.
Counts do not depend on what else the machine does, nor, since valgrind shows every host with AVX2 the same CPU, on the
machine. They do depend on compiler, options and valgrind: rows count for one build only, and a build without
rows is skipped (exit 77), as are hosts without valgrind or AVX2. Less work than before is said and does not fail.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SKIPPED = 77
SLACK_PERCENT = 5.0
ROUNDS = 5
FUNCTION = "micro_measured"
HEAD = """# Instructions an operation of bench_micro takes, by build; made by bench/micro/counts.py --write.
# build\tcase\tinstructions
"""

# The same everywhere. The allocator gives nothing back by the clock.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "MALLOC_CONF": "narenas:1,dirty_decay_ms:-1,muzzy_decay_ms:-1",
}


class Failure(Exception):
    """Something that makes the whole run worthless."""


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failure("%s: status %d\n%s" % (" ".join(command), done.returncode, done.stderr.strip()))
    return done.stdout


def why_not():
    """Why nothing can be counted here, or nothing."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        if not re.search(r"^flags\b.* avx2\b", handle.read(), re.MULTILINE):
            return "this CPU has no AVX2"
    return None


def count(program, name):
    """Instructions an operation of the case takes, as precisely as the table has them."""
    with tempfile.TemporaryDirectory(prefix="baleen-counts.") as folder:
        out = os.path.join(folder, "callgrind.out")
        # From its own folder, by its bare name: the length of a path moves the stack.
        said = run(["valgrind", "--tool=callgrind", "--toggle-collect=" + FUNCTION + "*", "--callgrind-out-file=" + out,
                    "./" + os.path.basename(program), "--once", str(ROUNDS), name],
                   cwd=os.path.dirname(program), env=ENVIRONMENT)
        with open(out, encoding="utf-8") as handle:
            total = re.search(r"^totals: (\d+)$", handle.read(), re.MULTILINE)
    answer = said.split()
    if len(answer) != 3 or answer[0] != name:
        raise Failure("%s: the program said '%s'" % (name, said.strip()))
    if not total or int(total.group(1)) == 0:
        raise Failure("%s: nothing was counted; is %s stripped?" % (name, program))
    return round(int(total.group(1)) / int(answer[1]), 1)


def read_table(path):
    """{(build, case): instructions}, in the order of the file."""
    rows = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                if line.strip() and not line.startswith("#"):
                    build, name, number = line.rstrip("\n").split("\t")
                    rows[build, name] = float(number)
    return rows


def write_table(path, rows, build, order, counts):
    """Rows of other builds stay; of this one those that the program has."""
    mine = {name: rows[build, name] for name in order if (build, name) in rows}
    mine.update(counts)
    kept = [(key, number) for key, number in rows.items() if key[0] != build]
    kept += [((build, name), mine[name]) for name in order if name in mine]
    kept.sort(key=lambda row: row[0][0])
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(HEAD)
        for (owner, name), number in kept:
            handle.write("%s\t%s\t%.1f\n" % (owner, name, number))


def judge(name, old, new):
    """(whether it is right, what to say)."""
    if old is None:
        return False, "%s: %.1f instructions an operation, and no row in the table; --write adds it" % (name, new)
    percent = round(100.0 * (new - old) / old, 2) + 0.0  # Never "-0".
    said = "%s: %.1f instructions an operation, %.1f in the table, %+.2f %%" % (name, new, old, percent)
    if percent > SLACK_PERCENT:
        return False, "%s: over %g %%" % (said, SLACK_PERCENT)
    if percent < -SLACK_PERCENT:
        return True, "%s: better; update the table (--write)" % said
    return True, said


def compare(rows, build, order, counts):
    """Prints a line for each case, the failures once more at the end; how many there are."""
    failures = []
    for name in order:
        if name in counts:
            right, said = judge(name, rows.get((build, name)), counts[name])
            print(said)
            failures += [] if right else [said]
    failures += ["%s: stands in the table, and the program has no such case; --write drops it" % name
                 for owner, name in rows if owner == build and name not in order]
    for said in failures:
        print("failed: " + said)
    print("counts: %d cases of %s, %d failed" % (len(counts), build, len(failures)))
    return len(failures)


def main():
    parser = argparse.ArgumentParser(description="Counts the instructions of bench_micro's cases.")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--table", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.tsv"))
    parser.add_argument("program")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    missing = why_not()
    if missing:
        print("counts: skipped, " + missing)
        return SKIPPED
    program = os.path.abspath(options.program)
    build = "%s-%s" % (run([program, "--build"]).strip(), run(["valgrind", "--version"]).strip())
    rows = read_table(options.table)
    if not options.write and not any(owner == build for owner, _ in rows):
        print("counts: skipped, %s has no rows for %s; --write makes them" % (options.table, build))
        return SKIPPED
    order = run([program, "--list"]).split()
    names = options.names or order
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(names, pool.map(lambda name: count(program, name), names)))
    if options.write:
        write_table(options.table, rows, build, order, counts)
        print("counts: %d cases of %s written to %s" % (len(counts), build, options.table))
        return 0
    return 1 if compare(rows, build, order, counts) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit("counts: %s" % failure)
