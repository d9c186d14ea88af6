#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_plan - the requests, written once before the run.
 *
 * Role: builds for each body of the corpus the bytes to send and keeps what an answer is compared
 * with. Neighbouring bodies differ soon after their start, and requests that are on the way at the
 * same time are different ones: an answer that went to the wrong request is seen as wrong bytes.
 * Shared by all threads, which only read it. Memory: the corpus and as much again for the bytes to
 * send, until load_plan_free.
 */
#include "bench/load/load_spec.h"

struct load_request {
    uint8_t *bytes;     /* What is sent; `first`, `rest` and `head` lie in it. */
    struct slice first; /* Up to the end of the preview; everything without one. */
    struct slice rest;  /* What 100 Continue asks for; empty when `first` is everything. */
    struct slice head;  /* The HTTP head that an echo gives back. */
    struct slice body;  /* What an echo gives back; empty when the method carries none. */
    size_t body_len;    /* What the server has to look at, also by path. */
    size_t preview_len; /* Bytes of the body in `first`. */
    bool preview;       /* 100 Continue is a right answer. */
    bool infected;      /* Only a finding is a right answer. */
};

struct load_plan {
    size_t len;
    struct load_request *requests;
    struct load_corpus corpus;
};

/* False with the reason in `why`; `plan` is empty then. */
bool load_plan_build(struct load_plan *plan, const struct load_spec *spec, char *why,
                     size_t why_cap);
void load_plan_free(struct load_plan *plan);
