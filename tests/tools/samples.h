#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * samples - bodies that the shipped definition set has to find, and near misses that it must not.
 *
 * Role: one table for the unit test, for the comparison with clamscan, and for whoever wants bodies
 * to try. Nothing in it is malicious. Memory: the body is malloc'ed.
 */
#include "base/slice.h"

struct sample {
    const char *label; /* Unique; good as a file name. */
    const char *found; /* Name of the finding, NULL when clean. */
    uint8_t *bytes;
    size_t len;
};

size_t samples_len(void);

/* Makes sample `i`; aborts when there is no memory. */
struct sample samples_make(size_t i);
void samples_free(struct sample *sample);
