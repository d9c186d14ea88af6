/* SPDX-License-Identifier: MIT */
#include "engine/history.h"

#include "base/assert.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_HEX_LEN  (2 * (size_t)DEFS_DIGEST_LEN)
#define HISTORY_FILE_MAX 512

static void history_put(char *out, size_t cap, const char *key, const uint8_t *digest)
{
    size_t len = strlen(out);

    len += (size_t)snprintf(out + len, cap - len, "%s ", key);
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        len += (size_t)snprintf(out + len, cap - len, "%02x", digest[i]);
    }
    (void)snprintf(out + len, cap - len, "\n");
}

static int history_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* The line "<key> <64 digits>" at `text`; returns what follows, NULL when it is another one. */
static const char *history_get(const char *text, const char *key, uint8_t *out_digest)
{
    const size_t key_len = strlen(key);

    if (strncmp(text, key, key_len) != 0 || text[key_len] != ' ') {
        return NULL;
    }
    text += key_len + 1;
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        const int high = history_digit(text[0]);
        const int low = high < 0 ? -1 : history_digit(text[1]);

        if (low < 0) {
            return NULL;
        }
        out_digest[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == '\n' ? text + 1 : NULL;
}

static void history_parse(struct history *history, const char *text)
{
    struct history read = *history;
    const char *rest = history_get(text, "found", read.found);

    rest = rest != NULL ? history_get(rest, "active", read.active) : NULL;
    if (rest == NULL) {
        return;
    }
    read.known = true;
    rest = history_get(rest, "previous", read.previous);
    read.has_previous = rest != NULL;
    *history = read;
}

void history_load(struct history *history, const char *state_dir)
{
    char text[HISTORY_FILE_MAX];

    *history = (struct history){0};
    (void)snprintf(history->path, sizeof(history->path), "%s/history", state_dir);

    const int fd = open(history->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (n > 0) {
        text[n] = '\0';
        history_parse(history, text);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Beside and renamed, so that there is always a whole one. */
static bool history_write(const struct history *history, const char *text)
{
    char beside[sizeof(history->path) + 8];

    (void)snprintf(beside, sizeof(beside), "%s.new", history->path);

    const int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return false;
    }
    const bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;

    close(fd);
    return written && rename(beside, history->path) == 0;
}

static void history_store(const struct history *history)
{
    char text[HISTORY_FILE_MAX] = "";

    static_assert(3 * (HISTORY_HEX_LEN + 16) < HISTORY_FILE_MAX, "three lines fit");
    if (history->path[0] == '\0') {
        return;
    }
    history_put(text, sizeof(text), "found", history->found);
    history_put(text, sizeof(text), "active", history->active);
    if (history->has_previous) {
        history_put(text, sizeof(text), "previous", history->previous);
    }
    if (!history_write(history, text)) {
        LOG_WRN("%s cannot be written (%s); a roll-back is forgotten with a restart", history->path,
                strerror(errno));
    }
}

static bool history_same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, DEFS_DIGEST_LEN) == 0;
}

bool history_is_back(const struct history *history)
{
    return history->known && !history_same(history->found, history->active);
}

bool history_holds(const struct history *history, const uint8_t found[DEFS_DIGEST_LEN])
{
    return history_is_back(history) && history_same(history->found, found);
}

void history_go(struct history *history, const uint8_t found[DEFS_DIGEST_LEN])
{
    if (history->known && history_same(history->active, found) &&
        history_same(history->found, found)) {
        return;
    }
    if (history->known && !history_same(history->active, found)) {
        memcpy(history->previous, history->active, sizeof(history->previous));
        history->has_previous = true;
    }
    memcpy(history->found, found, sizeof(history->found));
    memcpy(history->active, found, sizeof(history->active));
    history->known = true;
    history_store(history);
}

void history_turn_back(struct history *history)
{
    uint8_t active[DEFS_DIGEST_LEN];

    ASSERT(history->known);
    ASSERT(history->has_previous);
    memcpy(active, history->active, sizeof(active));
    memcpy(history->active, history->previous, sizeof(history->active));
    memcpy(history->previous, active, sizeof(history->previous));
    history_store(history);
}
