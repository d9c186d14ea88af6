#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scenario_store - the scenarios that come with the program, inside of it.
 */
#include "base/slice.h"

struct scenario_store_entry {
    const char *name;
    struct slice yaml;
};

size_t scenario_store_len(void);
struct scenario_store_entry scenario_store_at(size_t index);

/* False when there is none of that name. */
bool scenario_store_find(const char *name, struct slice *out);
