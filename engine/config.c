/* SPDX-License-Identifier: MIT */
#include "engine/config.h"

#include "base/assert.h"
#include "base/text.h"
#include "engine/config_yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any sane file, little enough to read at once. */
#define CONFIG_FILE_MAX MIB(1)

static_assert(sizeof(struct config) < KIB(256), "A configuration travels as one block.");

static void config_free(void *ptr)
{
    free(*(void **)ptr);
}

static void config_close(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

#define CONFIG_OWNS_MEMORY __attribute__((cleanup(config_free)))
#define CONFIG_OWNS_FD     __attribute__((cleanup(config_close)))

/* The documented places for a control socket that was not named. */
static void config_resolve_control(struct config *config)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    size_t cap = sizeof(config->control_socket);

    if (config->control_socket[0] != '\0') {
        return;
    }
    if (geteuid() == 0) {
        snprintf(config->control_socket, cap, "/run/baleen/control.sock");
    } else if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < 64) {
        snprintf(config->control_socket, cap, "%s/baleen/control.sock", runtime);
    } else {
        snprintf(config->control_socket, cap, "/tmp/baleen-%u/control.sock", (unsigned)geteuid());
    }
}

/* The defaults of the table, without what depends on the host. */
static void config_set_defaults(struct config *config)
{
    char error[CONFIG_ERROR_CAP] = "";
    struct config_sink sink = {.config = config, .error = error};

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        bool good = config_yaml_read_override(&sink, config_keys[i].name, config_keys[i].initial);

        if (!good) {
            fprintf(stderr, "%s\n", error);
        }
        ASSERT(good);
    }
}

void config_init(struct config *config)
{
    config_set_defaults(config);
    config_resolve_control(config);
}

PRINTF_LIKE(3, 4)
static bool config_refuse_file(const char *file, char *error, const char *format, ...)
{
    va_list args;
    int len = snprintf(error, CONFIG_ERROR_CAP, "%s: ", file);

    va_start(args, format);
    if (len >= 0 && len < CONFIG_ERROR_CAP) {
        vsnprintf(error + len, (size_t)(CONFIG_ERROR_CAP - len), format, args);
    }
    va_end(args);
    return false;
}

/* Reads until the end or until `cap` bytes; -1 with errno on a failure. */
static ssize_t config_read_all(int fd, uint8_t *bytes, size_t cap)
{
    size_t len = 0;

    while (len < cap) {
        ssize_t got = read(fd, bytes + len, cap - len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static bool config_load_text(struct config_sink *sink, struct slice text)
{
    size_t nul = slice_find(text, '\0');
    unsigned line = 1;

    if (nul == text.len) {
        return config_yaml_read_file(sink, text);
    }
    for (size_t i = 0; i < nul; i++) {
        line += text.ptr[i] == '\n';
    }
    snprintf(sink->error, CONFIG_ERROR_CAP, "%s:%u: not YAML: a NUL byte", sink->file, line);
    return false;
}

static bool config_load_file(struct config_sink *sink)
{
    CONFIG_OWNS_FD int fd = open(sink->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    CONFIG_OWNS_MEMORY uint8_t *bytes = NULL;
    struct stat facts;
    ssize_t len = 0;

    if (fd < 0 || fstat(fd, &facts) != 0) {
        return config_refuse_file(sink->file, sink->error, "cannot be read: %s", strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return config_refuse_file(sink->file, sink->error, "cannot be read: not a regular file");
    }
    bytes = malloc(CONFIG_FILE_MAX + 1);
    if (bytes == NULL) {
        return config_refuse_file(sink->file, sink->error, "no memory");
    }
    len = config_read_all(fd, bytes, CONFIG_FILE_MAX + 1);
    if (len < 0) {
        return config_refuse_file(sink->file, sink->error, "cannot be read: %s", strerror(errno));
    }
    if ((size_t)len > CONFIG_FILE_MAX) {
        return config_refuse_file(sink->file, sink->error, "larger than 1MiB");
    }
    return config_load_text(sink, slice_from(bytes, (size_t)len));
}

/* What no key can say alone. */
static bool config_check(struct config_sink *sink)
{
    const struct config *config = sink->config;

    if (config->listen.len == 0) {
        return config_sink_refuse(sink, &config_keys[CONFIG_INDEX_listen],
                                  "at least one address is needed");
    }
    if (config->listen_tls.len > 0) {
        return config_sink_refuse(sink, &config_keys[CONFIG_INDEX_listen_tls],
                                  "TLS listeners are not served by this version; leave it empty");
    }
    if (config->icap_trickle_after_ns > 0 && config->icap_trickle_rate == 0) {
        return config_sink_refuse(sink, &config_keys[CONFIG_INDEX_icap_trickle_after_ns],
                                  "needs icap.trickle.rate above 0");
    }
    return true;
}

bool config_load(struct config *config, const char *file, const struct config_override *overrides,
                 size_t overrides_len, char error[CONFIG_ERROR_CAP])
{
    CONFIG_OWNS_MEMORY struct config *fresh = malloc(sizeof(*fresh));
    struct config_sink sink = {.config = fresh, .file = file, .error = error};

    if (fresh == NULL) {
        snprintf(error, CONFIG_ERROR_CAP, "no memory");
        return false;
    }
    config_set_defaults(fresh);
    if (file != NULL && !config_load_file(&sink)) {
        return false;
    }
    for (size_t i = 0; i < overrides_len; i++) {
        if (!config_yaml_read_override(&sink, overrides[i].key, overrides[i].value)) {
            return false;
        }
    }
    if (!config_check(&sink)) {
        return false;
    }
    config_resolve_control(fresh);
    memcpy(config, fresh, sizeof(*config));
    return true;
}

bool config_get(const struct config *config, const char *key, struct text *out)
{
    const struct config_key *entry = config_key_find(key);

    if (entry == NULL) {
        return false;
    }
    config_value_write(entry, config, out);
    return true;
}

/* Opens the sections of `name` that `before` was not in. Returns the depth of the key itself. */
static unsigned config_write_sections(const char *name, const char *before, struct text *out)
{
    unsigned depth = 0;
    const char *part = name;

    for (const char *dot = strchr(part, '.'); dot != NULL; dot = strchr(part, '.')) {
        size_t prefix_len = (size_t)(dot - name) + 1;

        if (before == NULL || strncmp(before, name, prefix_len) != 0) {
            text_printf(out, "%*s%.*s:\n", (int)(2 * depth), "", (int)(dot - part), part);
        }
        part = dot + 1;
        depth++;
    }
    return depth;
}

void config_write(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *name = config_keys[i].name;
        const char *before = i > 0 ? config_keys[i - 1].name : NULL;
        const char *dot = strrchr(name, '.');
        unsigned depth = config_write_sections(name, before, out);

        text_printf(out, "%*s%s: ", (int)(2 * depth), "", dot != NULL ? dot + 1 : name);
        config_value_write(&config_keys[i], config, out);
        TEXT_PUT(out, "\n");
    }
}

/* Puts `s` into a table cell. */
static void config_reference_put(struct slice s, struct text *out)
{
    for (size_t i = 0; i < s.len; i++) {
        text_put_str(out, s.ptr[i] == '|' ? "\\" : "");
        text_put(out, s.ptr + i, 1);
    }
}

void config_reference(struct text *out)
{
    char block[512];

    TEXT_PUT(out, "| key | value | default | what it does |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        struct text allowed = text_over(block, sizeof(block));

        config_value_describe(key, &allowed);
        text_printf(out, "| `%s` | %s", key->name,
                    key->kind == CONFIG_KIND_LIST  ? "list; each item "
                    : key->kind == CONFIG_KIND_MAP ? "map; each entry "
                                                   : "");
        config_reference_put(text_slice(&allowed), out);
        text_printf(out, " | `%s` | ", key->initial[0] != '\0' ? key->initial : "\"\"");
        config_reference_put(slice_from_str(key->doc), out);
        text_put_str(out, (key->flags & CONFIG_FLAG_VERDICT) != 0 ? " *Tag.*" : "");
        text_put_str(out, (key->flags & CONFIG_FLAG_RESTART) != 0 ? " *Restart.*" : "");
        TEXT_PUT(out, " |\n");
    }
}

static bool config_key_differs(const struct config_key *key, const struct config *a,
                               const struct config *b)
{
    const uint8_t *left = (const uint8_t *)a + key->offset;
    const uint8_t *right = (const uint8_t *)b + key->offset;

    return memcmp(left, right, key->width) != 0;
}

void config_restart_keys(const struct config *a, const struct config *b, struct text *out)
{
    const char *comma = "";

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];

        if ((key->flags & CONFIG_FLAG_RESTART) != 0 && config_key_differs(key, a, b)) {
            text_printf(out, "%s%s", comma, key->name);
            comma = ", ";
        }
    }
}

void config_keep_restart_keys(struct config *config, const struct config *running)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];

        if ((key->flags & CONFIG_FLAG_RESTART) != 0) {
            memcpy((char *)config + key->offset, (const char *)running + key->offset, key->width);
        }
    }
}

static int config_key_compare(const void *a, const void *b)
{
    const struct config_key *const *left = a;
    const struct config_key *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

void config_write_verdict_keys(const struct config *config, struct text *out)
{
    const struct config_key *sorted[CONFIG_KEY_COUNT];

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        sorted[i] = &config_keys[i];
    }
    qsort((void *)sorted, CONFIG_KEY_COUNT, sizeof(const struct config_key *), config_key_compare);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if ((sorted[i]->flags & CONFIG_FLAG_VERDICT) != 0) {
            text_printf(out, "%s=", sorted[i]->name);
            config_value_write(sorted[i], config, out);
            TEXT_PUT(out, "\n");
        }
    }
}
