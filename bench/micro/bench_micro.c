/* SPDX-License-Identifier: MIT */
/*
 * bench_micro - what single operations of the engine take.
 *
 * bench_micro [NAME...]            against the clock: the median of 9 passes, the least and the
 * most bench_micro --once N [NAME...]   N rounds of each, for a tool that counts instructions
 * bench_micro --list               the names of the cases
 * bench_micro --build              what it was built by and how: counts compare within that only
 */
#include "base/slice.h"
#include "bench/micro/micro_cases.h"

#include <stdio.h>
#include <stdlib.h>

static const struct micro_case *const micro_cases[] = {
    &micro_icap_head,     &micro_http_request,  &micro_http_response, &micro_chunk_decode,
    &micro_chunk_small,   &micro_chunk_encode,  &micro_match_text,    &micro_match_page,
    &micro_match_program, &micro_match_packed,  &micro_match_image,   &micro_match_short,
    &micro_scan_grams,    &micro_verify_around, &micro_verify_search, &micro_hash_size,
    &micro_hash_there,    &micro_hash_missing,  &micro_md5_lanes,     &micro_image_open,
    &micro_image_adopt,   &micro_histogram_add,
};

static int micro_usage(void)
{
    fputs("usage: bench_micro [--once ROUNDS] [NAME...] | --list | --build\n", stderr);
    return 2;
}

static const struct micro_case *micro_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(micro_cases); i++) {
        if (strcmp(micro_cases[i]->name, name) == 0) {
            return micro_cases[i];
        }
    }
    return NULL;
}

static int micro_list(void)
{
    for (size_t i = 0; i < ARRAY_LEN(micro_cases); i++) {
        puts(micro_cases[i]->name);
    }
    return 0;
}

static void micro_run(const struct micro_case *subject, unsigned rounds)
{
    if (rounds > 0) {
        micro_run_counted(subject, rounds);
    } else {
        micro_run_timed(subject);
    }
}

/* All cases, or those of the names. */
static int micro_run_all(char **names, unsigned rounds)
{
    for (size_t i = 0; names[i]; i++) {
        if (!micro_find(names[i])) {
            fprintf(stderr, "bench_micro: there is no case '%s'\n", names[i]);
            return 2;
        }
    }
    if (rounds == 0) {
        micro_print_head();
    }
    for (size_t i = 0; names[i]; i++) {
        micro_run(micro_find(names[i]), rounds);
    }
    for (size_t i = 0; !names[0] && i < ARRAY_LEN(micro_cases); i++) {
        micro_run(micro_cases[i], rounds);
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t rounds = 0;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return micro_list();
    }
    if (argc == 2 && strcmp(argv[1], "--build") == 0) {
        puts(MICRO_BUILD);
        return 0;
    }
    if (argc >= 3 && strcmp(argv[1], "--once") == 0) {
        if (!slice_parse_u64(slice_from_str(argv[2]), &rounds) || rounds == 0 || rounds > 1000000) {
            return micro_usage();
        }
        return micro_run_all(argv + 3, (unsigned)rounds);
    }
    if (argc >= 2 && argv[1][0] == '-') {
        return micro_usage();
    }
    return micro_run_all(argv + 1, 0);
}
