/* SPDX-License-Identifier: MIT */
/*
 * The text of a file of YARA rules: whatever it is, it is read to the end, and what comes out are
 * well-formed needs. libyara itself is left out.
 */
#include "defs/source_yara_condition.h"
#include "defs/source_yara_string.h"
#include "tests/fuzz/fuzz.h"

static uint8_t block[YARA_PARTS_ARENA];

static void check_parts(const struct yara_parts *parts)
{
    ASSERT(parts->needs_len >= 1 && parts->needs_len <= YARA_NEEDS_MAX);
    ASSERT(parts->parts_len <= YARA_PARTS_MAX);
    for (size_t i = 0; i < parts->needs_len; i++) {
        const struct match_need *need = &parts->needs[i];

        ASSERT(need->len == 0 || (need->need >= 1 && need->need <= need->len));
        ASSERT(need->len == 0 || (need->first > i && need->part == UINT32_MAX));
        ASSERT(need->len <= parts->needs_len && need->first <= parts->needs_len - need->len);
        ASSERT(need->part == UINT32_MAX || need->part < parts->parts_len);
    }
    for (size_t i = 0; i < parts->parts_len; i++) {
        ASSERT(parts->parts[i].len >= 4);
    }
}

static void check_rule(struct yara_file *file, uint32_t index)
{
    struct yara_rule *rule = yara_file_rule(file, index);
    struct yara_parts parts;
    struct arena arena;

    ASSERT(rule->token_first < rule->token_end && rule->token_end < file->tokens.len);
    ASSERT(rule->text.len <= file->text.len);
    if (rule->state != YARA_RULE_READ) {
        return;
    }
    rule->need = yara_condition_read(file, index);
    if (rule->need.node == YARA_NODE_NEVER) {
        return;
    }
    arena_init(&arena, block, sizeof(block));
    for (unsigned detail = YARA_DETAIL_FULL; detail <= YARA_DETAIL_LITERAL; detail++) {
        yara_parts_write(&parts, &arena, file, rule->need.node, (enum yara_detail)detail);
        check_parts(&parts);
    }
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct yara_file file;

    ASSERT(yara_file_read(&file, slice_from(data, len)) == 0);
    for (uint32_t i = 0; i < file.rules.len; i++) {
        check_rule(&file, i);
    }
    yara_file_free(&file);
    return 0;
}
