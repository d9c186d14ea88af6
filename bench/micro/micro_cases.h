#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * micro_cases - all cases, by the file that has them.
 *
 * A new one is declared here and listed in bench_micro.c; its count goes into counts.tsv with
 * `bench/micro/counts.py --write`.
 */
#include "bench/micro/micro.h"

/* micro_head.c */
extern const struct micro_case micro_icap_head;
extern const struct micro_case micro_http_request;
extern const struct micro_case micro_http_response;

/* micro_chunk.c */
extern const struct micro_case micro_chunk_decode;
extern const struct micro_case micro_chunk_small;
extern const struct micro_case micro_chunk_encode;

/* micro_match.c */
extern const struct micro_case micro_match_text;
extern const struct micro_case micro_match_page;
extern const struct micro_case micro_match_program;
extern const struct micro_case micro_match_packed;
extern const struct micro_case micro_match_image;
extern const struct micro_case micro_match_short;

/* micro_scan.c */
extern const struct micro_case micro_scan_grams;

/* micro_verify.c */
extern const struct micro_case micro_verify_around;
extern const struct micro_case micro_verify_search;

/* micro_hash.c */
extern const struct micro_case micro_hash_size;
extern const struct micro_case micro_hash_there;
extern const struct micro_case micro_hash_missing;

/* micro_md5.c */
extern const struct micro_case micro_md5_lanes;

/* micro_image.c */
extern const struct micro_case micro_image_open;
extern const struct micro_case micro_image_adopt;

/* micro_histogram.c */
extern const struct micro_case micro_histogram_add;
