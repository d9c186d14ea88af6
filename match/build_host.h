#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_host - what a compiled image depends on beside the signatures.
 *
 * Role: one line that names the libraries' versions, the class of processor and the layout, for the
 * keys of caches. Hosts with the same line may share compiled images. Runs in: the compiler.
 */
#include "base/macro.h"

#define BUILD_HOST_CAP 128

void build_host_write(char out[BUILD_HOST_CAP]);
