#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_args - what the caller of icap_load asked for.
 *
 * Role: reads the command line into one struct; errors end the process with one line and exit
 * code 2.
 */
#include "base/macro.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#define LOAD_PIDS_MAX   256
#define LOAD_NO_PREVIEW (-1)

enum load_method {
    LOAD_OPTIONS,
    LOAD_RESPMOD,
    LOAD_REQMOD,
    LOAD_BARE
};
enum load_body {
    LOAD_BODY_TEXT,
    LOAD_BODY_RANDOM,
    LOAD_BODY_HTML,
    LOAD_BODY_FILE
};

/* Answers that are right, as a set of bits. */
#define LOAD_EXPECT_200   1U /* OPTIONS answered, or the message given back as it went. */
#define LOAD_EXPECT_204   2U
#define LOAD_EXPECT_FOUND 4U /* 200, 201 or 403 that names a finding. */

struct load_args {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char host[80];       /* As it stands in Host and in the URI. */
    const char *service; /* With its leading slash. */
    enum load_method method;
    enum load_body body;
    const char *body_path;
    size_t body_size;
    size_t chunk_size;
    int64_t preview; /* LOAD_NO_PREVIEW or bytes. */
    bool allow_204;
    bool close;
    bool json;
    unsigned expect;
    unsigned connections;
    unsigned variants;
    double duration_sec; /* No end when the number of requests is given alone. */
    double warmup_sec;
    double timeout_sec;
    uint64_t requests; /* 0: as many as the duration allows. */
    int cpu;           /* -1: wherever the caller put us. */
    size_t pids_len;
    pid_t pids[LOAD_PIDS_MAX];
};

void load_args_parse(struct load_args *args, int argc, char **argv);

const char *load_method_name(enum load_method method);
