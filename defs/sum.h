#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * sum - SHA-256 over a row of parts.
 *
 * Role: each part is preceded by its length, so that no two different rows feed the digest the same
 * bytes. Owner: the caller. Memory: OpenSSL's, given back by sum_end. A failure (no memory) is
 * sticky and told at the end.
 */
#include "defs/defs.h"

struct evp_md_ctx_st;

struct sum { /* All fields are private. */
    struct evp_md_ctx_st *ctx;
    bool failed;
};

void sum_begin(struct sum *sum);
void sum_add(struct sum *sum, struct slice part);
void sum_add_number(struct sum *sum, uint64_t number);

/* Frees what sum_begin took, too. -ENOMEM when a step failed. */
MUST_CHECK int sum_end(struct sum *sum, uint8_t out[DEFS_DIGEST_LEN]);
