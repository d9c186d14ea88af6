/* SPDX-License-Identifier: MIT */
/*
 * source_ignore - lines of .ign and .ign2 files: Name, Name:MD5, or Database:Line:Name.
 *
 * The MD5 is that of the signature's whole line without its line end. Of the old form with three
 * fields only the name counts, as in clamscan: databases change, and line numbers with them.
 */
#include "base/assert.h"
#include "base/err.h"
#include "defs/ignore.h"
#include "defs/source_field.h"

int source_take_ignore(const struct source *source, struct slice line,
                       char reason[SOURCE_REASON_CAP])
{
    uint8_t digest[IGNORE_DIGEST_LEN];
    struct slice fields[3];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    int r;

    ASSERT(source->ignore != NULL);
    if (len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected Name, Name:MD5 or Database:Line:Name");
    }

    const struct slice name = fields[len == 3 ? 2 : 0];

    if (!source_check_word(name, SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }
    if (len != 2) {
        r = ignore_add_name(source->ignore, name);
    } else if (slice_parse_hex(fields[1], digest, sizeof(digest))) {
        r = ignore_add_line(source->ignore, name, digest);
    } else {
        return source_refuse(reason, "what stands behind the name is no MD5");
    }
    return r < 0 ? ERR_PASS(r) : SOURCE_USED;
}
