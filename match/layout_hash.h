#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * layout_hash - checks the hash tables of an image, for layout_open.
 */
#include "match/layout.h"

MUST_CHECK bool layout_hash_check(const struct layout *layout);
