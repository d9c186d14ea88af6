#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * assert - bugs end the process, in every build.
 *
 * Role: ASSERT states what can only be false by a defect of our own. It prints the place, lets the
 * dump function of the process (if one is set) print its state, and aborts. ASSERT_SLOW is for
 * checks that cost more than a comparison; the build option `slow_asserts` turns them on.
 */
#include "base/macro.h"

typedef void (*assert_dump_fn)(void *ctx);

/* Sets what is printed beside a failed assertion: the step, the connection, the last operations. */
void assert_set_dump(assert_dump_fn dump, void *ctx);

_Noreturn void assert_fail(const char *expr, const char *file, int line, const char *func);

#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (UNLIKELY(!(cond))) {                                                                   \
            assert_fail(#cond, __FILE__, __LINE__, __func__);                                      \
        }                                                                                          \
    } while (0)

#ifdef BALEEN_SLOW_ASSERTS
#define ASSERT_SLOW(cond) ASSERT(cond)
#else
#define ASSERT_SLOW(cond)                                                                          \
    do {                                                                                           \
        (void)sizeof(cond);                                                                        \
    } while (0)
#endif
