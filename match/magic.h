#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * magic - types of files that definitions tell apart (.ftm).
 *
 * Role: what filetype knows stands; where it says no more than "data" or "text", the rows of the
 * image are asked in their order, and the first that fits names the type. Memory: none. Limits:
 * rows look at the first FILETYPE_PROBE bytes.
 */
#include "match/layout.h"

/* Never NULL; static. */
const struct filetype *magic_detect(const struct layout *layout, struct slice head);

/* What a body of that type (enum cl_type) is to the engine; NULL when that changes nothing. */
const struct filetype *magic_find_type(uint16_t type);
