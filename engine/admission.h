#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * admission - which requests begin now.
 *
 * Role: counts requests begun and not answered against the queue threshold of the whole engine, and
 * connections against icap.max_connections. Over it the guide profile is refused with 506, as long
 * as refusing does not take the time of those who are admitted; after that it waits in line, with a
 * deadline, and is refused then. The standard profile always waits in line, and then gets the
 * overload policy's answer, because clients such as Squid take every 5xx for a failure of the
 * service. Contract sections 2 and 3.
 */
#include "base/macro.h"

#include <stdbool.h>

struct shard;
struct txn;

enum admission_result {
    ADMISSION_OK,
    ADMISSION_REFUSE_QUEUE,
    ADMISSION_REFUSE_CONNS,
    ADMISSION_WAIT
};

/* Decides for a request whose head is complete. On OK the request counts until admission_leave. */
enum admission_result admission_enter(struct txn *txn);

/*
 * Begins the request a little later, when its turn has come, instead of at once? So it is where
 * more clients are connected than requests may run: only when those that have arrived are looked at
 * before any of them is worked on can the threshold see how many there are. Otherwise they would
 * pile up unseen in the kernel, and all of them would be answered, late.
 */
bool admission_defers(const struct txn *txn);

/* The answer is composed, or the request is gone. No-op when it never counted. */
void admission_leave(struct txn *txn);

/* Over the threshold or the connection limit? For OPTIONS, which never counts. */
enum admission_result admission_probe(const struct txn *txn);

/* The deadline of a waiting request has passed: the overload policy answers. */
void admission_expire(struct txn *txn);

/* Lets waiting requests begin while there is room; called once a turn. */
void admission_run(struct shard *shard);
