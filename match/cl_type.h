#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * cl_type - ClamAV's names of file types, as signatures use them (Container, Intermediates, .ftm,
 * .cdb).
 */
#include "base/slice.h"

/* A number for each name; 0 is none, CL_TYPE_ANY stands for any type. */
enum cl_type {
    CL_TYPE_NONE,
    CL_TYPE_ANY,
    CL_TYPE_FIRST, /* The names of the table follow. */
};

/* CL_TYPE_NONE when the name is not known. `name` with its prefix: "CL_TYPE_ZIP". */
uint16_t cl_type_find(struct slice name);

/* NULL when there is no such type. */
const char *cl_type_name(uint16_t type);
