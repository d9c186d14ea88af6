#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * layout_logic - checks the sections of signatures with logic.
 *
 * Role: part of layout_open. They are laid out in one order: for each logic its parts, its nodes
 * (the expression's tree, then the triggers of its regexes, each breadth first), its comparisons
 * and its regexes, each section without a hole. So one walk checks them all, trees are trees, and
 * no walk over a tree is deeper than LAYOUT_DEPTH_MAX. A regex's trigger names earlier parts, a
 * comparison a body, so evaluating them ends.
 */
#include "match/layout.h"

/* The programs are checked already. */
bool layout_logic_check(const struct layout *layout);

/* Is it an enum program_offset, and the offset in its range. */
bool layout_logic_check_offset(unsigned kind, uint64_t offset);
