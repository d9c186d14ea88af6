#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_test - does a compiled match section find what it says it finds.
 *
 * Role: opens the section as an engine would, and asks it about specimens (build_specimen) of a
 * sample of its signatures, spread over all of them, and about a few harmless bodies. Something
 * must be found in each of the former and nothing in the latter. What it cannot make a specimen of
 * it passes over. Runs in: the compiler, on each image before anybody else sees it. Memory: that of
 * an opened section for one body. Limits: BUILD_TEST_NS, after which the rest of the sample is
 * left.
 */
#include "base/slice.h"

#define BUILD_TEST_SAMPLE    256 /* Of body signatures, and of logical ones. */
#define BUILD_TEST_NS        (150 * NS_PER_MS)
#define BUILD_TEST_ERROR_CAP 384

struct build_test_result {
    uint32_t specimens; /* Made, and found. */
    uint32_t passed_over;
    char error[BUILD_TEST_ERROR_CAP];
};

/* `image` at an address divisible by 64. False with the reason in the result. */
MUST_CHECK bool build_test_run(struct slice image, struct build_test_result *out);
