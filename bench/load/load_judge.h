#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_judge - is a head right.
 *
 * Role: the half of load_reply that knows what answers mean: the ICAP head with its status, ISTag
 * and Encapsulated, and the HTTP heads of an answer that gives the message back. Runs in: the
 * generator's threads. Memory: none.
 */
#include "bench/load/load_reply.h"

/* No head, and no heads of HTTP together, may be longer. */
#define LOAD_HEADS_MAX KIB(64)

/* Reads a whole ICAP head with its blank line and sets in `reply` what is to follow. */
enum load_error load_judge_head(struct load_reply *reply, struct load_peer *peer, struct slice all);

/* Compares the HTTP heads of an answer with what was sent. */
enum load_error load_judge_http(struct load_reply *reply, struct slice got);

/* The last chunk is here: is the body that it makes the right one. */
enum load_error load_judge_end(const struct load_reply *reply);
