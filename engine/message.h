#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * message - what supervisor and shards say to each other.
 *
 * Role: fixed-size messages over a SOCK_SEQPACKET pair, descriptors passed beside them. Neither
 * side ever blocks on the other: a send that would block fails and is counted by the caller.
 */
#include "base/macro.h"

enum message_type {
    MESSAGE_ADOPT = 1, /* To a shard: fds[0] generation file, fds[1] image. */
    MESSAGE_ADOPTED,   /* To the supervisor: `result` 0 or a negative errno. */
    MESSAGE_DROPPED,   /* To the supervisor: the last pin of `number` is gone. */
    MESSAGE_DRAIN,     /* To a shard: no new connection, finish what runs, exit. */
    MESSAGE_BLOCKED,   /* Both ways: a URL to remember (block memory). */
};

#define MESSAGE_FDS_MAX 2

struct message_blocked {
    uint8_t digest[16]; /* First half of the URL's SHA-256. */
    uint64_t generation;
    uint64_t expires_ns; /* Monotonic, same for all processes of a host. */
    uint32_t kind;
    uint32_t threat_id;
    char name[192];
    char category[64];
};

struct message {
    uint32_t type;
    int32_t result;
    uint64_t number;
    struct message_blocked blocked;
};

/* Creates the pair: [0] for the supervisor, [1] for the shard; both non-blocking and close-on-exec.
 */
MUST_CHECK int message_pair(int fds[2]);

/* Negative errno when it cannot be sent now. */
MUST_CHECK int message_send(int fd, const struct message *message, const int *fds,
                            unsigned fds_len);

/* 1: one message, with `*out_fds_len` descriptors the caller owns; 0: none waits; -EPIPE: the other
 * side is gone. */
MUST_CHECK int message_recv(int fd, struct message *out, int out_fds[MESSAGE_FDS_MAX],
                            unsigned *out_fds_len);
