#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara - files of YARA rules.
 *
 * Role: takes a whole file's text. libyara compiles the rules and later decides them; this reader
 * derives from strings and condition what a body must hold for a rule to have a chance, so that
 * libyara is asked seldom. Each file is a namespace of its own: its rules may refer to earlier ones
 * of the file, its global rules bind its rules only. A rule that does not compile, or can never be
 * true, is unusable and the others of the file still work. `include` is refused, external variables
 * are not defined, and only the modules in source_yara_compile.c are offered. Findings have the
 * rule's identifier as name; private rules find nothing. Runs in: the compiler process. Limits:
 * SOURCE_YARA_TEXT_MAX.
 */
#include "defs/source.h"

#define SOURCE_YARA_TEXT_MAX MIB(64)

/*
 * Called once for each rule, in the order of the file, and with line 0 or that of an import for
 * what concerns the whole file. `reason` is "" for a rule that is used, else one line of printable
 * ASCII that names the rule.
 */
typedef void (*source_yara_rule_fn)(void *ctx, unsigned line, enum source_status status,
                                    const char *reason);

/* 0 or a negative errno (no memory, the builder's). */
MUST_CHECK int source_yara_take(const struct source *source, struct slice text,
                                source_yara_rule_fn on_rule, void *ctx);
