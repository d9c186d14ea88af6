/* SPDX-License-Identifier: MIT */
/*
 * Archives that unzip, gzip and tar take. Members are what the other makers make: text in deflated
 * form, the rest stored, in sizes that fill the archive to its last byte (a tar has zeros behind
 * its end). A marker is a stored member of its own. Rules: the ZIP application note
 * (APPNOTE.TXT) 6.3, sections 4.3 and 4.4; RFC 1952; POSIX.1 pax, section ustar.
 */
#include "base/assert.h"
#include "bench/load/load_make.h"
#include "bench/load/load_pack.h"
#include "bench/load/load_prose.h"

#include <stdio.h>

#define LOAD_MEMBERS_MAX 12
#define LOAD_MEMBER_NAME 48

/* Below this a member is not worth dividing the archive. */
#define LOAD_MEMBER_LEAST KIB(1)

struct load_member {
    char name[LOAD_MEMBER_NAME];
    size_t name_len;
    enum load_kind kind;
    bool deflated;
    size_t at;       /* Of its head in the archive. */
    size_t packed;   /* Bytes in the archive, */
    size_t unpacked; /* and of what they stand for. */
    uint32_t crc;
    uint32_t time; /* As DOS has it. */
};

static void load_member_name(struct load_member *member, struct load_make *make, const char *suffix)
{
    struct text name = text_over(member->name, sizeof(member->name));

    load_prose_put_word(&name, &make->random);
    text_printf(&name, "-%llx%s", (unsigned long long)load_random_below(&make->random, 1 << 20),
                suffix);
    member->name_len = name.len;
}

/* A day of 2025, in the form of DOS. */
static uint32_t load_member_time(struct load_make *make)
{
    const uint32_t day = 1 + load_random_below(&make->random, 28);
    const uint32_t month = 1 + load_random_below(&make->random, 12);
    const uint32_t hour = load_random_below(&make->random, 24);

    return (45U << 9 | month << 5 | day) << 16 | hour << 11 |
           load_random_below(&make->random, 60) << 5;
}

/* Which kinds, and under which names. */
static void load_member_choose(struct load_member *member, struct load_make *make)
{
    static const struct {
        enum load_kind kind;
        const char *suffix;
        bool deflated;
    } kinds[] = {
        {LOAD_KIND_TEXT, ".txt", true},   {LOAD_KIND_HTML, ".html", true},
        {LOAD_KIND_JSON, ".json", true},  {LOAD_KIND_SCRIPT, ".js", true},
        {LOAD_KIND_CSS, ".css", true},    {LOAD_KIND_IMAGE, ".img", false},
        {LOAD_KIND_PROGRAM, ".o", false}, {LOAD_KIND_RANDOM, ".bin", false},
        {LOAD_KIND_TEXT, "", false},
    };
    const size_t row = load_random_below(&make->random, ARRAY_LEN(kinds));

    *member = (struct load_member){.kind = kinds[row].kind, .deflated = kinds[row].deflated};
    load_member_name(member, make, kinds[row].suffix);
    member->time = load_member_time(make);
}

/* A body of its own, with numbers of its own. */
static void load_member_make(struct load_make *make, struct text out, enum load_kind kind)
{
    struct load_make inner = {
        .random = {load_random_next(&make->random)},
        .out = out,
        .number = load_random_next(&make->random) >> 40,
    };

    load_make_body(&inner, kind);
}

/* Deflates pieces of the member's kind until `to`. */
static void load_member_deflate(struct load_make *make, struct load_member *member, size_t to)
{
    uint8_t piece[LOAD_DEFLATE_PIECE_MAX];
    struct load_deflate deflate;

    load_deflate_begin(&deflate, &make->out, to);
    while (!deflate.full) {
        load_member_make(make, text_over(piece, sizeof(piece)), member->kind);
        const size_t len = load_deflate_feed(&deflate, slice_from(piece, sizeof(piece)));

        member->crc = load_crc32(member->crc, slice_from(piece, len));
        member->unpacked += len;
    }
    const struct slice tail = load_deflate_end(&deflate, &make->random);

    member->crc = load_crc32(member->crc, tail);
    member->unpacked += tail.len;
}

static void load_member_store(struct load_make *make, struct load_member *member, size_t len)
{
    struct text *out = &make->out;

    load_member_make(make, text_over(out->ptr + out->len, len), member->kind);
    member->crc = load_crc32(0, slice_from(out->ptr + out->len, len));
    member->unpacked = len;
    out->len += len;
}

/* How many members suit an archive of this size. */
static size_t load_archive_count(struct load_make *make, size_t room)
{
    const size_t max =
        MIN_OF(MAX_OF(room / LOAD_MEMBER_LEAST, (size_t)1), (size_t)LOAD_MEMBERS_MAX);

    return 1 + load_random_below(&make->random, (uint32_t)max);
}

/* ---- zip ---- */

#define LOAD_ZIP_HEAD  30
#define LOAD_ZIP_ENTRY 46
#define LOAD_ZIP_END   22

/* What both kinds of heads have. */
static void load_zip_put_facts(struct text *out, const struct load_member *member)
{
    load_pack_le(out, 20, 2);
    load_pack_le(out, 0, 2);
    load_pack_le(out, member->deflated ? 8 : 0, 2);
    load_pack_le(out, member->time, 4);
    load_pack_le(out, member->crc, 4);
    load_pack_le(out, member->packed, 4);
    load_pack_le(out, member->unpacked, 4);
    load_pack_le(out, member->name_len, 2);
    load_pack_le(out, 0, 2);
}

static void load_zip_put_head(struct text *out, const struct load_member *member)
{
    load_pack_le(out, 0x04034b50, 4);
    load_zip_put_facts(out, member);
    text_put(out, member->name, member->name_len);
}

static void load_zip_put_entry(struct text *out, const struct load_member *member)
{
    load_pack_le(out, 0x02014b50, 4);
    load_pack_le(out, 0x0314, 2);
    load_zip_put_facts(out, member);
    load_pack_le(out, 0, 6);
    load_pack_le(out, 0x81a40000, 4);
    load_pack_le(out, member->at, 4);
    text_put(out, member->name, member->name_len);
}

/* A head, the content, and the head again with what is known by then. */
static void load_zip_put_member(struct load_make *make, struct load_member *member, size_t len)
{
    struct text *out = &make->out;

    member->at = out->len;
    member->packed = len;
    load_zip_put_head(out, member);
    const size_t from = out->len;

    if (member->deflated && len >= LOAD_DEFLATE_LEAST) {
        load_member_deflate(make, member, from + len);
    } else {
        member->deflated = false;
        load_member_store(make, member, len);
    }
    struct text head = text_over(out->ptr + member->at, from - member->at);

    load_zip_put_head(&head, member);
}

static void load_zip_put_marker(struct load_make *make, struct load_member *member)
{
    struct text *out = &make->out;

    *member = (struct load_member){
        .at = out->len,
        .packed = make->marker.len,
        .unpacked = make->marker.len,
        .crc = load_crc32(0, make->marker),
        .time = load_member_time(make),
    };
    load_member_name(member, make, ".com");
    load_zip_put_head(out, member);
    text_put_slice(out, make->marker);
}

static void load_zip_put_end(struct text *out, size_t members, size_t at, size_t len)
{
    load_pack_le(out, 0x06054b50, 4);
    load_pack_le(out, 0, 4);
    load_pack_le(out, members, 2);
    load_pack_le(out, members, 2);
    load_pack_le(out, len, 4);
    load_pack_le(out, at, 4);
    load_pack_le(out, 0, 2);
}

static size_t load_zip_frames(const struct load_member *member)
{
    return LOAD_ZIP_HEAD + LOAD_ZIP_ENTRY + 2 * member->name_len;
}

static void load_make_zip(struct load_make *make)
{
    struct load_member members[LOAD_MEMBERS_MAX + 1];
    struct text *out = &make->out;
    size_t len = 0;

    if (make->marker.len > 0) {
        load_zip_put_marker(make, &members[len]);
        len++;
    }
    /* The heads at the end are known before the content is. */
    size_t ends = LOAD_ZIP_END + (len > 0 ? LOAD_ZIP_ENTRY + members[0].name_len : 0);
    size_t left = load_archive_count(make, out->cap);

    for (; left > 0; left--, len++) {
        struct load_member *member = &members[len];

        load_member_choose(member, make);
        const size_t frames = load_zip_frames(member);
        const size_t room = out->cap - out->len - ends;

        ASSERT(room >= frames);
        /* Between half of an equal share and one and a half; the last takes what there is. */
        const size_t share =
            room / left / 2 + load_random_below(&make->random, (uint32_t)(room / left) + 1);
        const bool last =
            left == 1 || share < frames + LOAD_MEMBER_LEAST || room - share < 2 * LOAD_MEMBER_LEAST;

        load_zip_put_member(make, member, (last ? room : share) - frames);
        ends += LOAD_ZIP_ENTRY + member->name_len;
        if (last) {
            len++;
            break;
        }
    }
    const size_t at = out->len;

    for (size_t i = 0; i < len; i++) {
        load_zip_put_entry(out, &members[i]);
    }
    load_zip_put_end(out, len, at, out->len - at);
    make->type = "application/zip";
    make->suffix = ".zip";
}

/* ---- gzip ---- */

static void load_make_gzip(struct load_make *make)
{
    struct load_member member;
    struct text *out = &make->out;

    load_member_choose(&member, make);
    member.kind = member.deflated ? member.kind : LOAD_KIND_TEXT;
    load_pack_be(out, 0x1f8b0808, 4);
    load_pack_le(out, 1767225600 + load_random_below(&make->random, 1 << 24), 4);
    load_pack_le(out, 0x0300, 2);
    text_put(out, member.name, member.name_len);
    load_pack_le(out, 0, 1);
    load_member_deflate(make, &member, out->cap - 8);
    load_pack_le(out, member.crc, 4);
    load_pack_le(out, member.unpacked, 4);
    make->type = "application/gzip";
    make->suffix = ".gz";
}

/* ---- tar ---- */

#define LOAD_TAR_BLOCK ((size_t)512)
#define LOAD_TAR_LEAST (8 * LOAD_TAR_BLOCK)

static size_t load_tar_round(size_t len)
{
    return (len + LOAD_TAR_BLOCK - 1) / LOAD_TAR_BLOCK * LOAD_TAR_BLOCK;
}

static void load_tar_put_zeros(struct text *out, size_t to)
{
    memset(out->ptr + out->len, 0, to - out->len);
    out->len = to;
}

static void load_tar_put_head(struct text *out, const struct load_member *member, size_t len)
{
    const size_t from = out->len;
    char sum_text[9];
    unsigned sum = 0;

    text_put(out, member->name, member->name_len);
    load_tar_put_zeros(out, from + 100);
    text_put(out, "0000644\0000001750\0000001750", 24);
    text_printf(out, "%011zo", len);
    load_pack_le(out, 0, 1);
    text_printf(out, "%011o", 1767225600 + (member->time & 0xffffff));
    load_pack_le(out, 0, 1);
    TEXT_PUT(out, "        0");
    load_tar_put_zeros(out, from + 257);
    text_put(out, "ustar\00000user", 12);
    load_tar_put_zeros(out, from + LOAD_TAR_BLOCK);
    for (size_t i = from; i < out->len; i++) {
        sum += (uint8_t)out->ptr[i];
    }
    snprintf(sum_text, sizeof(sum_text), "%06o", sum);
    memcpy(out->ptr + from + 148, sum_text, 7);
}

static void load_tar_put_member(struct load_make *make, struct load_member *member, size_t len)
{
    load_tar_put_head(&make->out, member, len);
    load_member_store(make, member, len);
    load_tar_put_zeros(&make->out, load_tar_round(make->out.len));
}

static void load_tar_put_marker(struct load_make *make)
{
    struct load_member member = {.time = load_member_time(make)};

    load_member_name(&member, make, ".com");
    load_tar_put_head(&make->out, &member, make->marker.len);
    text_put_slice(&make->out, make->marker);
    load_tar_put_zeros(&make->out, load_tar_round(make->out.len));
}

static void load_make_tar(struct load_make *make)
{
    struct text *out = &make->out;
    size_t left = load_archive_count(make, out->cap);

    if (make->marker.len > 0) {
        load_tar_put_marker(make);
    }
    for (; left > 0; left--) {
        struct load_member member;
        const size_t room = out->cap - out->len - 2 * LOAD_TAR_BLOCK;

        if (out->len + 4 * LOAD_TAR_BLOCK > out->cap) {
            break;
        }
        const size_t max = room / LOAD_TAR_BLOCK * LOAD_TAR_BLOCK - LOAD_TAR_BLOCK;
        const size_t share =
            max / left / 2 + load_random_below(&make->random, (uint32_t)(max / left) + 1);

        load_member_choose(&member, make);
        load_tar_put_member(make, &member, left == 1 ? max : MIN_OF(share, max));
    }
    load_tar_put_zeros(out, out->cap);
    make->type = "application/x-tar";
    make->suffix = ".tar";
}

/* ---- A zip of its own ---- */

#define LOAD_MARKER_NAME "marker.com"

static const struct load_member load_marker_member = {
    .name = LOAD_MARKER_NAME, .name_len = sizeof(LOAD_MARKER_NAME) - 1, .time = 0x5a210000};

void load_make_put_marker_zip(struct text *out, struct slice marker)
{
    struct load_member member = load_marker_member;
    const size_t from = out->len;

    member.packed = marker.len;
    member.unpacked = marker.len;
    member.crc = load_crc32(0, marker);
    load_zip_put_head(out, &member);
    text_put_slice(out, marker);
    const size_t at = out->len - from;

    load_zip_put_entry(out, &member);
    load_zip_put_end(out, 1, at, out->len - from - at);
}

/* In a gzip a marker would be seen only by who unpacks it. */
void load_make_archive(struct load_make *make)
{
    const uint32_t which = load_random_below(&make->random, 10);

    make->basename = "archive";
    if (which < 2 && make->out.cap >= LOAD_TAR_LEAST) {
        load_make_tar(make);
    } else if (which < 5 && make->marker.len == 0) {
        load_make_gzip(make);
    } else {
        load_make_zip(make);
    }
}
