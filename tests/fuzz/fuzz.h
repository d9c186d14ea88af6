#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * fuzz - what every fuzz target defines and every driver calls.
 *
 * Role: the one declaration that libFuzzer's main and the replay main share. A target returns 0 and
 * ends the process by ASSERT when the code under test breaks a promise.
 */
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
