#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_condition - what a rule's condition asks of a body.
 *
 * Role: reads a condition as YARA's grammar has it and keeps what can be said in strings, first
 * bytes and size. Negations, arithmetic and modules say nothing, but for what makes them defined:
 * a comparison with something undefined is never true, so `pe.` asks for an MZ header and `@a` for
 * the string. Private to the source_yara*.c files. Limits: YARA_CONDITION_DEPTH_MAX.
 */
#include "defs/source_yara_need.h"

#define YARA_CONDITION_DEPTH_MAX 100

/* The need of rule `index`; those before it are known. Says nothing where it does not understand.
 */
struct yara_need yara_condition_read(struct yara_file *file, uint32_t index);
