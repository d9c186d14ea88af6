#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_plan - the requests, written once before the run.
 *
 * Role: builds for each variant the bytes to send and keeps what an answer is compared with. Bodies
 * of different variants differ soon after their start, and neighbouring connections are at
 * different variants: an answer that went to the wrong request is seen as wrong bytes. Memory:
 * twice the body for each variant, until the end of the process.
 */
#include "base/slice.h"

struct load_args;

struct load_request {
    struct slice first; /* Up to the end of the preview; everything without one. */
    struct slice rest;  /* What 100 Continue asks for; empty when `first` is everything. */
    bool preview;       /* 100 Continue is a right answer. */
    struct slice head;  /* The HTTP head that an echo gives back. */
    struct slice body;
};

struct load_plan {
    size_t len;
    struct load_request *requests;
};

/* Ends the process with one line when a file cannot be read. */
void load_plan_build(struct load_plan *plan, const struct load_args *args);
