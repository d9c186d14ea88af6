#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_spec - what one run of the generator asks for.
 *
 * Role: the one description that the command line (load_args) and the scenarios (bench/runner) both
 * fill in, and that the run, the plan and the report read. Units: bytes, seconds, requests a
 * second. Memory: strings belong to whoever filled the struct in, and live as long as the run and
 * its result.
 */
#include "base/macro.h"
#include "bench/load/load_corpus.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#define LOAD_PIDS_MAX    256
#define LOAD_STAGES_MAX  64
#define LOAD_CPUS_MAX    64
#define LOAD_THREADS_MAX 64
#define LOAD_NO_PREVIEW  (-1)

/* Method, name on the command line and in scenarios. BARE is the protocol of bare_ring: a head in,
 * 200 bytes out. */
#define LOAD_METHODS(X)                                                                            \
    X(OPTIONS)                                                                                     \
    X(REQMOD)                                                                                      \
    X(RESPMOD)                                                                                     \
    X(FILEMOD)                                                                                     \
    X(BARE)

enum load_method {
#define X(name) LOAD_##name,
    LOAD_METHODS(X)
#undef X
};

/* When requests begin. CLOSED: each connection sends its next request when the last one is
 * answered. FIXED, POISSON: at moments that do not depend on the answers; latencies count from
 * those moments, also when no connection was free then. */
enum load_pace {
    LOAD_CLOSED,
    LOAD_FIXED,
    LOAD_POISSON
};

/* What a client does whose request was refused with 506 (or 503): nothing (an error), goes to
 * another server (the request counts as refused and is gone), or waits and asks again (its latency
 * goes on from the first try). */
enum load_refused {
    LOAD_REFUSED_ERROR,
    LOAD_REFUSED_ELSEWHERE,
    LOAD_REFUSED_WAIT
};

/* One part of an open-loop run: for so long at this rate. */
struct load_stage {
    double sec;
    double rate;
};

/* Answers that are right, as a set of bits. For bodies of the corpus that are infected FOUND is the
 * right answer whatever stands here. */
#define LOAD_EXPECT_200     1U /* OPTIONS answered, or the message given back as it went. */
#define LOAD_EXPECT_204     2U
#define LOAD_EXPECT_FOUND   4U  /* 200, 201 or 403 that names a finding. */
#define LOAD_EXPECT_206     8U  /* A front of the original body and the rest by reference. */
#define LOAD_EXPECT_CHANGED 16U /* Another front and the rest by reference. */

struct load_spec {
    /* Where. */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char host[80];       /* As it stands in Host and in the URI. */
    const char *service; /* With its leading slash. */
    bool tls;
    bool tls_verify;    /* Against the system's roots or `tls_ca`. */
    const char *tls_ca; /* NULL: the system's. */
    unsigned sources; /* Loopback addresses (127.0.0.1 and up) to connect from, for more connections
                         than one address has ports; 0: as many as are needed. */

    /* What. */
    enum load_method method;
    struct load_corpus_spec corpus;
    const char *folder; /* FILEMOD: the bodies are written below it before the run, and the caller
                           removes it; NULL: the files of the mix, by their own paths. */
    size_t chunk_size;
    int64_t preview; /* LOAD_NO_PREVIEW or bytes. */
    bool allow_204;
    bool allow_206;
    unsigned expect; /* 0: what the request allows. */

    /* How. */
    enum load_pace pace;
    size_t stages_len; /* Of an open loop; their seconds replace `duration_sec`. */
    struct load_stage stages[LOAD_STAGES_MAX];
    unsigned connections; /* In an open loop: at most so many. */
    unsigned pipeline;    /* Requests on the way on one connection; 1: the next one waits. */
    bool close;           /* A new connection for each request. */
    double think_sec;     /* Closed loop: rest between an answer and the next request, exponentially
                             distributed around this mean. */
    enum load_refused refused;
    double retry_sec;   /* LOAD_REFUSED_WAIT: the pause before the next try, give or take a half. */
    double slow_share;  /* Share of connections that send and read slowly. They run beside the
                           others, in a closed loop of their own. */
    size_t slow_rate;   /* Bytes a second of such a connection, in each direction. */
    double abort_share; /* Share of requests whose connection is cut at a random byte. */

    /* How long. */
    double duration_sec;
    double warmup_sec; /* Longer, when the connections are not all open by then. */
    double timeout_sec;
    double interval_sec; /* Of the time line; 0: none. */
    uint64_t requests;   /* 0: as many as the duration allows. */
    uint64_t seed;

    /* With what. */
    unsigned threads;
    size_t cpus_len; /* Thread i runs on cpus[i % cpus_len]; 0: wherever the caller put us. */
    int cpus[LOAD_CPUS_MAX];
    size_t pids_len; /* Processes of the server, for its CPU time and memory. */
    pid_t pids[LOAD_PIDS_MAX];
};

/* A run without surprises: RESPMOD of 1 KiB of text to /avscan, 64 connections, closed, 5 s. */
void load_spec_init(struct load_spec *spec);

const char *load_method_name(enum load_method method);

/* Does the method carry a body that an answer can give back. */
bool load_spec_has_body(const struct load_spec *spec);

/* `spec->expect`, or what the request allows. */
unsigned load_spec_expect(const struct load_spec *spec);

/* Measured seconds: those of the stages in an open loop. */
double load_spec_seconds(const struct load_spec *spec);

/* The rate that the schedule asks for at `at_sec`; 0 in a closed loop. */
double load_spec_rate(const struct load_spec *spec, double at_sec);

/* Resolves HOST:PORT, [IPv6]:PORT or icaps://HOST:PORT. False with the reason in `why`. */
bool load_spec_set_target(struct load_spec *spec, const char *target, char *why, size_t why_cap);
