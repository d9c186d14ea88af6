/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_string.h"

#include "base/assert.h"
#include "base/text.h"
#include "defs/source_yara_hex.h"
#include "match/literal.h"

#include <assert.h>

/* A string in each of its encodings: wide or not, every key, every alignment in base64. */
#define VARIANTS_MAX 512

/* Fewer bytes are too common to be worth a look. */
#define PART_LEN_MIN 2

enum work_kind {
    WORK_NOTHING,
    WORK_PART,
    WORK_NODE,
    WORK_LITERAL,
};

/* What becomes needs[i], once its turn comes. */
struct work {
    uint8_t kind;
    uint32_t index;  /* PART: of parts; NODE: of the file's nodes; LITERAL: of `literals`. */
    uint32_t string; /* LITERAL */
};

struct write {
    struct yara_parts *out;
    const struct yara_file *file;
    struct work *works; /* As many as needs. */
    struct vec literals;
};

/* ---- Texts ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes escapes, up to `cap` bytes. */
static size_t text_decode(struct slice content, uint8_t *out, size_t cap)
{
    static const char names[] = "tnr";
    static const char values[] = "\t\n\r";
    size_t len = 0;

    for (size_t i = 0; i < content.len && len < cap; i++) {
        uint8_t byte = content.ptr[i];

        if (byte == '\\' && i + 1 < content.len) {
            byte = content.ptr[++i];
            const char *name = strchr(names, byte);

            if (name != NULL && byte != '\0') {
                byte = (uint8_t)values[name - names];
            } else if (byte == 'x' && i + 2 < content.len) {
                byte =
                    (uint8_t)(hex_digit(content.ptr[i + 1]) * 16 + hex_digit(content.ptr[i + 2]));
                i += 2;
            }
        }
        out[len++] = byte;
    }
    return len;
}

/* Every byte with a zero behind. */
static size_t bytes_widen(const uint8_t *bytes, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = bytes[i];
        out[2 * i + 1] = 0;
    }
    return 2 * len;
}

/* ---- Parts ---- */

static bool write_is_full(const struct write *write)
{
    return write->out->arena->overflowed || write->out->parts_len == YARA_PARTS_MAX;
}

/* The index of a part with this text, or YARA_NONE. */
static uint32_t part_add(struct write *write, struct slice text)
{
    struct yara_parts *out = write->out;

    if (write_is_full(write)) {
        return YARA_NONE;
    }
    for (size_t i = 0; i < out->parts_len; i++) {
        if (slice_equal(out->parts[i], text)) {
            return (uint32_t)i;
        }
    }
    out->parts[out->parts_len] = text;
    return (uint32_t)out->parts_len++;
}

static void part_put_offset(struct text *text, uint64_t offset)
{
    if (offset != YARA_ANYWHERE) {
        text_put_u64(text, offset);
        TEXT_PUT(text, ":");
    }
}

/* A part of plain bytes; YARA_NONE when there are too few of them, or no room. */
static uint32_t part_add_bytes(struct write *write, const uint8_t *bytes, size_t len, bool nocase,
                               uint64_t offset)
{
    const size_t cap = 2 * len + 32;

    if (len < PART_LEN_MIN) {
        return YARA_NONE;
    }
    struct text text = text_over(arena_alloc(write->out->arena, cap), cap);

    if (text.ptr == NULL) {
        return YARA_NONE;
    }
    part_put_offset(&text, offset);
    for (size_t i = 0; i < len; i++) {
        const char digits[] = "0123456789abcdef";
        const char pair[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

        text_put(&text, pair, sizeof(pair));
    }
    if (nocase) {
        TEXT_PUT(&text, "::i");
    }
    ASSERT(!text.overflowed);
    return part_add(write, text_slice(&text));
}

/* ---- Needs ---- */

static void need_set(struct write *write, size_t at, uint32_t least, uint32_t first, uint32_t len,
                     uint32_t part)
{
    write->out->needs[at] =
        (struct match_need){.need = least, .first = first, .len = len, .part = part};
}

static void need_set_part(struct write *write, size_t at, uint32_t part)
{
    need_set(write, at, 1, 0, 0, part);
}

static void need_set_nothing(struct write *write, size_t at)
{
    need_set_part(write, at, YARA_NONE);
}

static bool need_has_room(const struct write *write, size_t len)
{
    return len <= YARA_NEEDS_MAX - write->out->needs_len;
}

static void need_push(struct write *write, struct work work)
{
    write->works[write->out->needs_len++] = work;
}

/* needs[at] becomes "any of these parts". */
static void need_set_parts(struct write *write, size_t at, const uint32_t *parts, size_t len)
{
    if (len == 1) {
        need_set_part(write, at, parts[0]);
        return;
    }
    if (len == 0 || !need_has_room(write, len)) {
        need_set_nothing(write, at);
        return;
    }
    need_set(write, at, 1, (uint32_t)write->out->needs_len, (uint32_t)len, YARA_NONE);
    for (size_t i = 0; i < len; i++) {
        need_push(write, (struct work){.kind = WORK_PART, .index = parts[i]});
    }
}

/* ---- Text strings ---- */

struct variants {
    struct write *write;
    const struct yara_string *string;
    uint64_t offset;
    bool failed; /* One of them cannot be said, so nothing can. */
    size_t len;
    uint32_t parts[VARIANTS_MAX];
};

static void variants_add(struct variants *variants, const uint8_t *bytes, size_t len)
{
    const bool nocase = (variants->string->flags & YARA_STRING_NOCASE) != 0;
    const uint32_t part =
        variants->failed || variants->len == VARIANTS_MAX
            ? YARA_NONE
            : part_add_bytes(variants->write, bytes, len, nocase, variants->offset);

    if (part == YARA_NONE) {
        variants->failed = true;
        return;
    }
    variants->parts[variants->len++] = part;
}

static void variants_add_xored(struct variants *variants, const uint8_t *bytes, size_t len)
{
    uint8_t block[2 * YARA_PART_LEN_MAX];

    ASSERT(len <= sizeof(block));
    for (unsigned key = variants->string->xor_min; key <= variants->string->xor_max; key++) {
        for (size_t i = 0; i < len; i++) {
            block[i] = (uint8_t)(bytes[i] ^ key);
        }
        variants_add(variants, block, len);
    }
}

/*
 * The characters that `bytes` alone decide when `lead` bytes (0 to 2) of a group of three stand
 * before them.
 */
static size_t base64_encode(const uint8_t *bytes, size_t len, unsigned lead,
                            const uint8_t alphabet[64], uint8_t *out)
{
    const size_t first = (8 * (size_t)lead + 5) / 6;
    const size_t end = 8 * (lead + len) / 6;

    for (size_t i = first; i < end; i++) {
        const size_t bit = 6 * i - 8 * (size_t)lead;
        const size_t at = bit / 8;
        const unsigned pair = (unsigned)bytes[at] << 8 | (at + 1 < len ? bytes[at + 1] : 0);

        out[i - first] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    return end - first;
}

static void variants_add_base64(struct variants *variants, const uint8_t *bytes, size_t len)
{
    static const char standard[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct yara_string *string = variants->string;
    uint8_t alphabet[64];
    uint8_t encoded[4 * YARA_PART_LEN_MAX];
    uint8_t wide[8 * YARA_PART_LEN_MAX];

    memcpy(alphabet, standard, sizeof(alphabet));
    if (string->alphabet.len > 0 &&
        text_decode(string->alphabet, alphabet, sizeof(alphabet)) != sizeof(alphabet)) {
        variants->failed = true;
        return;
    }
    for (unsigned lead = 0; lead < 3; lead++) {
        const size_t encoded_len = base64_encode(bytes, len, lead, alphabet, encoded);

        if ((string->flags & YARA_STRING_BASE64) != 0) {
            variants_add(variants, encoded, encoded_len);
        }
        if ((string->flags & YARA_STRING_BASE64_WIDE) != 0) {
            variants_add(variants, wide, bytes_widen(encoded, encoded_len, wide));
        }
    }
}

static void variants_add_form(struct variants *variants, const uint8_t *bytes, size_t len)
{
    const uint8_t flags = variants->string->flags;

    if ((flags & (YARA_STRING_BASE64 | YARA_STRING_BASE64_WIDE)) != 0) {
        variants_add_base64(variants, bytes, len);
    } else if ((flags & YARA_STRING_XOR) != 0) {
        variants_add_xored(variants, bytes, len);
    } else {
        variants_add(variants, bytes, len);
    }
}

static void write_bytes(struct write *write, size_t at, const struct yara_string *string,
                        struct slice bytes, uint64_t offset)
{
    struct variants variants = {.write = write, .string = string, .offset = offset};
    uint8_t wide[2 * YARA_PART_LEN_MAX];

    ASSERT(bytes.len <= YARA_PART_LEN_MAX);
    if ((string->flags & YARA_STRING_WIDE) == 0 || (string->flags & YARA_STRING_ASCII) != 0) {
        variants_add_form(&variants, bytes.ptr, bytes.len);
    }
    if ((string->flags & YARA_STRING_WIDE) != 0) {
        variants_add_form(&variants, wide, bytes_widen(bytes.ptr, bytes.len, wide));
    }
    need_set_parts(write, at, variants.parts, variants.failed ? 0 : variants.len);
}

static void write_text(struct write *write, size_t at, const struct yara_string *string,
                       uint64_t offset)
{
    uint8_t block[YARA_PART_LEN_MAX];
    const size_t len = text_decode(string->content, block, sizeof(block));

    write_bytes(write, at, string, slice_from(block, len), offset);
}

/* ---- Hexadecimal strings ---- */

static void write_hex(struct write *write, size_t at, const struct yara_string *string,
                      uint64_t offset)
{
    struct yara_hex hex;

    if (!yara_hex_read(&hex, string->content)) {
        need_set_nothing(write, at);
        return;
    }
    const size_t cap = hex.len + 32;
    struct text text = text_over(arena_alloc(write->out->arena, cap), cap);

    if (text.ptr == NULL) {
        need_set_nothing(write, at);
        return;
    }
    if (write->out->detail == YARA_DETAIL_LITERAL) {
        text_put(&text, hex.text + hex.run_at, MIN_OF(hex.run_len, 2 * (size_t)YARA_PART_LEN_MAX));
    } else {
        part_put_offset(&text, hex.shifted ? YARA_ANYWHERE : offset);
        text_put(&text, hex.text, hex.len);
    }
    ASSERT(!text.overflowed);
    need_set_part(write, at, hex.len > 0 ? part_add(write, text_slice(&text)) : YARA_NONE);
}

/* ---- Regular expressions ---- */

static const struct literal_node *literal_at(const struct write *write, uint32_t index)
{
    return vec_at(&write->literals, index);
}

static void write_literal(struct write *write, size_t at, uint32_t index, uint32_t string)
{
    const struct literal_node *node = literal_at(write, index);
    uint32_t len = 0;

    if (node->kind == LITERAL_BYTES) {
        struct yara_string form = *yara_file_string(write->file, string);

        static_assert(LITERAL_LEN_MAX <= YARA_PART_LEN_MAX, "a literal fits a part");
        form.flags &= YARA_STRING_NOCASE | YARA_STRING_WIDE | YARA_STRING_ASCII;
        write_bytes(write, at, &form, slice_from(node->bytes, node->len), YARA_ANYWHERE);
        return;
    }
    for (uint32_t i = node->child; i != LITERAL_NOTHING; i = literal_at(write, i)->next) {
        len++;
    }
    if (!need_has_room(write, len)) {
        need_set_nothing(write, at);
        return;
    }
    need_set(write, at, node->kind == LITERAL_ALL ? len : 1, (uint32_t)write->out->needs_len, len,
             YARA_NONE);
    for (uint32_t i = node->child; i != LITERAL_NOTHING; i = literal_at(write, i)->next) {
        need_push(write, (struct work){.kind = WORK_LITERAL, .index = i, .string = string});
    }
}

static void write_regex(struct write *write, size_t at, uint32_t string)
{
    const struct yara_string *row = yara_file_string(write->file, string);
    uint32_t root;

    if (!literal_extract(&write->literals, row->content, (row->flags & YARA_STRING_NOCASE) != 0,
                         &root) ||
        root == LITERAL_NOTHING) {
        need_set_nothing(write, at);
        return;
    }
    write_literal(write, at, root, string);
}

/* ---- Nodes ---- */

static void write_string(struct write *write, size_t at, const struct yara_node *node)
{
    const struct yara_string *string = yara_file_string(write->file, node->index);

    switch ((enum yara_token_kind)string->kind) {
    case YARA_TOKEN_TEXT:
        write_text(write, at, string, node->offset);
        break;
    case YARA_TOKEN_HEX:
        write_hex(write, at, string, node->offset);
        break;
    default:
        ASSERT(string->kind == YARA_TOKEN_REGEX);
        write_regex(write, at, node->index);
        break;
    }
}

/* Bytes as a condition has them: pairs of digits, maybe with colons between. */
static void write_pairs(struct write *write, size_t at, struct slice pairs)
{
    char *text = arena_alloc(write->out->arena, pairs.len);
    size_t len = 0;

    if (text == NULL) {
        need_set_nothing(write, at);
        return;
    }
    for (size_t i = 0; i < pairs.len; i++) {
        if (pairs.ptr[i] != ':') {
            text[len++] = (char)pairs.ptr[i];
        }
    }
    need_set_part(write, at, part_add(write, slice_from(text, len)));
}

static void write_least(struct write *write, size_t at, const struct yara_node *node)
{
    if (!need_has_room(write, node->len)) {
        need_set_nothing(write, at);
        return;
    }
    need_set(write, at, node->least, (uint32_t)write->out->needs_len, node->len, YARA_NONE);
    for (uint32_t i = node->link; i != YARA_NONE;) {
        const struct yara_link *link = vec_at(&write->file->links, i);

        need_push(write, (struct work){.kind = WORK_NODE, .index = link->node});
        i = link->next;
    }
}

static void write_node(struct write *write, size_t at, uint32_t index)
{
    if (index >= YARA_NODE_NEVER) {
        need_set_nothing(write, at);
        return;
    }
    const struct yara_node *node = vec_at(&write->file->nodes, index);

    switch ((enum yara_node_kind)node->kind) {
    case YARA_NODE_STRING:
        write_string(write, at, node);
        break;
    case YARA_NODE_BYTES:
        write_pairs(write, at, node->bytes);
        break;
    case YARA_NODE_LEAST:
        write_least(write, at, node);
        break;
    case YARA_NODE_HOLE:
        need_set_nothing(write, at);
        break;
    }
}

static void write_work(struct write *write, size_t at)
{
    const struct work work = write->works[at];

    switch ((enum work_kind)work.kind) {
    case WORK_NOTHING:
        need_set_nothing(write, at);
        break;
    case WORK_PART:
        need_set_part(write, at, work.index);
        break;
    case WORK_NODE:
        write_node(write, at, work.index);
        break;
    case WORK_LITERAL:
        write_literal(write, at, work.index, work.string);
        break;
    }
}

void yara_parts_write(struct yara_parts *out, struct arena *arena, const struct yara_file *file,
                      uint32_t node, enum yara_detail detail)
{
    struct write write = {.out = out, .file = file, .literals = VEC_OF(struct literal_node)};

    arena_reset(arena);
    *out = (struct yara_parts){.arena = arena, .detail = detail};
    out->parts = arena_alloc(arena, YARA_PARTS_MAX * sizeof(*out->parts));
    out->needs = arena_alloc(arena, YARA_NEEDS_MAX * sizeof(*out->needs));
    write.works = arena_alloc(arena, YARA_NEEDS_MAX * sizeof(*write.works));
    ASSERT(out->parts && out->needs && write.works);
    need_push(&write, (struct work){.kind = WORK_NODE, .index = node});
    for (size_t i = 0; i < out->needs_len; i++) {
        write_work(&write, i);
    }
    vec_free(&write.literals);
}

struct yara_need yara_string_magic(const struct yara_string *string, uint64_t offset)
{
    uint8_t bytes[4];
    uint8_t masks[4] = {0xff, 0xff, 0xff, 0xff};
    uint32_t mask = 0;
    uint32_t value = 0;
    size_t len = 0;

    if (offset >= sizeof(bytes)) {
        return yara_need_anything();
    }
    if (string->kind == YARA_TOKEN_TEXT && (string->flags & ~YARA_STRING_ASCII) == 0) {
        len = text_decode(string->content, bytes, sizeof(bytes));
    } else if (string->kind == YARA_TOKEN_HEX) {
        len = yara_hex_read_head(string->content, bytes, masks);
    }
    for (size_t i = 0; i < len && offset + i < sizeof(bytes); i++) {
        mask |= (uint32_t)masks[i] << (8 * (offset + i));
        value |= (uint32_t)bytes[i] << (8 * (offset + i));
    }
    return yara_need_magic(mask, value);
}
