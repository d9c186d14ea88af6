#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * stop - Ctrl-C and its like, as a flag that loops look at.
 *
 * Role: a run that is interrupted still stops its engine and removes its folder. A second signal
 * ends the program at once; the engine then ends with it.
 */
#include <stdbool.h>

void stop_install(void);
bool stop_is_asked(void);
