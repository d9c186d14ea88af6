#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * respond - from a verdict to the bytes of an answer.
 *
 * Role: the policy table of the contract (sections 2, 4 and 5): verdict, method, profile and what
 * the client allows in; status, headers and encapsulated message out. Every function here composes
 * into the transaction's answer and starts it; none reads. Encapsulated is the last header wherever
 * it stands; a 100 is bare; nothing follows a 204.
 */
#include "base/slice.h"
#include "engine/reason.h"

struct txn;

/* The bare 100 Continue. */
void respond_continue(struct txn *txn);

/* OPTIONS of the routed service. */
void respond_options(struct txn *txn);

/* A refusal with the status of reason `id`. */
void respond_refuse(struct txn *txn, enum reason_id id);

/* The verdict of a REQMOD or RESPMOD request as txn->verdict and txn->finding say. */
void respond_verdict(struct txn *txn);

/* The same for FILEMOD. */
void respond_file_verdict(struct txn *txn);

/* 200 with the encapsulated head, before the verdict; the body stays back until respond_early_rest.
 */
void respond_early_head(struct txn *txn);
void respond_early_rest(struct txn *txn);

/* The name of what was scanned (RFC 6266 name, last path segment), at most `cap` bytes in `room`.
 */
struct slice respond_file_name(struct txn *txn, char *room, size_t cap);

/* True when the answer to a clean request may be 204. */
bool respond_may_204(const struct txn *txn);
