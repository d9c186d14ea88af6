/* SPDX-License-Identifier: MIT */
#include "engine/generation_make.h"

#include "base/assert.h"
#include "base/text.h"
#include "engine/license.h"
#include "engine/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Reads the template; the digest of the ISTag takes it in, because it changes responses. */
static bool generation_read_page(const char *path, char *out, size_t cap, uint32_t *out_len,
                                 char error[DEFS_ERROR_CAP])
{
    if (path[0] == '\0') {
        const struct slice page = page_builtin();

        ASSERT(page.len <= cap);
        memcpy(out, page.ptr, page.len);
        *out_len = (uint32_t)page.len;
        return true;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, cap) : -1;

    if (n < 0) {
        snprintf(error, DEFS_ERROR_CAP, "icap.replacement_file: %s: %s", path, strerror(errno));
    } else if ((size_t)n == cap) {
        snprintf(error, DEFS_ERROR_CAP, "icap.replacement_file: %s is larger than %zu bytes", path,
                 cap - 1);
    }
    if (fd >= 0) {
        close(fd);
    }
    *out_len = n > 0 ? (uint32_t)n : 0;
    return n >= 0 && (size_t)n < cap;
}

void generation_make_istag(const struct config *config, const uint8_t digest[DEFS_DIGEST_LEN],
                           char out[DEFS_ISTAG_CAP])
{
    char error[DEFS_ERROR_CAP];
    const size_t cap = CONFIG_TEXT_CAP + GENERATION_PAGE_MAX;
    char *room = malloc(cap);
    uint32_t page_len = 0;

    ASSERT(room);
    struct text options = text_over(room, CONFIG_TEXT_CAP);

    config_write_verdict_keys(config, &options);
    ASSERT(!options.overflowed);
    if (generation_read_page(config->icap_replacement_file, room + options.len, GENERATION_PAGE_MAX,
                             &page_len, error)) {
        options.len += page_len;
    }
    defs_istag(digest, text_slice(&options), BALEEN_VERSION, out);
    free(room);
}

static void generation_fill(struct generation_file *file, const struct config *config,
                            const struct generation_facts *facts)
{
    memcpy(file->magic, "BLNGEN2", 8);
    file->number = facts->number;
    file->config = *config;
    file->max_connections = facts->max_connections;
    /* Above Max-Connections: a client that keeps to it never sees a 506. */
    file->queue_threshold = config->admission_queue_threshold == CONFIG_AUTO
                                ? facts->max_connections + facts->max_connections / 4 + 64
                                : config->admission_queue_threshold;
    file->license_until_sec = license_read(config);
    memcpy(file->istag, facts->istag, sizeof(file->istag));
    file->model_len = facts->model.len;
    if (facts->model.len > 0) {
        memcpy(file->model, facts->model.ptr, facts->model.len);
    }
}

int generation_make_file(const struct config *config, const struct generation_facts *facts,
                         char error[DEFS_ERROR_CAP])
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    const size_t len = sizeof(struct generation_file) + facts->model.len;
    struct generation_file *file = calloc(1, len);
    const int fd = memfd_create("baleen-generation", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = file && fd >= 0;

    if (!good) {
        snprintf(error, DEFS_ERROR_CAP, "no memory for a generation: %s", strerror(errno));
    }
    if (good) {
        generation_fill(file, config, facts);
        good = generation_read_page(config->icap_replacement_file, file->page, sizeof(file->page),
                                    &file->page_len, error);
    }
    if (good && (pwrite(fd, file, len, 0) != (ssize_t)len || fcntl(fd, F_ADD_SEALS, seals) < 0)) {
        snprintf(error, DEFS_ERROR_CAP, "a generation cannot be written: %s", strerror(errno));
        good = false;
    }
    free(file);
    if (!good && fd >= 0) {
        close(fd);
    }
    return good ? fd : -1;
}
