#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy_rules - plants one violation of each rule in a small clean tree and asks tools/tidy to find it.

    tidy_rules.py PATH-OF-TIDY
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

TIDY = ""

SPDX = "/* SPDX-License-Identifier: MIT */\n"
HEADER = "#pragma once\n" + SPDX + "#include <stddef.h>\n\nsize_t room_count(void);\n"
BODY = SPDX + '#include "{0}"\n\nsize_t room_count(void)\n{{\n    return 0;\n}}\n'

# A tree in which nothing is wrong. Words the checker looks for are put together from pieces here as well.
CLEAN = {
    "meson.build": "subdir('base')\n",
    "base/meson.build": "base_lib = static_library('base', 'leaf.c')\n",
    "base/leaf.h": HEADER,
    "base/leaf.c": BODY.format("base/leaf.h"),
    "net/wire/meson.build": "lib = static_library('wire', 'frame.c')\n",
    "net/wire/frame.c": BODY.format("base/leaf.h"),
    "net/ring/meson.build": "lib = static_library('ring', 'loop.c')\n",
    "net/ring/loop.c": SPDX + "#include <stdlib.h>\n\nvoid *loop_open(void)\n{\n    return malloc(1);\n}\n",
    "match/meson.build": "lib = static_library('match', 'look.c')\n",
    "match/look.c": BODY.format("base/leaf.h"),
    "tests/unit/meson.build": "unit_tests = {\n  'leaf': [],\n}\nforeach name, deps : unit_tests\n"
                              "  executable('test_' + name, 'test_' + name + '.c')\nendforeach\n",
    "tests/unit/test_leaf.c": BODY.format("base/leaf.h"),
    "tools/run": "#!/bin/sh\n# SPDX-License-Identifier: MIT\necho run\n",
    "README.md": "A tree with a table line that may be as long as it likes" + " and longer" * 10 + ".\n",
    "tests/fuzz/corpus/frame/one": "no rule \t holds here ",
}


def in_function(statement):
    return SPDX + "#include <stdlib.h>\n\nvoid leaf_run(void)\n{\n    " + statement + ";\n}\n"


# (name of the case, rule that must speak, path, content); the path replaces or joins the clean tree.
PLANTED = [
    ("upward include", "include_direction", "base/leaf.c", BODY.format("match/look.h")),
    ("sideward include", "include_direction", "net/wire/frame.c", BODY.format("net/ring/loop.h")),
    ("include without a room", "include_direction", "base/leaf.c", BODY.format("leaf.h")),
    ("foreign library header", "reserved_header", "base/leaf.c", SPDX + "#include <hs/hs.h>\n"),
    ("ring header", "reserved_header", "net/wire/frame.c", SPDX + "#include <liburing.h>\n"),
    ("atomics header", "reserved_header", "base/leaf.c", SPDX + "#include <stdatomic.h>\n"),
    ("hyperscan call", "reserved_call", "base/leaf.c", in_function("hs_free_scratch(NULL)")),
    ("ring call", "reserved_call", "match/look.c", in_function("io_uring_submit(NULL)")),
    ("clock", "reserved_call", "match/look.c", in_function("time(NULL)")),
    ("clock by name", "reserved_call", "match/look.c", in_function("clock_gettime(0, NULL)")),
    ("random", "reserved_call", "match/look.c", in_function("rand()")),
    ("atomic call", "reserved_call", "match/look.c", in_function("atomic_load(&x)")),
    ("atomic type", "atomic_type", "match/look.c", in_function("_Atomic int x = 0")),
    ("type definition", "type_definition", "base/leaf.c", SPDX + "typedef struct leaf { int a; } leaf;\n"),
    ("malloc on the wire", "data_plane_malloc", "net/wire/frame.c", in_function("malloc(1)")),
    ("malloc in the loop", "data_plane_malloc", "net/ring/loop.c", in_function("malloc(1)")),
    ("malloc in a scan", "data_plane_malloc", "match/look.c", in_function("malloc(1)")),
    ("free in the loop", "data_plane_malloc", "net/ring/loop.c", in_function("free(NULL)")),
    ("no guard", "header_guard", "base/leaf.h", SPDX + HEADER),
    ("no licence in C", "licence_line", "base/leaf.c", "int leaf_number;\n"),
    ("no licence in a script", "licence_line", "tools/run", "#!/bin/sh\necho run\n"),
    ("unfinished", "unfinished", "base/leaf.c", SPDX + "/* TO" + "DO: more. */\n"),
    ("unfinished comment", "unfinished", "base/leaf.c", SPDX + "/* Not here: not " + "implemented. */\n"),
    ("unfinished document", "unfinished", "README.md", "FIX" + "ME\n"),
    ("unfinished speech", "unfinished", "tools/run",
     "#!/bin/sh\n# SPDX-License-Identifier: MIT\n# place" + "holder\n"),
    ("foreign path", "foreign_word", "README.md", "See /wo" + "rk/main.\n"),
    ("foreign word", "foreign_word", "README.md", "The C" + "EO says.\n"),
    ("foreign speech", "foreign_word", "README.md", "an agent" + " session\n"),
    ("trailing space", "white_space", "base/leaf.c", SPDX + "int leaf_number; \n"),
    ("tab", "white_space", "base/leaf.c", SPDX + "\tint leaf_number;\n"),
    ("no last line end", "white_space", "base/leaf.c", SPDX + "int leaf_number;"),
    ("long line", "long_line", "base/leaf.c", SPDX + "/* " + "long " * 20 + "*/\n"),
    ("long file", "long_file", "base/leaf.c", SPDX + "extern int leaf_number;\n" * 1000),
    ("dead link", "dead_link", "README.md", "See [there](docs/there.md).\n"),
    ("name twice", "unique_name", "net/wire/leaf.h", HEADER),
    ("unlisted source", "unlisted_file", "base/root.c", BODY.format("base/leaf.h")),
    ("unlisted unit test", "unlisted_file", "tests/unit/test_root.c", BODY.format("base/leaf.h")),
    ("unlisted script", "unlisted_file", "tests/unit/root.py",
     "#!/usr/bin/env python3\n# SPDX-License-Identifier: MIT\n"),
    ("header that needs more", "header_alone", "base/leaf.h", HEADER.replace("#include <stddef.h>\n", "")),
] + [
    (name + " call", "banned_call", "base/leaf.c", in_function(name + "(x)"))
    for name in ("strcpy", "strcat", "sprintf", "vsprintf", "atoi", "atol", "alloca", "gets", "strtok")
]

# What looks like a violation and is none: (name, path, content).
INNOCENT = [
    ("banned name in a comment", "base/leaf.c", SPDX + "/* strcpy(a, b) is no way to do it. */\n"),
    ("banned name in a string", "base/leaf.c", SPDX + 'const char *leaf_text = "time(NULL) // x";\n'),
    ("text of a protocol", "base/leaf.c", SPDX + 'const char *leaf_text = "501 Method not ' + 'implemented";\n'),
    ("longer name", "base/leaf.c", SPDX + "void leaf_time(void);\nvoid leaf_run_time(void);\n"),
    ("member with a banned name", "match/look.c", in_function("ring->time(ring)")),
    ("malloc beside the data plane", "base/leaf.c", in_function("free(malloc(1))")),
    ("named opener", "net/ring/loop.c",
     SPDX + "#include <stdlib.h>\n\nvoid *loop_open_rings(void)\n{\n    return calloc(1, 1);\n}\n"),
]


def write_tree(root, files):
    for path, content in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as handle:
            handle.write(content)


def run_tidy(files):
    """Exit status and the set of (rule, path) that spoke."""
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, files)
        done = subprocess.run([sys.executable, TIDY, "--root", root], capture_output=True, text=True,
                              check=False, timeout=60)
    spoke = {(match.group(2), match.group(1))
             for match in re.finditer(r"^([^:\n]+):\d+: (\w+): ", done.stdout, re.MULTILINE)}
    return done.returncode, spoke, done.stdout + done.stderr


class TidyRules(unittest.TestCase):
    def test_clean_tree_passes(self):
        status, spoke, output = run_tidy(CLEAN)
        self.assertEqual((status, spoke), (0, set()), output)

    def test_each_planted_violation_is_found(self):
        for name, rule, path, content in PLANTED:
            with self.subTest(name):
                status, spoke, output = run_tidy({**CLEAN, path: content})
                self.assertEqual(status, 1, output)
                self.assertIn((rule, path), spoke, output)

    def test_what_looks_like_a_violation_passes(self):
        for name, path, content in INNOCENT:
            with self.subTest(name):
                status, spoke, output = run_tidy({**CLEAN, path: content})
                self.assertEqual((status, spoke), (0, set()), output)

    def test_every_rule_is_planted(self):
        with open(TIDY, encoding="utf-8") as handle:
            rules = set(re.findall(r"^@rule\ndef (\w+)", handle.read(), re.MULTILINE))
        self.assertEqual(rules - {rule for _, rule, _, _ in PLANTED}, set())


if __name__ == "__main__":
    TIDY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
