/* SPDX-License-Identifier: MIT */
#include "bench/load/load_make.h"

#include "base/assert.h"
#include "bench/load/load_prose.h"

#include <assert.h>

/* Holds a whole body of each kind: what is shorter is cut out of one. */
#define LOAD_MAKE_SCRATCH KIB(4)

static void load_make_text(struct load_make *make)
{
    make->type = "text/plain";
    make->basename = "notes";
    make->suffix = ".txt";
    text_printf(&make->out, "%llx. ", (unsigned long long)make->number);
    load_prose_fill(&make->out, &make->random, make->out.cap);
}

static void load_make_random(struct load_make *make)
{
    make->type = "application/octet-stream";
    make->basename = "data";
    make->suffix = ".bin";
    load_random_fill(&make->random, (uint8_t *)make->out.ptr + make->out.len,
                     make->out.cap - make->out.len);
    make->out.len = make->out.cap;
}

static void load_make_file(struct load_make *make)
{
    (void)make;
    ASSERT(!"files are read, not made");
}

/* Where a marker stands. */
enum load_marker {
    LOAD_MARKER_FIRST,
    LOAD_MARKER_INSIDE, /* The maker puts it there. */
    LOAD_MARKER_BEHIND  /* In a zip. */
};

static const struct {
    const char *name;
    size_t least;
    void (*make)(struct load_make *make);
    enum load_marker marker;
} load_kinds[] = {
    [LOAD_KIND_TEXT] = {"text", 32, load_make_text, LOAD_MARKER_FIRST},
    [LOAD_KIND_HTML] = {"html", 512, load_make_html, LOAD_MARKER_INSIDE},
    [LOAD_KIND_CSS] = {"css", 256, load_make_css, LOAD_MARKER_FIRST},
    [LOAD_KIND_SCRIPT] = {"script", 256, load_make_script, LOAD_MARKER_FIRST},
    [LOAD_KIND_JSON] = {"json", 256, load_make_json, LOAD_MARKER_FIRST},
    [LOAD_KIND_IMAGE] = {"image", 512, load_make_image, LOAD_MARKER_BEHIND},
    [LOAD_KIND_FONT] = {"font", 64, load_make_font, LOAD_MARKER_BEHIND},
    [LOAD_KIND_PROGRAM] = {"program", 1024, load_make_program, LOAD_MARKER_BEHIND},
    [LOAD_KIND_ARCHIVE] = {"archive", 512, load_make_archive, LOAD_MARKER_INSIDE},
    [LOAD_KIND_PDF] = {"pdf", 2048, load_make_pdf, LOAD_MARKER_INSIDE},
    [LOAD_KIND_RANDOM] = {"random", 0, load_make_random, LOAD_MARKER_FIRST},
    [LOAD_KIND_FILE] = {"file", 0, load_make_file, LOAD_MARKER_BEHIND},
};
static_assert(ARRAY_LEN(load_kinds) == LOAD_KIND_COUNT, "a row for each kind");

const char *load_kind_name(enum load_kind kind)
{
    return load_kinds[kind].name;
}

bool load_kind_find(struct slice name, enum load_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(load_kinds); i++) {
        if (slice_equal(name, slice_from_str(load_kinds[i].name))) {
            *out = (enum load_kind)i;
            return true;
        }
    }
    return false;
}

size_t load_kind_least(enum load_kind kind, struct slice marker)
{
    const size_t least = load_kinds[kind].least;

    if (marker.len == 0) {
        return least;
    }
    switch (load_kinds[kind].marker) {
    case LOAD_MARKER_FIRST:
        return least + marker.len + 1;
    case LOAD_MARKER_BEHIND:
        return least + load_make_marker_len(marker, false);
    case LOAD_MARKER_INSIDE:
        break;
    }
    return least + load_make_marker_len(marker, true);
}

void load_make_put_marker(struct text *out, struct slice marker, bool page)
{
    if (page) {
        load_make_put_marker_page(out, marker);
    } else {
        load_make_put_marker_zip(out, marker);
    }
}

size_t load_make_marker_len(struct slice marker, bool page)
{
    char block[KIB(4)];
    struct text out = text_over(block, sizeof(block));

    load_make_put_marker(&out, marker, page);
    ASSERT(!out.overflowed);
    return out.len;
}

static void load_make_whole(struct load_make *make, enum load_kind kind)
{
    const enum load_marker place = load_kinds[kind].marker;
    const size_t cap = make->out.cap;

    if (make->marker.len > 0 && place == LOAD_MARKER_FIRST) {
        text_put_slice(&make->out, make->marker);
        TEXT_PUT(&make->out, "\n");
    } else if (make->marker.len > 0 && place == LOAD_MARKER_BEHIND) {
        make->out.cap -= load_make_marker_len(make->marker, false);
    }
    load_kinds[kind].make(make);
    ASSERT(make->out.len == make->out.cap);
    if (make->out.cap < cap) {
        make->out.cap = cap;
        load_make_put_marker(&make->out, make->marker, false);
    }
    ASSERT(make->out.len == cap);
}

void load_make_body(struct load_make *make, enum load_kind kind)
{
    uint8_t scratch[LOAD_MAKE_SCRATCH];
    const struct text out = make->out;

    if (out.cap >= load_kinds[kind].least) {
        load_make_whole(make, kind);
        return;
    }
    ASSERT(make->marker.len == 0);
    make->out = text_over(scratch, load_kinds[kind].least);
    load_make_whole(make, kind);
    memcpy(out.ptr, scratch, out.cap);
    make->out = text_over(out.ptr, out.cap);
    make->out.len = out.cap;
}
