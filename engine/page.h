#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * page - the block page.
 *
 * Role: fills the template (built in, or icap.replacement_file) with what was found. `{file}`,
 * `{threat}`, `{url}` and
 * `{service}` are replaced, escaped for HTML; every other byte stays. A page is cut where its room
 * ends.
 */
#include "base/text.h"

struct page_facts {
    struct slice file;
    struct slice threat;
    struct slice url;
    struct slice service;
};

/* The template that is used when no file is configured. */
struct slice page_builtin(void);

void page_write(struct slice page_template, const struct page_facts *facts, struct text *out);
