/* SPDX-License-Identifier: MIT */
#include "bench/load/load_mix.h"

#include "base/assert.h"
#include "bench/load/load_sizes.h"
#include "bench/load/load_web.h"

#include <stdlib.h>

static bool load_mix_is_file(struct slice name)
{
    return name.len > 5 && memcmp(name.ptr, "file:", 5) == 0;
}

/* An entry is "NAME" or "NAME:WEIGHT"; what follows the last colon of a path may also be part of
 * it, if it is no number. */
static bool load_mix_split_weight(struct slice *name, uint64_t *weight)
{
    size_t at = name->len;

    while (at > 0 && name->ptr[at - 1] != ':') {
        at--;
    }
    if (at > 0 && load_parse_thousandths(slice_skip(*name, at), LOAD_WEIGHT_MAX, weight)) {
        name->len = at - 1;
        return *weight > 0;
    }
    *weight = 1000;
    return at == 0 || load_mix_is_file(*name);
}

static bool load_mix_add(struct load_mix *mix, enum load_kind kind, uint64_t weight,
                         const struct load_why *why)
{
    if (mix->len == LOAD_MIX_MAX) {
        return load_why_set(why, "mix: more than %d kinds", LOAD_MIX_MAX);
    }
    mix->entries[mix->len++] = (struct load_mix_entry){.kind = kind, .weight = weight};
    mix->total += weight;
    return true;
}

static bool load_mix_add_files(struct load_mix *mix, struct slice path, uint64_t weight,
                               const struct load_why *why)
{
    char *name = strndup((const char *)path.ptr, path.len);

    if (name == NULL) {
        return load_why_set(why, "out of memory");
    }
    if (!load_mix_add(mix, LOAD_KIND_FILE, weight, why)) {
        free(name);
        return false;
    }
    const bool ok = load_files_list(&mix->entries[mix->len - 1].files, name, why);

    free(name);
    return ok;
}

/* The kinds of a page load share the weight. */
static bool load_mix_add_web(struct load_mix *mix, uint64_t weight, const struct load_why *why)
{
    for (size_t i = 0; i < LOAD_WEB_KINDS; i++) {
        const struct load_web_kind *web = &load_web_kinds[i];

        if (!load_mix_add(mix, web->kind, weight * web->requests / LOAD_WEB_REQUESTS, why)) {
            return false;
        }
    }
    return true;
}

static bool load_mix_parse_entry(struct load_mix *mix, struct slice text,
                                 const struct load_why *why)
{
    struct slice name = text;
    uint64_t weight = 0;
    enum load_kind kind = LOAD_KIND_TEXT;

    if (!load_mix_split_weight(&name, &weight)) {
        return load_why_set(why, "mix: '%.*s': a weight is a number above 0 and up to 1000000",
                            (int)MIN_OF(text.len, (size_t)80), (const char *)text.ptr);
    }
    /* So that the kinds of a page load keep their proportions. */
    weight *= 1000;
    if (load_mix_is_file(name)) {
        return load_mix_add_files(mix, slice_skip(name, 5), weight, why);
    }
    if (slice_equal(name, SLICE_OF("web"))) {
        return load_mix_add_web(mix, weight, why);
    }
    if (load_kind_find(name, &kind) && kind != LOAD_KIND_FILE) {
        return load_mix_add(mix, kind, weight, why);
    }
    return load_why_set(
        why,
        "mix: '%.*s' is none of text, html, css, script, json, image, font, random, "
        "program, archive, pdf, web, file:PATH",
        (int)MIN_OF(name.len, (size_t)80), (const char *)name.ptr);
}

bool load_mix_has_files_only(const struct load_mix *mix)
{
    for (size_t i = 0; i < mix->len; i++) {
        if (mix->entries[i].kind != LOAD_KIND_FILE) {
            return false;
        }
    }
    return true;
}

/* The least number of bodies of which each entry's share has room for all its files. */
static size_t load_mix_count(const struct load_mix *mix)
{
    size_t count = 0;

    for (size_t i = 0; i < mix->len; i++) {
        const struct load_mix_entry *entry = &mix->entries[i];
        const double share = (double)entry->weight / (double)mix->total;

        if (entry->files.len == 0) {
            continue;
        }
        count = MAX_OF(count, (size_t)((double)entry->files.len / share) + (mix->len > 1));
    }
    return count;
}

bool load_mix_parse(struct load_mix *mix, const char *text, const struct load_why *why)
{
    struct slice rest = slice_from_str(text);

    *mix = (struct load_mix){0};
    for (bool more = true; more;) {
        more = slice_find(rest, ',') < rest.len;
        if (!load_mix_parse_entry(mix, slice_trim(slice_split(&rest, ',')), why)) {
            load_mix_free(mix);
            return false;
        }
    }
    mix->count = load_mix_count(mix);
    return true;
}

void load_mix_free(struct load_mix *mix)
{
    for (size_t i = 0; i < mix->len; i++) {
        load_files_free(&mix->entries[i].files);
    }
    *mix = (struct load_mix){0};
}

size_t load_deal_next(struct load_deal *deal, size_t i)
{
    ASSERT(i < deal->count);
    ASSERT(deal->start < deal->total);
    const double step = (double)deal->total / (double)deal->count;
    const uint64_t at =
        MIN_OF((uint64_t)(step * (double)i) + deal->start / deal->count, deal->total - 1);

    while (at >= deal->seen + deal->weight(deal->owner, deal->row)) {
        deal->seen += deal->weight(deal->owner, deal->row);
        deal->row++;
    }
    return deal->row;
}
