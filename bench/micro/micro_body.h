#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * micro_body - bodies of the kinds that the matcher treats differently.
 *
 * Role: clean bytes with the look of a kind, always the same. They are as plain as that allows and
 * made here, not by the load generator's richer corpus: a change there must not change what is
 * counted here. Memory: the caller's. Every MICRO_BODY_STRIDE bytes stands a near miss of one of
 * the set's signatures (micro_set.h), so that triggers fire now and then, as they do with real
 * definitions.
 */
#include "base/macro.h"

#define MICRO_BODY_STRIDE KIB(8)

enum micro_body_kind {
    MICRO_BODY_TEXT,    /* Prose. */
    MICRO_BODY_PAGE,    /* HTML. */
    MICRO_BODY_PROGRAM, /* A PE file of two sections. */
    MICRO_BODY_PACKED,  /* The head of a gzip file, then noise. */
    MICRO_BODY_IMAGE,   /* The head of a JPEG file, then noise as its coding makes it. */
};

/* At least 1 KiB. */
void micro_body_make(enum micro_body_kind kind, uint8_t *out, size_t len);
