#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * normal_entity - names of characters in HTML, as far as ClamAV knows them.
 *
 * Role: one table, most of HTML 4 and of the ISO sets; case counts.
 */
#include <stdint.h>

#define NORMAL_ENTITY_MAX 8 /* Letters of the longest name. */

/* `word` holds the name's bytes, the last one lowest, zeros above. Zero when there is no such name.
 */
uint16_t normal_entity_find(uint64_t word);
