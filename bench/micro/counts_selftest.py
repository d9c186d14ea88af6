#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""counts_selftest - counts.py must find what it is there for.

    counts_selftest.py COUNTS PROGRAM

Counts two cheap cases, then bends the table and looks at what counts.py makes of it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

COUNTS, PROGRAM = sys.argv[1:3]
CASES = ["histogram-add", "icap-head"]
SKIPPED = 77


def expect(status, table, *options, program=PROGRAM, cases=CASES):
    """Runs counts.py; what it said, when it ended with this status."""
    command = [COUNTS, *options, "--table", table, program, *cases]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != status:
        raise AssertionError("%s: status %d, not %d\n%s" % (command, done.returncode, status, done.stdout))
    return done.stdout


def read(path):
    with open(path, encoding="utf-8") as handle:
        return handle.read()


class Counts(unittest.TestCase):
    """Every test bends the same honest table in its own way."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="baleen-counts-selftest.")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.table = os.path.join(cls.folder, "honest.tsv")
        expect(0, cls.table, "--write")
        cls.rows = [line.split("\t") for line in read(cls.table).splitlines() if not line.startswith("#")]

    def bent(self, bend):
        """A table with what `bend` makes of the rows."""
        path = os.path.join(self.folder, self.id() + ".tsv")
        with open(path, "w", encoding="utf-8") as handle:
            for row in bend([list(row) for row in self.rows]):
                handle.write("\t".join(row) + "\n")
        return path

    def scaled(self, factor):
        """A table that says `factor` times as much for the first case."""
        def bend(rows):
            rows[0][2] = "%.1f" % (float(rows[0][2]) * factor)
            return rows
        return self.bent(bend)

    def test_the_table_has_the_cases(self):
        self.assertEqual(sorted(row[1] for row in self.rows), CASES)
        for row in self.rows:
            self.assertGreater(float(row[2]), 10)

    def test_the_same_again(self):
        self.assertIn("0 failed", expect(0, self.table))
        again = os.path.join(self.folder, "again.tsv")
        expect(0, again, "--write")
        self.assertEqual(read(again), read(self.table))

    def test_more_than_the_slack_fails(self):
        table = self.scaled(1 / 1.1)
        said = expect(1, table)
        name, new = self.rows[0][1:3]
        old = read(table).splitlines()[0].split("\t")[2]
        failed = [line for line in said.splitlines() if line.startswith("failed: ")]
        self.assertEqual(len(failed), 1, said)
        for word in (name, old, new, "+10."):
            self.assertIn(word, failed[0])

    def test_the_slack_is_five_percent(self):
        expect(0, self.scaled(1 / 1.045))
        expect(1, self.scaled(1 / 1.055))

    def test_better_is_said_and_passes(self):
        self.assertIn("update the table", expect(0, self.scaled(1.1)))
        self.assertNotIn("update the table", expect(0, self.scaled(1.04)))

    def test_a_case_without_a_row_fails(self):
        self.assertIn("no row in the table", expect(1, self.bent(lambda rows: rows[1:])))

    def test_a_row_without_a_case_fails(self):
        table = self.bent(lambda rows: rows + [[rows[0][0], "no-such-case", "1.0"]])
        self.assertIn("no-such-case: stands in the table", expect(1, table))

    def test_another_build_is_skipped_and_kept(self):
        other = [["other-1.0", row[1], "7.0"] for row in self.rows]
        table = self.bent(lambda rows: other)
        self.assertIn("skipped", expect(SKIPPED, table))
        expect(0, table, "--write")
        written = read(table)
        for row in other + self.rows:
            self.assertIn("\t".join(row) + "\n", written)
        expect(0, table)

    def test_an_unknown_case_fails(self):
        self.assertIn("no case 'nonsense'", expect(1, self.table, cases=["nonsense"]))

    def test_a_program_without_symbols_fails(self):
        if not shutil.which("strip"):
            self.skipTest("strip is not installed")
        stripped = os.path.join(self.folder, "stripped")
        subprocess.run(["strip", "-o", stripped, PROGRAM], check=True)
        self.assertIn("nothing was counted", expect(1, self.table, program=stripped))


def is_skipped():
    """Whether counts.py says that this host cannot count."""
    with tempfile.NamedTemporaryFile(suffix=".tsv") as table:
        command = [COUNTS, "--write", "--table", table.name, PROGRAM, CASES[0]]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == SKIPPED


if __name__ == "__main__":
    if is_skipped():
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
