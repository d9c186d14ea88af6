#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_hs - the only place that calls Hyperscan.
 *
 * Private to scan.c and scan_build.c. Role: literals into a database, a database into place,
 * streams in memory that the caller gives. Databases are made for AVX2 and below, so that hosts can
 * share an image; measurements show no gain from more at these sizes. Strings are given as `\xNN`
 * through the ordinary compile call: the pure-literal one has defects in this version of the
 * library.
 */
#include "match/scan_build.h"

struct hs_stream;

#define SCAN_HS_PLATFORM_CAP 96

/* What a cached database depends on beside its strings: library, version, CPU features. */
void scan_hs_platform(char out[SCAN_HS_PLATFORM_CAP]);

/*
 * Compiles strings; a hit is told with the string's index. `*out_bytes` is malloc'ed, in the form
 * that can be stored. -EINVAL with `error` filled, -ENOMEM.
 */
MUST_CHECK int scan_hs_compile(const struct scan_string *strings, size_t len,
                               struct slice *out_bytes, char error[SCAN_ERROR_CAP]);

/* What the stored form takes in memory. -EBADMSG when it is not one of this library's. */
MUST_CHECK int scan_hs_size(struct slice stored, size_t *out_len);

/* Unfolds it at an address divisible by SCAN_ALIGN. */
MUST_CHECK int scan_hs_unfold(struct slice stored, void *place);

/* Looks at the head of the database at the beginning of `part`, and says what a stream takes. */
MUST_CHECK int scan_hs_adopt(struct slice part, size_t *out_stream_bytes);

/* Makes the scratch, or lets it grow; the library compares the database's checksum meanwhile. */
MUST_CHECK int scan_hs_fit_scratch(const struct hs_database *database, struct hs_scratch **scratch);
void scan_hs_free_scratch(struct hs_scratch *scratch);

/*
 * A scratch as bytes, from which another process with this library makes one of its own without
 * looking at a database; empty when there is none, or with a version of the library whose cloning
 * was not looked into: what 5.4 reads of its model are sizes in its first 512 bytes, no pointer.
 */
struct slice scan_hs_scratch_bytes(const struct hs_scratch *scratch);

/* `bytes` lie at an address divisible by SCAN_ALIGN. */
MUST_CHECK int scan_hs_copy_scratch(struct slice bytes, struct hs_scratch **out_scratch);

/* A stream in the caller's memory. */
struct hs_stream *scan_hs_open(const struct hs_database *database, void *memory, size_t cap);
void scan_hs_close(struct hs_stream *stream);

/* Not more than 2^31 bytes at once. False when the callback ended the scan. */
bool scan_hs_feed(struct hs_stream *stream, struct hs_scratch *scratch, struct slice bytes,
                  scan_hit_fn hit, void *ctx);
