/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static assert_dump_fn assert_dump;
static void *assert_dump_ctx;

void assert_set_dump(assert_dump_fn dump, void *ctx)
{
    assert_dump = dump;
    assert_dump_ctx = ctx;
}

_Noreturn void assert_fail(const char *expr, const char *file, int line, const char *func)
{
    const assert_dump_fn dump = assert_dump;

    fprintf(stderr, "baleen: assertion failed: %s (%s:%d, %s)\n", expr, file, line, func);
    assert_dump = NULL; /* A dump that asserts must not come back here. */
    if (dump) {
        dump(assert_dump_ctx);
    }
    abort();
}
