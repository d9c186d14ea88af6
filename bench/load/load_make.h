#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_make - one body of a generated kind.
 *
 * Role: fills a block of given size, to its last byte, with what a file of the kind looks like: its
 * signature, its structure, and content that is as compressible as such files are. The number of
 * the body stands near its start, so that no two bodies of a corpus begin alike. A marker, if there
 * is one, stands as it is in a place where scanners look that ask for it at the start of a file: at
 * the start of what is text, in a stored member of an archive, in an embedded file of a document,
 * in a zip of its own behind what is binary. In a page it stands in a comment, and once more in a
 * link of the scheme "data": ClamAV looks into those, and not at the bytes of a page. Memory: the
 * caller's block. Limits: a kind has a least size (load_kind_least); a shorter body is the start of
 * one of that size.
 */
#include "base/text.h"
#include "bench/load/load_random.h"

enum load_kind {
    LOAD_KIND_TEXT,
    LOAD_KIND_HTML,
    LOAD_KIND_CSS,
    LOAD_KIND_SCRIPT,
    LOAD_KIND_JSON,
    LOAD_KIND_IMAGE,
    LOAD_KIND_FONT,
    LOAD_KIND_PROGRAM,
    LOAD_KIND_ARCHIVE,
    LOAD_KIND_PDF,
    LOAD_KIND_RANDOM,
    LOAD_KIND_FILE, /* Has no maker. */
    LOAD_KIND_COUNT
};

struct load_make {
    struct load_random random;
    struct text out;      /* To be filled: `len` is `cap` in the end. */
    uint64_t number;      /* Of the body, differs from all others. */
    struct slice marker;  /* Empty in a clean body. */
    const char *type;     /* Set by the maker: Content-Type, */
    const char *basename; /* and what the file is called, */
    const char *suffix;   /* with its dot. */
};

/* "text" and so on; as the word of a mix. */
const char *load_kind_name(enum load_kind kind);

/* False when no kind has this name. */
bool load_kind_find(struct slice name, enum load_kind *out);

/* What a marker becomes in a page, or behind other bytes; and how long that is. */
void load_make_put_marker(struct text *out, struct slice marker, bool page);
size_t load_make_marker_len(struct slice marker, bool page);

/* The least size of a whole body with this marker, which may be empty. */
size_t load_kind_least(enum load_kind kind, struct slice marker);

/* Fills `make->out`, which is at least as large as that when there is a marker. */
void load_make_body(struct load_make *make, enum load_kind kind);

/* The two forms of load_make_put_marker. */
void load_make_put_marker_page(struct text *out, struct slice marker);
void load_make_put_marker_zip(struct text *out, struct slice marker);

/* The makers; each fills from `out.len` to `out.cap`. */
void load_make_html(struct load_make *make);
void load_make_css(struct load_make *make);
void load_make_script(struct load_make *make);
void load_make_json(struct load_make *make);
void load_make_image(struct load_make *make);
void load_make_jpeg(struct load_make *make);
void load_make_font(struct load_make *make);
void load_make_program(struct load_make *make);
void load_make_archive(struct load_make *make);
void load_make_pdf(struct load_make *make);
