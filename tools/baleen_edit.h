#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_edit - one key of a YAML file changed, the rest of the text left as it is.
 *
 * Role: finds the value of a dotted key by libyaml's marks and replaces exactly its bytes, or adds
 * the key to the innermost section that is there. Comments and layout of all other lines stay. The
 * caller checks what the new text means.
 */
#include "base/slice.h"

struct text;

/* False when the text is no YAML map; `out` may overflow. `value` is YAML on one line. */
MUST_CHECK bool baleen_edit_set(struct slice yaml, const char *key, const char *value,
                                struct text *out);
