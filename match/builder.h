#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * builder - what build.c collects and build_image.c writes out.
 *
 * Private to these two files. Indices of the vectors are those of the image.
 */
#include "match/build.h"
#include "match/intern.h"
#include "match/layout.h"
#include "match/vec.h"

#define BUILDER_ERROR_CAP 256

struct builder_threat {
    uint32_t category; /* Indices of `texts`. */
    uint32_t repair;
    uint32_t id;
};

/* One trigger string stands for one signature. */
struct builder_use {
    uint32_t trigger;
    uint32_t signature;
};

struct builder_direct {
    uint32_t target;
    struct layout_direct direct;
};

struct builder_hash {
    uint64_t size;
    uint32_t kind; /* enum layout_hash */
    struct layout_digest digest;
};

struct match_builder {
    struct intern names;    /* The index is the threat's. */
    struct intern texts;    /* Categories and repair actions. */
    struct intern triggers; /* The index is the Hyperscan identifier. */
    struct intern sets;     /* struct program_set */
    struct vec threats;     /* struct builder_threat */
    struct vec signatures;
    struct vec clusters;
    struct vec ops;
    struct vec branches;
    struct vec bytes;
    struct vec uses;    /* struct builder_use */
    struct vec directs; /* struct builder_direct */
    struct vec hashes;  /* struct builder_hash */
    char error[BUILDER_ERROR_CAP];
};
