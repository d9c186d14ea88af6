#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_corpus - the bodies of a run.
 *
 * Role: makes, from a description and a seed, the same bodies in each run: how long they are comes
 * from a distribution, what they hold from a mix of kinds. No file of this tree is needed for the
 * generated kinds. Memory: all bodies are in memory, `budget` bytes at most; a distribution whose
 * sample would not fit is sampled less often, not cut. Errors: expected ones are texts for the
 * user. Not for two threads at once: tables are filled in when they are first needed.
 *
 * A mix is a list of kinds with weights: "html:5, image:4, text:1". Kinds:
 *   text, html, css, script, json      generated, of many words; compresses as such pages do
 *   image                              JPEG, PNG and GIF, whole, of noise
 *   font, random                       noise behind the head of a WOFF2 or nothing
 *   program                            an ELF or PE image, well formed, with code-like bytes
 *   archive                            zip, gzip or tar with members of the kinds above
 *   pdf                                a document with a few objects
 *   file:PATH                          one file, or each regular file below a folder, as it is,
 *                                      whatever the sizes say
 *   web                                the mix of a page load as the HTTP Archive reports it
 * Sizes: "10k", "lognormal:MEDIAN,SIGMA[,MAX]", "trace:FILE" (a size a line, with an optional kind
 * and an optional count behind tabs), "web" (by kind, as the HTTP Archive reports them), or "own"
 * (files as they are).
 */
#include "base/slice.h"

#include <stdbool.h>

struct load_corpus_spec {
    const char *mix;       /* "text" when NULL. */
    const char *sizes;     /* "1k" when NULL. */
    size_t count;          /* Distinct bodies; more when files say so. */
    double infected_share; /* Bodies that carry `marker`; which ones is part of the seed. */
    const char *marker;    /* Bytes that the server finds; NULL: the EICAR test file's. */
    size_t budget;         /* 0: 512 MiB. */
    uint64_t seed;
};

struct load_item {
    struct slice body;
    const char *type; /* Content-Type. */
    const char *name; /* A file name with the right extension; of files their own. */
    const char *kind; /* Of the mix; "text" and so on. */
    bool infected;
    const char *path; /* Absolute, of a body that is a file as it is; NULL of others. */
};

struct load_corpus {
    size_t items_len;
    struct load_item *items; /* In the order of sending. */
    uint64_t bytes;          /* Of all bodies. */
};

/* False with the reason in `why`; `corpus` is empty then. */
bool load_corpus_build(struct load_corpus *corpus, const struct load_corpus_spec *spec, char *why,
                       size_t why_cap);
void load_corpus_free(struct load_corpus *corpus);

/* Writes each body to a file below `folder` (created), a few hundred in each sub-folder, and calls
 * `take` with the path of each. False with the reason in `why`. */
typedef void (*load_corpus_path_fn)(void *owner, size_t index, const char *path);
bool load_corpus_write(const struct load_corpus *corpus, const char *folder,
                       load_corpus_path_fn take, void *owner, char *why, size_t why_cap);
