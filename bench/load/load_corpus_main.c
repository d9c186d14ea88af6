/* SPDX-License-Identifier: MIT */
#include "bench/load/load_corpus_main.h"

#include "base/text.h"
#include "bench/load/load_corpus.h"
#include "bench/load/load_sizes.h"

#include <getopt.h>
#include <stdio.h>

static const char load_corpus_usage[] =
    "usage: baleen-bench corpus [options] FOLDER\n"
    "Writes the bodies of a run to files below FOLDER, 256 in each sub-folder.\n"
    "  --mix MIX          kinds with weights, as html:5,image:4 (text): text, html, css, script,\n"
    "                     json, image, font, random, program, archive, pdf, web, file:PATH\n"
    "  --sizes SIZES      N[k|m|g], lognormal:MEDIAN,SIGMA[,MAX], trace:FILE, web or own (1k)\n"
    "  --count N          bodies (100)\n"
    "  --infected SHARE   share of bodies that carry the marker, from 0 to 1 (0)\n"
    "  --marker TEXT      what a scanner finds (the EICAR test file)\n"
    "  --budget N[k|m|g]  bytes of all bodies at most (512m)\n"
    "  --seed N           another seed, other bodies (1)\n"
    "  --list             a line of JSON for each file: path, size, kind, type, infected\n"
    "Exit codes: 0 written, 2 refused.\n";

static const struct option load_corpus_options[] = {
    {"mix", required_argument, NULL, 'm'},    {"sizes", required_argument, NULL, 's'},
    {"count", required_argument, NULL, 'c'},  {"infected", required_argument, NULL, 'i'},
    {"marker", required_argument, NULL, 'k'}, {"budget", required_argument, NULL, 'b'},
    {"seed", required_argument, NULL, 'r'},   {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

struct load_corpus_command {
    struct load_corpus_spec spec;
    struct load_corpus corpus;
    bool list;
    bool help;
};

static bool load_corpus_wrong(const char *name, const char *text, const char *what)
{
    fprintf(stderr, "corpus: --%s: '%s' is not %s\n", name, text, what);
    return false;
}

static bool load_corpus_take(struct load_corpus_command *command, int opt, const char *text)
{
    struct load_corpus_spec *spec = &command->spec;
    uint64_t value = 0;

    switch (opt) {
    case 'm':
        spec->mix = text;
        return true;
    case 's':
        spec->sizes = text;
        return true;
    case 'k':
        spec->marker = text;
        return true;
    case 'l':
        command->list = true;
        return true;
    case 'c':
        if (!load_parse_bytes(slice_from_str(text), 1000000, &value) || value == 0) {
            return load_corpus_wrong("count", text, "a number from 1 to 1000000");
        }
        spec->count = value;
        return true;
    case 'b':
        if (!load_parse_bytes(slice_from_str(text), GIB(64), &value) || value == 0) {
            return load_corpus_wrong("budget", text, "a number of bytes from 1 to 64g");
        }
        spec->budget = value;
        return true;
    case 'r':
        return slice_parse_u64(slice_from_str(text), &spec->seed) ||
               load_corpus_wrong("seed", text, "a number");
    case 'i':
        if (!load_parse_thousandths(slice_from_str(text), 1000, &value)) {
            return load_corpus_wrong("infected", text, "a share from 0 to 1 in thousandths");
        }
        spec->infected_share = (double)value / 1000;
        return true;
    default:
        command->help = opt == 'h';
        fputs(load_corpus_usage, opt == 'h' ? stdout : stderr);
        return false;
    }
}

static void load_corpus_list(void *owner, size_t index, const char *path)
{
    const struct load_corpus_command *command = owner;
    const struct load_item *item = &command->corpus.items[index];
    char block[KIB(16)];
    struct text line = text_over(block, sizeof(block));

    if (!command->list) {
        return;
    }
    TEXT_PUT(&line, "{\"path\":\"");
    text_put_json(&line, slice_from_str(path));
    text_printf(&line, "\",\"size\":%zu,\"kind\":\"%s\",\"type\":\"%s\",\"infected\":%s}\n",
                item->body.len, item->kind, item->type, item->infected ? "true" : "false");
    fwrite(line.ptr, 1, line.len, stdout);
}

static void load_corpus_sum_up(const struct load_corpus_command *command)
{
    size_t infected = 0;

    for (size_t i = 0; i < command->corpus.items_len; i++) {
        infected += command->corpus.items[i].infected;
    }
    fprintf(stderr, "%zu files, %llu bytes, %zu infected\n", command->corpus.items_len,
            (unsigned long long)command->corpus.bytes, infected);
}

int load_corpus_main(int argc, char **argv)
{
    struct load_corpus_command command = {.spec = {.count = 100, .seed = 1}};
    char why[512] = "";
    int opt = 0;

    optind = 1;
    while ((opt = getopt_long(argc, argv, "h", load_corpus_options, NULL)) != -1) {
        if (!load_corpus_take(&command, opt, optarg)) {
            return command.help ? 0 : 2;
        }
    }
    if (optind + 1 != argc) {
        fputs(load_corpus_usage, stderr);
        return 2;
    }
    if (!load_corpus_build(&command.corpus, &command.spec, why, sizeof(why))) {
        fprintf(stderr, "corpus: %s\n", why);
        return 2;
    }
    const bool ok = load_corpus_write(&command.corpus, argv[optind], load_corpus_list, &command,
                                      why, sizeof(why));

    if (ok) {
        load_corpus_sum_up(&command);
    } else {
        fprintf(stderr, "corpus: %s\n", why);
    }
    load_corpus_free(&command.corpus);
    return ok ? 0 : 2;
}
