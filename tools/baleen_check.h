#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_check - what `baleen defs check` says of a set.
 *
 * Role: prints counts and the survey for people, or adds them to an object of JSON. Lists for
 * people end after CHECK_LIST_MAX rows, those of JSON do not.
 */
#include "defs/survey.h"

#include <jansson.h>

#define CHECK_LIST_MAX 20

/* Lines by format. */
void baleen_check_print_kinds(const struct defs_counts *counts);

/* Slow lines, repeated ones, and how signatures will be looked for. */
void baleen_check_print_survey(const struct survey *survey);

/* Keys "formats" and, when there is a survey, "slow", "repeated", "same_name", "triggers". */
void baleen_check_put_kinds(json_t *object, const struct defs_counts *counts);
void baleen_check_put_survey(json_t *object, const struct survey *survey);

/* Paths need not be UTF-8, JSON has to be. */
json_t *baleen_check_text(const char *text);
