#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * normal_wide - normalises text 64 bytes at a time where the CPU can (AVX-512 with VBMI2).
 *
 * Role: the quick twin of the loop in normal_text.c, with the same bytes as its result; what it
 * leaves over (fewer than 64 bytes, or too little room) is for that loop.
 */
#include "match/normal_text.h"

bool normal_wide_usable(void);

/* As normal_text_run; only on CPUs for which normal_wide_usable says yes. */
size_t normal_wide_run(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap);
