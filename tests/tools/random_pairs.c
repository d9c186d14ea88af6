/* SPDX-License-Identifier: MIT */
/*
 * random_pairs - do match/ and the naive matcher say the same about random signatures and bodies?
 *
 * random_pairs [--pairs N] [--seed N]
 *
 * Body and logical signatures are compiled in sets, small ones over few letters and large ones of
 * long strings, so that triggers, both stages of the search and the verifier take part; bodies are
 * fed in random pieces. A pair counts when it is decided: all of a set by a body that is clean; of
 * a body in which something is found, that signature, all that the naive matcher finds and some
 * others, each alone. Prints what it takes to repeat a disagreement. Exit codes: 0 none, 1 some.
 */
#include "tests/naive/naive.h"
#include "tests/naive/sample.h"
#include "tests/unit/test_match_kit.h"

#include <ctype.h>

#define SET_MAX       700
#define SUBS_MAX      4
#define SMALL_MIN     16
#define SMALL_MORE    24
#define SMALL_PER_BIG 12
#define BODIES        60
#define ALONE         6 /* Others that are asked alone about a body in which something was found. */

struct signature {
    char name[16];
    bool logical;
    char offset[64];
    char expression[256];
    char subs[SUBS_MAX][2304];
    unsigned subs_len;
    struct sample sample; /* Of a logical one only the bytes: those of its parts in a row. */
    struct kit_set alone; /* Opened when it is first asked. */
    bool opened;
};

struct run {
    struct signature signatures[SET_MAX];
    bool found[SET_MAX]; /* By the naive matcher, in the body at hand. */
    unsigned len;
    struct kit_set set;
    uint64_t pairs;
    uint64_t matches;
    uint64_t disagreements;
    uint64_t logical; /* Of the matches. */
    uint64_t bodies;
    uint64_t sets;
};

static struct run run;

/* ---- Logical signatures ---- */

static const char *pick(const char *const *words, size_t len)
{
    return words[dice_below((uint32_t)len)];
}

/* The bytes that a part asks for, as its modifiers let them look; returns how many. */
static size_t part_bytes(const struct sample *part, const char *modifiers, uint8_t *out)
{
    const bool wide = strchr(modifiers, 'w') && !(strchr(modifiers, 'a') && dice_below(2));
    const bool nocase = strchr(modifiers, 'i');
    const bool word = strchr(modifiers, 'f');
    size_t len = 0;

    if (word) {
        out[len++] = ' ';
    }
    for (size_t i = 0; i < part->bytes_len; i++) {
        const uint8_t byte = part->bytes[i];
        const bool flip = nocase && isalpha(byte) && dice_below(2);

        out[len++] = flip ? byte ^ 0x20 : byte;
        if (wide) {
            out[len++] = 0;
        }
    }
    if (word) {
        out[len++] = ' ';
    }
    return len;
}

static void signature_put_bytes(struct signature *signature, const uint8_t *bytes, size_t len)
{
    struct sample *all = &signature->sample;

    if (all->bytes_len + len <= sizeof(all->bytes) / 2) {
        memcpy(all->bytes + all->bytes_len, bytes, len);
        all->bytes_len += len;
    }
}

/* Modifiers do not go with every element: a pattern of runs and gaps. */
static void part_make_simple(struct sample *part)
{
    static const char *const alphabets[] = {"abAB", "ab Cd", "abcdefgh", "Za\n09"};

    *part = (struct sample){.letters = pick(alphabets, ARRAY_LEN(alphabets))};
    sample_put_run(part, 2 + dice_below(5), dice_below(3) == 0);
    for (unsigned more = dice_below(6) / 4; more > 0; more--) {
        sample_put_gap(part);
        sample_put_run(part, 2 + dice_below(4), false);
    }
}

/* A part between gaps of variable length, read up to somewhere. */
struct part_facts {
    unsigned items; /* Bytes, choices, marks; since the bracket, if one is open. */
    unsigned run_len;
    bool two_given; /* Bytes in a row. */
    bool later;     /* Not the first. */
    bool open;      /* A bracket that wants a lone byte behind it. */
};

static bool part_is_good(const struct part_facts *part)
{
    return part->two_given && (!part->open || part->items == 1);
}

/* Behind the item that begins at `p`: a choice with all in it, a gap, or two digits. */
static const char *item_skip(const char *p)
{
    int depth = 0;

    if (*p == '{' || *p == '[') {
        return strpbrk(p, "}]") + 1;
    }
    if (*p != '(') {
        return *p == '*' || *p == '!' ? p + 1 : p + 2;
    }
    do {
        depth += (*p == '(') - (*p == ')');
        p++;
    } while (depth > 0);
    return p;
}

/*
 * What clamscan takes, so that there is an opinion on how matches are counted: two given bytes in
 * each part, a lone byte on the outer side of each bracket, and no choice, whose length may vary,
 * where a later part begins.
 */
static bool pattern_is_countable(const char *text)
{
    struct part_facts part = {0};

    for (const char *p = text, *next; *p; p = next) {
        next = item_skip(p);
        if (*p == '*' || (*p == '{' && memchr(p, '-', (size_t)(next - p)))) {
            if (!part_is_good(&part)) {
                return false;
            }
            part = (struct part_facts){.later = true};
            continue;
        }
        if (*p == '[') {
            if (part.open) {
                return false;
            }
            part.open = part.items != 1;
            part.items = part.open ? 0 : 2;
            part.run_len = 0;
            continue;
        }
        if (*p == '(' && part.later && !part.two_given) {
            return false;
        }
        const bool given = isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]);

        part.run_len = given ? part.run_len + 1 : 0;
        part.two_given |= part.run_len >= 2;
        part.items++;
    }
    return part_is_good(&part);
}

static void sub_make_body(struct signature *signature, char *out, size_t cap)
{
    static const char *const words[] = {"i", "w", "wa", "iw", "iwa", "f", "if", "a"};
    static struct sample part;
    static uint8_t bytes[2 * sizeof(part.bytes) + 2];
    const char *modifiers = dice_below(2) ? pick(words, ARRAY_LEN(words)) : "";
    char offset[64];

    do {
        if (*modifiers) {
            part_make_simple(&part);
        } else {
            sample_make(&part);
        }
    } while (!pattern_is_countable(part.text));
    sample_make_offset(offset, sizeof(offset), &part);
    const bool placed = *offset != '*';

    snprintf(out, cap, "%s%s%s%s%s", placed ? offset : "", placed ? ":" : "", part.text,
             *modifiers ? "::" : "", modifiers);
    signature->sample.letters = part.letters;
    signature_put_bytes(signature, bytes, part_bytes(&part, modifiers, bytes));
}

static void random_test(char *out, size_t cap)
{
    snprintf(out, cap, "%c%u", "=<>"[dice_below(3)], dice_below(300));
}

/* Of a part before it that has one place for each match; its own index when there is none. */
static unsigned compare_ref(const struct signature *signature, unsigned index)
{
    unsigned ref = 0;

    while (ref < index && strpbrk(signature->subs[ref], "*{[#")) {
        ref++;
    }
    return ref;
}

static void sub_make_compare(struct signature *signature, unsigned ref, char *out, size_t cap)
{
    static const char *const kinds[] = {"d3",  "de2", "d1",  "hb2", "hbe2", "ab3",
                                        "ib1", "il1", "ib2", "il2", "il4",  "ib4"};
    static const char *const digits[] = {"7", "42", "123", "12x", "ff", "0a1", " 9", "-3", "\x01"};
    const char *number = pick(digits, ARRAY_LEN(digits));
    char first[16];
    char second[16];

    random_test(first, sizeof(first));
    random_test(second, sizeof(second));
    const bool both = dice_below(3) == 0;

    snprintf(out, cap, "%u(%s%u#%s#%s%s%s)", ref, dice_below(6) ? ">>" : "<<", dice_below(9),
             pick(kinds, ARRAY_LEN(kinds)), first, both ? "," : "", both ? second : "");
    signature_put_bytes(signature, (const uint8_t *)number, strlen(number));
}

static size_t expression_put_test(char *out, size_t cap)
{
    if (dice_below(3) > 0) {
        return 0;
    }
    if (dice_below(3) == 0) {
        return (size_t)snprintf(out, cap, "%c%u,%u", "=<>"[dice_below(3)], dice_below(4),
                                1 + dice_below(2));
    }
    return (size_t)snprintf(out, cap, "%c%u", "=<>"[dice_below(3)], dice_below(4));
}

static size_t expression_put(char *out, size_t cap, unsigned subs, unsigned depth)
{
    const unsigned terms = 1 + dice_below(3);
    size_t len = 0;

    for (unsigned i = 0; i < terms; i++) {
        if (i > 0) {
            out[len++] = "&|"[dice_below(2)];
        }
        if (depth > 0 && dice_below(3) == 0) {
            len += (size_t)snprintf(out + len, cap - len, "(%u%c", dice_below(subs),
                                    "&|"[dice_below(2)]);
            len += expression_put(out + len, cap - len, subs, depth - 1);
            out[len++] = ')';
        } else {
            len += (size_t)snprintf(out + len, cap - len, "%u", dice_below(subs));
        }
        len += expression_put_test(out + len, cap - len);
    }
    return len;
}

/* All subsignatures have to be named, half of the signatures want just that. */
static void expression_make(struct signature *signature)
{
    char *text = signature->expression;
    const size_t cap = sizeof(signature->expression);
    size_t len = dice_below(2) ? expression_put(text, cap, signature->subs_len, 2) : 0;

    for (unsigned i = 0; i < signature->subs_len; i++) {
        if (len > 0) {
            text[len++] = "&&|"[dice_below(3)];
        }
        len += (size_t)snprintf(text + len, cap - len, "%u", i);
    }
}

static void logical_make(struct signature *signature)
{
    signature->logical = true;
    signature->subs_len = 1 + dice_below(SUBS_MAX);
    for (unsigned i = 0; i < signature->subs_len; i++) {
        const unsigned ref = compare_ref(signature, i);

        if (ref < i && dice_below(5) == 0) {
            sub_make_compare(signature, ref, signature->subs[i], sizeof(signature->subs[i]));
        } else {
            sub_make_body(signature, signature->subs[i], sizeof(signature->subs[i]));
        }
    }
    expression_make(signature);
}

/* ---- Sets ---- */

static void big_make(struct signature *signature)
{
    struct sample *sample = &signature->sample;

    sample->letters = "abcdefghijklmnopqrstuvwxyz0123456789<>/=\"";
    snprintf(signature->offset, sizeof(signature->offset), "*");
    sample_put_run(sample, 5 + dice_below(20), false);
    for (unsigned more = dice_below(3); more > 0; more--) {
        sample_put_gap(sample);
        sample_put_run(sample, 2 + dice_below(20), dice_below(3) == 0);
    }
}

static void signature_make(struct signature *signature, unsigned index, bool big)
{
    const uint32_t kind = dice_below(8);

    memset(signature, 0, sizeof(*signature));
    snprintf(signature->name, sizeof(signature->name), "Pair.%u", index);
    if (kind < 3) {
        logical_make(signature);
    } else if (big) {
        big_make(signature);
    } else {
        sample_make(&signature->sample);
        sample_make_offset(signature->offset, sizeof(signature->offset), &signature->sample);
    }
}

static int signature_add(const struct signature *signature, struct match_builder *builder)
{
    struct slice subs[SUBS_MAX];
    const struct match_logical logical = {.name = slice_from_str(signature->name),
                                          .expression = slice_from_str(signature->expression),
                                          .subsignatures = subs,
                                          .subsignatures_len = signature->subs_len};

    if (!signature->logical) {
        return kit_add(builder, signature->name, 0, signature->offset, signature->sample.text);
    }
    for (unsigned i = 0; i < signature->subs_len; i++) {
        subs[i] = slice_from_str(signature->subs[i]);
    }
    const int r = match_builder_add_logical(builder, &logical);

    ASSERT(r >= 0);
    return r == MATCH_BUILD_SLOW ? MATCH_BUILD_OK : r;
}

/*
 * Which stages search is measured when a set is compiled, and kept in the cache. A cache that gives
 * one small number for every key has a plan of that number used, whatever is fast today.
 */
#define PLANS 6

static bool plan_load(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], uint8_t **out_bytes,
                      size_t *out_len)
{
    (void)ctx;
    (void)key;
    *out_bytes = malloc(1);
    ASSERT(*out_bytes);
    **out_bytes = (uint8_t)dice_below(PLANS);
    *out_len = 1;
    return true;
}

static void plan_store(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], const uint8_t *bytes,
                       size_t len)
{
    (void)ctx;
    (void)key;
    (void)bytes;
    (void)len;
}

static void set_open(unsigned len, bool big)
{
    static const struct match_build_cache plans = {.load = plan_load, .store = plan_store};
    struct match_builder *builder = kit_builder();

    match_builder_set_cache(builder, &plans);
    for (run.len = 0; run.len < len;) {
        struct signature *signature = &run.signatures[run.len];

        signature_make(signature, run.len, big);
        run.len += signature_add(signature, builder) == MATCH_BUILD_OK;
    }
    run.set = kit_open(builder, 1);
    run.sets++;
}

static void set_close(void)
{
    for (unsigned i = 0; i < run.len; i++) {
        if (run.signatures[i].opened) {
            kit_close(&run.signatures[i].alone);
        }
    }
    kit_close(&run.set);
}

static struct match_db *signature_alone(struct signature *signature)
{
    if (!signature->opened) {
        struct match_builder *builder = kit_builder();
        const int r = signature_add(signature, builder);

        ASSERT(r == MATCH_BUILD_OK);
        signature->alone = kit_open(builder, 1);
        signature->opened = true;
    }
    return signature->alone.db;
}

/* ---- Pairs ---- */

static bool signature_matches(const struct signature *signature, const struct sample_body *body)
{
    const char *subs[SUBS_MAX];

    if (!signature->logical) {
        return naive_matches(signature->offset, signature->sample.text, body->bytes, body->len);
    }
    for (unsigned i = 0; i < signature->subs_len; i++) {
        subs[i] = signature->subs[i];
    }
    return naive_logical(signature->expression, subs, signature->subs_len, body->bytes, body->len);
}

static void report(const struct signature *signature, const struct sample_body *body, bool expected,
                   const char *what)
{
    run.disagreements++;
    if (signature->logical) {
        printf("%s;Target:0;%s", signature->name, signature->expression);
        for (unsigned i = 0; i < signature->subs_len; i++) {
            printf(";%s", signature->subs[i]);
        }
    } else {
        printf("%s:0:%s:%s", signature->name, signature->offset, signature->sample.text);
    }
    printf("\n  body ");
    for (size_t i = 0; i < body->len; i++) {
        printf("%02x", body->bytes[i]);
    }
    printf("\n  naive: %s, match: %s (set %llu of %u)\n", expected ? "found" : "clean", what,
           (unsigned long long)run.sets, run.len);
}

static size_t pieces_next(void *ctx, size_t left)
{
    const uint32_t *longest = ctx;

    return 1 + dice_below((uint32_t)MIN_OF(left, *longest));
}

static enum match_status body_ask(struct match_db *db, const struct sample_body *body,
                                  const char **out_name)
{
    uint32_t longest = dice_below(3) ? 1 + dice_below(40) : sizeof(body->bytes);
    struct kit_body kit = {
        .bytes = body->bytes, .len = body->len, .piece_max = dice_below(2) * (1 + dice_below(30))};
    struct kit_feed feed = {.next = pieces_next, .ctx = &longest};
    struct match_finding finding = {.name = ""};
    const enum match_status status = kit_run(db, &kit, &feed, &finding);

    *out_name = finding.name;
    return status;
}

static void pair_check(struct signature *signature, const struct sample_body *body, bool expected)
{
    const char *name;
    const enum match_status status = body_ask(signature_alone(signature), body, &name);
    const bool decided = status == MATCH_CLEAN || status == MATCH_FOUND;

    run.pairs++;
    run.matches += expected;
    run.logical += expected && signature->logical;
    if (!decided || (status == MATCH_FOUND) != expected) {
        report(signature, body, expected, decided ? "the contrary, alone" : "undecided, alone");
    }
}

static void body_check_found(const struct sample_body *body, const char *name)
{
    for (unsigned i = 0; i < run.len; i++) {
        struct signature *signature = &run.signatures[i];

        if (strcmp(signature->name, name) == 0 && !run.found[i]) {
            report(signature, body, false, "found in the set");
        }
        if (run.found[i] || dice_below(run.len) < ALONE) {
            pair_check(signature, body, run.found[i]);
        }
    }
}

static void body_check(const struct sample_body *body)
{
    const char *name;
    const enum match_status status = body_ask(run.set.db, body, &name);

    run.bodies++;
    for (unsigned i = 0; i < run.len; i++) {
        run.found[i] = signature_matches(&run.signatures[i], body);
    }
    if (status == MATCH_FOUND) {
        body_check_found(body, name);
        return;
    }
    for (unsigned i = 0; i < run.len; i++) {
        run.pairs++;
        run.matches += run.found[i];
        if (run.found[i] || status != MATCH_CLEAN) {
            report(&run.signatures[i], body, run.found[i],
                   status == MATCH_CLEAN ? "clean in the set" : "undecided in the set");
        }
    }
}

/* A byte of zero in front keeps it from being a text, of which scanners see two views. */
static void body_make(struct sample_body *out, const struct sample *sample)
{
    static struct sample_body inside;

    sample_make_body(&inside, sample);
    out->bytes[0] = 1;
    out->bytes[1] = 0;
    out->len = 2 + MIN_OF(inside.len, sizeof(out->bytes) - 2);
    memcpy(out->bytes + 2, inside.bytes, out->len - 2);
}

static void check_set(bool big)
{
    static struct sample_body body;

    set_open(big ? SET_MAX : SMALL_MIN + dice_below(SMALL_MORE), big);
    for (unsigned i = 0; i < BODIES; i++) {
        body_make(&body, &run.signatures[dice_below(run.len)].sample);
        body_check(&body);
    }
    set_close();
}

int main(int argc, char **argv)
{
    unsigned long long pairs = 20000;
    unsigned long long seed = 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--pairs") == 0) {
            pairs = strtoull(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 0);
        } else {
            fputs("usage: random_pairs [--pairs N] [--seed N]\n", stderr);
            return 2;
        }
    }
    dice_seed(seed);
    while (run.pairs < pairs && run.disagreements < 20) {
        check_set(run.sets % SMALL_PER_BIG == 4);
    }
    printf("seed %llu: %llu pairs, %llu matches (%llu of logical signatures), %llu disagreements; "
           "%llu sets, %llu bodies\n",
           seed, (unsigned long long)run.pairs, (unsigned long long)run.matches,
           (unsigned long long)run.logical, (unsigned long long)run.disagreements,
           (unsigned long long)run.sets, (unsigned long long)run.bodies);
    return run.disagreements > 0 || run.matches < run.pairs / 100;
}
