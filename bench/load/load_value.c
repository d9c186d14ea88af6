/* SPDX-License-Identifier: MIT */
#include "bench/load/load_value.h"

#include <errno.h>
#include <stdlib.h>

#define LOAD_SECONDS_MAX 1e6
#define LOAD_RATE_MAX    1e7

/* A number with a word behind it. */
struct load_value_unit {
    const char *word;
    double factor;
};

/* Takes the next part of a list with commas; false behind the last one. */
static bool load_value_next(struct slice *rest, struct slice *out_part)
{
    if (rest->ptr == NULL) {
        return false;
    }
    size_t at = slice_find(*rest, ',');
    *out_part = slice_from(rest->ptr, at);
    *rest = at < rest->len ? slice_skip(*rest, at + 1) : (struct slice){0};
    return true;
}

bool load_value_size(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    static const char units[] = "kmg";
    struct slice digits = slice_from_str(text);
    unsigned shift = 0;
    if (digits.len > 0) {
        const char *unit = strchr(units, text[digits.len - 1] | 0x20);
        shift = unit != NULL && *unit != '\0' ? (unsigned)(unit - units + 1) * 10 : 0;
    }
    digits.len -= shift > 0;
    uint64_t value = 0;
    if (!slice_parse_u64(digits, &value) || value > (max >> shift) || (value << shift) < min) {
        return false;
    }
    *out = value << shift;
    return true;
}

/* A number from 0 to `max` with one of the units behind it; the last unit has no word. */
static bool load_value_number(const char *text, const struct load_value_unit *unit, double max,
                              double *out)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text) {
        return false;
    }
    while (unit->word != NULL && strcmp(end, unit->word) != 0) {
        unit++;
    }
    value *= unit->factor;
    if ((unit->word == NULL && *end != '\0') || !(value >= 0) || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool load_value_seconds(const char *text, double *out)
{
    static const struct load_value_unit units[] = {
        {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {NULL, 1}};
    return load_value_number(text, units, LOAD_SECONDS_MAX, out);
}

bool load_value_share(const char *text, double *out)
{
    static const struct load_value_unit units[] = {{"%", 0.01}, {NULL, 1}};
    return load_value_number(text, units, 1, out);
}

bool load_value_rate(const char *text, double *out)
{
    static const struct load_value_unit units[] = {{"k", 1e3}, {"m", 1e6}, {NULL, 1}};
    return load_value_number(text, units, LOAD_RATE_MAX, out);
}

bool load_value_expect(const char *text, unsigned *out)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"200", LOAD_EXPECT_200},     {"204", LOAD_EXPECT_204},         {"206", LOAD_EXPECT_206},
        {"found", LOAD_EXPECT_FOUND}, {"changed", LOAD_EXPECT_CHANGED},
    };
    struct slice rest = slice_from_str(text);
    struct slice part;
    unsigned expect = 0;
    while (load_value_next(&rest, &part)) {
        struct slice word = slice_trim(part);
        unsigned bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            bit |= slice_equal(word, slice_from_str(words[i].word)) ? words[i].bit : 0;
        }
        if (bit == 0) {
            return false;
        }
        expect |= bit;
    }
    *out = expect;
    return true;
}

/* Which of the words it is; `count` when none. */
static size_t load_value_word(const char *text, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && !slice_equal_nocase(slice_from_str(text), slice_from_str(words[i]))) {
        i++;
    }
    return i;
}

bool load_value_method(const char *text, enum load_method *out)
{
    static const char *const words[] = {
#define X(name) #name,
        LOAD_METHODS(X)
#undef X
    };
    size_t found = load_value_word(text, words, ARRAY_LEN(words));
    if (found == ARRAY_LEN(words)) {
        return false;
    }
    *out = (enum load_method)found;
    return true;
}

bool load_value_pace(const char *text, enum load_pace *out)
{
    static const char *const words[] = {"closed", "fixed", "poisson"};
    size_t found = load_value_word(text, words, ARRAY_LEN(words));
    if (found == ARRAY_LEN(words)) {
        return false;
    }
    *out = (enum load_pace)found;
    return true;
}

bool load_value_refused(const char *text, enum load_refused *out)
{
    static const char *const words[] = {"error", "elsewhere", "wait"};
    size_t found = load_value_word(text, words, ARRAY_LEN(words));
    if (found == ARRAY_LEN(words)) {
        return false;
    }
    *out = (enum load_refused)found;
    return true;
}

/* A part of a list as a string of its own; false when it is too long for a value. */
static bool load_value_copy(struct slice part, char *out, size_t cap)
{
    part = slice_trim(part);
    if (part.len == 0 || part.len >= cap) {
        return false;
    }
    memcpy(out, part.ptr, part.len);
    out[part.len] = '\0';
    return true;
}

bool load_value_stages(const char *text, struct load_spec *spec)
{
    struct slice rest = slice_from_str(text);
    struct slice seconds;
    size_t count = 0;
    while (load_value_next(&rest, &seconds)) {
        struct slice rate = slice_split(&seconds, 'x');
        char rate_text[32];
        char seconds_text[32];
        if (count == LOAD_STAGES_MAX || !load_value_copy(rate, rate_text, sizeof(rate_text)) ||
            !load_value_copy(seconds, seconds_text, sizeof(seconds_text)) ||
            !load_value_rate(rate_text, &spec->stages[count].rate) ||
            !load_value_seconds(seconds_text, &spec->stages[count].sec)) {
            return false;
        }
        count++;
    }
    spec->stages_len = count;
    return true;
}

bool load_value_cpus(const char *text, struct load_spec *spec)
{
    struct slice rest = slice_from_str(text);
    struct slice part;
    size_t count = 0;
    while (load_value_next(&rest, &part)) {
        uint64_t cpu = 0;
        if (count == LOAD_CPUS_MAX || !slice_parse_u64(part, &cpu) || cpu > 1023) {
            return false;
        }
        spec->cpus[count++] = (int)cpu;
    }
    spec->cpus_len = count;
    return true;
}

bool load_value_pids(const char *text, struct load_spec *spec)
{
    struct slice rest = slice_from_str(text);
    struct slice part;
    size_t count = 0;
    while (load_value_next(&rest, &part)) {
        uint64_t pid = 0;
        if (count == LOAD_PIDS_MAX || !slice_parse_u64(part, &pid) || pid == 0 || pid > INT32_MAX) {
            return false;
        }
        spec->pids[count++] = (pid_t)pid;
    }
    spec->pids_len = count;
    return true;
}
