/* SPDX-License-Identifier: MIT */
#include "defs/ignore.h"

#include "base/err.h"

#include <openssl/evp.h>

/* What is known of a name. */
#define IGNORE_WHOLE 1 /* All signatures of it. */
#define IGNORE_LINES 2 /* Some: `lines` has the name's index and the digest of each. */

#define IGNORE_KEY_LEN (sizeof(uint32_t) + IGNORE_DIGEST_LEN)

void ignore_init(struct ignore *ignore)
{
    intern_init(&ignore->names);
    intern_init(&ignore->lines);
    ignore->flags = VEC_OF(uint8_t);
}

void ignore_free(struct ignore *ignore)
{
    intern_free(&ignore->names);
    intern_free(&ignore->lines);
    vec_free(&ignore->flags);
}

static int ignore_add(struct ignore *ignore, struct slice name, uint8_t flag, uint32_t *out_index)
{
    const int r = intern_add(&ignore->names, name, out_index);

    if (r < 0) {
        return ERR_PASS(r);
    }
    if (*out_index == ignore->flags.len && vec_extend(&ignore->flags, 1) == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    *(uint8_t *)vec_at(&ignore->flags, *out_index) |= flag;
    return 0;
}

int ignore_add_name(struct ignore *ignore, struct slice name)
{
    uint32_t index;

    return ERR_PASS(ignore_add(ignore, name, IGNORE_WHOLE, &index));
}

static void ignore_make_key(uint8_t key[IGNORE_KEY_LEN], uint32_t index,
                            const uint8_t digest[IGNORE_DIGEST_LEN])
{
    memcpy(key, &index, sizeof(index));
    memcpy(key + sizeof(index), digest, IGNORE_DIGEST_LEN);
}

int ignore_add_line(struct ignore *ignore, struct slice name,
                    const uint8_t digest[IGNORE_DIGEST_LEN])
{
    uint8_t key[IGNORE_KEY_LEN];
    uint32_t index;
    const int r = ignore_add(ignore, name, IGNORE_LINES, &index);

    if (r < 0) {
        return ERR_PASS(r);
    }
    ignore_make_key(key, index, digest);
    return ERR_PASS(intern_add(&ignore->lines, slice_from(key, sizeof(key)), &index));
}

/* 0 when the name is on no list. */
static uint8_t ignore_flags_of(const struct ignore *ignore, struct slice name, uint32_t *out_index)
{
    if (!intern_find(&ignore->names, name, out_index)) {
        return 0;
    }
    return *(const uint8_t *)vec_at(&ignore->flags, *out_index);
}

bool ignore_has_name(const struct ignore *ignore, struct slice name)
{
    uint32_t index;

    return (ignore_flags_of(ignore, name, &index) & IGNORE_WHOLE) != 0;
}

bool ignore_has_line(const struct ignore *ignore, struct slice name, struct slice line)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint8_t key[IGNORE_KEY_LEN];
    uint32_t index;
    const uint8_t flags = ignore_flags_of(ignore, name, &index);

    if (flags == 0 || (flags & IGNORE_WHOLE) != 0) {
        return flags != 0;
    }
    if (EVP_Digest(line.ptr, line.len, digest, NULL, EVP_md5(), NULL) != 1) {
        return false;
    }
    ignore_make_key(key, index, digest);
    return intern_find(&ignore->lines, slice_from(key, sizeof(key)), &index);
}
