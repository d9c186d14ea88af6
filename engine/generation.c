/* SPDX-License-Identifier: MIT */
#include "engine/generation.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "match/match.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* 32 pages, some ten microseconds; several times that where caches are cold. */
#define GENERATION_TOUCH_BYTES KIB(128)

/* OPTIONS of these services have the attribute list as their body. */
static bool generation_lists_categories(const struct service *service)
{
    return (service->scans & (SERVICE_SCAN_URL | SERVICE_SCAN_DDR)) != 0;
}

static void generation_put_transfer(struct text *text, const struct config *config)
{
    /* Guide, Table 3-6: what to preview and what to send whole. */
    if (config->icap_preview == 0 && config->icap_scan_types == CONFIG_SCAN_ALL) {
        TEXT_PUT(text, "Transfer-Complete: *\r\n");
        return;
    }
    if (config->icap_scan_types == CONFIG_SCAN_ALL || config->icap_exclude_extensions.len == 0) {
        TEXT_PUT(text, "Transfer-Preview: *\r\n");
        return;
    }
    TEXT_PUT(text, "Transfer-Preview: ");
    for (uint32_t i = 0; i < config->icap_exclude_extensions.len; i++) {
        text_put_str(text, i > 0 ? ", " : "");
        text_put_str(text, config->icap_exclude_extensions.items[i]);
    }
    TEXT_PUT(text, "\r\nTransfer-Complete: *\r\n");
}

static void generation_put_options(const struct generation *generation,
                                   const struct service *service, struct text *text)
{
    const struct generation_file *file = generation->file;

    text_printf(text, "Methods: %s\r\n", service->methods);
    text_printf(text, "Service: Baleen/%s\r\n", BALEEN_VERSION);
    text_printf(text, "Service-ID: %s\r\n", service->id);
    text_printf(text, "ISTag: \"%s\"\r\n", file->istag);
    text_printf(text, "X-Definition-Info: %s\r\n", generation->image.meta.version);
    text_printf(text, "Max-Connections: %u\r\n", file->max_connections);
    TEXT_PUT(text, "X-Allow-Out: X-Outer-Container-Is-Mime, X-Infection-Found\r\n"
                   "X-Allow-Out: X-Definition-Info, X-AV-License\r\n"
                   "X-Allow-Out: X-Violations-Found\r\n");
    if (generation_lists_categories(service)) {
        TEXT_PUT(text, "X-Allow-Out: X-Attribute\r\n");
    }
}

static void generation_put_options_end(const struct generation *generation, struct text *text)
{
    text_printf(text, "Options-TTL: %u\r\n", generation->config->icap_options_ttl);
    text_printf(text, "Preview: %u\r\n", generation->config->icap_preview);
    generation_put_transfer(text, generation->config);
}

static void generation_put_options_last(const struct service *service, struct text *text)
{
    TEXT_PUT(text, "X-Include: X-Client-IP, X-Client-Username\r\n");
    if (generation_lists_categories(service)) {
        TEXT_PUT(text, "Opt-Body-Type: Attribute-List\r\n");
    }
}

static void generation_put_attributes(const struct service *service, struct text *text)
{
    char list[1024];
    struct text chunk = text_over(list, sizeof(list));

    text_printf(&chunk, "X-ICAP-Attribute-%s\r\n", service->id);
    for (size_t i = 0; i < service_categories_len; i++) {
        text_put_str(&chunk, service_categories[i]);
        TEXT_PUT(&chunk, "\r\n");
    }
    TEXT_PUT(&chunk, ";");
    ASSERT(!chunk.overflowed);
    text_put_hex(text, chunk.len);
    TEXT_PUT(text, "\r\n");
    text_put_slice(text, text_slice(&chunk));
    TEXT_PUT(text, "\r\n0\r\n\r\n");
}

static struct slice generation_cut(const struct text *text, size_t *from)
{
    const struct slice s = slice_from(text->ptr + *from, text->len - *from);

    *from = text->len;
    return s;
}

static void generation_write_service(struct generation *generation, enum service_id id)
{
    const struct service *service = service_get(id);
    struct generation_service *out = &generation->services[id];
    struct text text =
        text_over(generation->text + (size_t)id * GENERATION_TEXT_CAP, GENERATION_TEXT_CAP);
    size_t from = 0;

    text_printf(&text, "Service: Baleen/%s\r\nService-ID: %s\r\n", BALEEN_VERSION, service->id);
    out->ident = generation_cut(&text, &from);
    generation_put_options(generation, service, &text);
    out->options = generation_cut(&text, &from);
    generation_put_options_end(generation, &text);
    out->options_end = generation_cut(&text, &from);
    generation_put_options_last(service, &text);
    out->options_last = generation_cut(&text, &from);
    if (generation_lists_categories(service)) {
        generation_put_attributes(service, &text);
    }
    out->attributes = generation_cut(&text, &from);
    ASSERT(!text.overflowed);
}

static void generation_open_roots(struct generation *generation)
{
    const struct config *config = generation->config;

    for (uint32_t i = 0; i < config->filemod_roots.len; i++) {
        generation->root_fds[i] =
            open(config->filemod_roots.items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (generation->root_fds[i] < 0) {
            LOG_WRN("filemod.roots: %s cannot be opened (%s)", config->filemod_roots.items[i],
                    strerror(errno));
        }
    }
    if (config->filemod_quarantine_dir[0] != '\0') {
        generation->quarantine_fd =
            open(config->filemod_quarantine_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (generation->quarantine_fd < 0) {
            LOG_WRN("filemod.quarantine_dir: %s cannot be opened (%s); nothing will be deleted",
                    config->filemod_quarantine_dir, strerror(errno));
        }
    }
}

static int generation_map_file(struct generation *generation, int file_fd)
{
    struct stat st;

    if (fstat(file_fd, &st) < 0) {
        return ERR_NEW(-errno);
    }
    if (st.st_size < (off_t)sizeof(struct generation_file)) {
        return ERR_NEW(-EBADMSG);
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, file_fd, 0);

    if (map == MAP_FAILED) {
        return ERR_NEW(-errno);
    }
    generation->file = map;
    generation->file_len = (size_t)st.st_size;
    if (memcmp(generation->file->magic, "BLNGEN2", 8) != 0 ||
        generation->file->model_len != generation->file_len - sizeof(struct generation_file)) {
        return ERR_NEW(-EBADMSG);
    }
    generation->config = &generation->file->config;
    generation->number = generation->file->number;
    return 0;
}

static int generation_map_image(struct generation *generation, int image_fd)
{
    const int seals = fcntl(image_fd, F_GET_SEALS);

    generation->sealed = seals >= 0 && (seals & F_SEAL_WRITE) != 0;
    return defs_image_open(&generation->image, image_fd, false);
}

int generation_new(struct generation **out, int file_fd, int image_fd)
{
    struct generation *generation = calloc(1, sizeof(*generation));

    if (!generation) {
        return ERR_NEW(-ENOMEM);
    }
    list_init(&generation->node);
    generation->quarantine_fd = -1;
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++) {
        generation->root_fds[i] = -1;
    }
    int r = generation_map_file(generation, file_fd);

    if (r == 0) {
        r = generation_map_image(generation, image_fd);
    }
    if (r < 0) {
        generation_free(generation);
        return ERR_PASS(r);
    }
    *out = generation;
    return 0;
}

/* What the supervisor hands out was tested by the compiler and sealed; checking takes milliseconds
 * in which no request is answered. */
static int generation_open_db(struct generation *generation, uint32_t bodies_max)
{
    const struct generation_file *file = generation->file;
    const struct slice model = slice_from(file->model, file->model_len);

    if (!generation->sealed) {
        return match_db_open(&generation->db, generation->image.match, bodies_max);
    }
    return match_db_open_sealed(&generation->db, generation->image.match, model, bodies_max);
}

/*
 * Makes the next pages of the image known to this process, so that the first requests need not meet
 * them one by one; false when all are. A kernel that cannot (before 5.14) leaves it to them.
 */
static bool generation_touch(struct generation *generation)
{
    const size_t left = generation->image.len - generation->touched;
    const size_t len = MIN_OF(left, GENERATION_TOUCH_BYTES);

    if (len == 0) {
        return false;
    }
    (void)madvise((void *)(uintptr_t)(generation->image.base + generation->touched), len,
                  MADV_POPULATE_READ);
    generation->touched += len;
    return true;
}

/* The first step is none: the turn in which a generation came has done enough. */
enum {
    GENERATION_STEP_CAME,
    GENERATION_STEP_PAGES,
    GENERATION_STEP_DB,
    GENERATION_STEP_ROOTS,
    GENERATION_STEP_SERVICE,
    GENERATION_STEPS = GENERATION_STEP_SERVICE + SERVICE_COUNT,
};

int generation_prepare(struct generation *generation, uint32_t bodies_max)
{
    const unsigned step = generation->prepared;
    int r = 0;

    if (step == GENERATION_STEPS) {
        return GENERATION_READY;
    }
    if (step == GENERATION_STEP_PAGES && generation_touch(generation)) {
        return GENERATION_MORE;
    }
    generation->prepared++;
    if (step == GENERATION_STEP_DB) {
        r = generation_open_db(generation, bodies_max);
    } else if (step == GENERATION_STEP_ROOTS) {
        generation_open_roots(generation);
    } else if (step >= GENERATION_STEP_SERVICE) {
        generation_write_service(generation, (enum service_id)(step - GENERATION_STEP_SERVICE));
    }
    return r < 0 ? ERR_PASS(r) : GENERATION_MORE;
}

static void generation_close_files(struct generation *generation)
{
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++) {
        if (generation->root_fds[i] >= 0) {
            close(generation->root_fds[i]);
        }
    }
    if (generation->quarantine_fd >= 0) {
        close(generation->quarantine_fd);
    }
    if (generation->file) {
        munmap((void *)(uintptr_t)generation->file, generation->file_len);
    }
}

bool generation_free_slice(struct generation *generation)
{
    ASSERT(generation->pins == 0);
    if (generation->db) {
        if (match_db_close_slice(generation->db)) {
            generation->db = NULL;
        }
        return false;
    }
    if (!defs_image_close_slice(&generation->image)) {
        return false;
    }
    generation_close_files(generation);
    free(generation);
    return true;
}

void generation_free(struct generation *generation)
{
    while (generation && !generation_free_slice(generation)) {
    }
}
