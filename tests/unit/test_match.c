/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

Test(match, finds_a_plain_signature_and_says_which)
{
    struct match_builder *builder = kit_builder();

    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    struct kit_set set = kit_open(builder, 4);
    struct match_finding finding;

    cr_assert_eq(kit_scan_by(set.db, SLICE_OF("xx PlainMarker yy"), 0, &finding), MATCH_FOUND);
    cr_assert_str_eq(finding.name, "Test.Plain");
    cr_assert_eq(finding.kind, MATCH_VIRUS);
    cr_assert_str_eq(finding.category, "");
    cr_assert_eq(kit_scan(set.db, SLICE_OF("xx PlainMarkex yy")), MATCH_CLEAN);
    cr_assert_eq(kit_scan(set.db, SLICE_OF("")), MATCH_CLEAN);
    kit_close(&set);
}
