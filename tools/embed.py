#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a C file with the bytes of a file: embed.py INPUT OUTPUT NAME."""

import sys


def main() -> None:
    source, target, name = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    rows = (data[at : at + 24] for at in range(0, len(data), 24))
    with open(target, "w", encoding="ascii") as file:
        file.write("/* SPDX-License-Identifier: MIT */\n#include <stddef.h>\n\n")
        file.write(f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n\n")
        file.write(f"__attribute__((aligned(64))) const unsigned char {name}[] = {{\n")
        file.writelines(",".join(map(str, row)) + ",\n" for row in rows)
        file.write(f"}};\n\nconst size_t {name}_len = sizeof({name});\n")


main()
