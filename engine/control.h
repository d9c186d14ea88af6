#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * control - the control socket: one line of JSON in, one line of JSON out.
 *
 * Role: `baleen status`, `reload`, `drain`, `version`. Runs in the supervisor. A client that asks
 * for a reload gets its answer when the swap is done or refused. Limits: CONTROL_CLIENTS_MAX at a
 * time, CONTROL_LINE_MAX bytes a request. Access: the socket's mode, 0600.
 */
#include "base/macro.h"

#include <stdbool.h>

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_LINE_MAX    4096

struct supervisor;

struct control_client {
    int fd; /* -1: free. */
    bool waits_reload;
    unsigned len;
    char line[CONTROL_LINE_MAX];
};

struct control {
    int fd; /* -1: none. */
    char path[1024];
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* Binds the socket, making its folder if need be. False with a log line: another engine answers
 * there, or it cannot be made. */
MUST_CHECK bool control_open(struct control *control, const char *path);
void control_close(struct control *control);

void control_on_accept(struct control *control);
void control_on_client(struct control_client *client, struct supervisor *supervisor);

/* Answers everybody who waits for a reload; `error` NULL: it was done. */
void control_tell_reload(struct control *control, const struct supervisor *supervisor, bool changed,
                         const char *error);
