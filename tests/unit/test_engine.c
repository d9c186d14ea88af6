/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "engine/block_memory.h"
#include "engine/counters.h"
#include "engine/message.h"
#include "engine/page.h"
#include "engine/reason.h"
#include "engine/service.h"
#include "engine/watch.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config config;

Test(service, names_compare_without_case_and_aliases_bring_their_profile)
{
    struct service_route route;

    config_init(&config);
    config.icap_alias_len = 1;
    snprintf(config.icap_aliases[0].name, CONFIG_NAME_CAP, "srv_clamav");
    snprintf(config.icap_aliases[0].service, CONFIG_NAME_CAP, "AVSCANRESP");
    config.icap_aliases[0].profile = CONFIG_PROFILE_STANDARD;
    cr_assert(service_find(&config, SLICE_OF("symcscanresp-av"), &route));
    cr_assert_eq(route.id, SERVICE_RESP_AV);
    cr_assert_eq(route.profile, CONFIG_PROFILE_GUIDE);
    cr_assert(service_find(&config, SLICE_OF("SRV_ClamAV"), &route));
    cr_assert_eq(route.id, SERVICE_AVSCANRESP);
    cr_assert_eq(route.profile, CONFIG_PROFILE_STANDARD);
    cr_assert(service_find(&config, SLICE_OF("avscan"), &route));
    cr_assert_eq(route.profile, CONFIG_PROFILE_STANDARD);
    cr_assert_not(service_find(&config, SLICE_OF("avscan/"), &route));
    cr_assert_not(service_find(&config, SLICE_OF(""), &route));
}

Test(service, methods_are_those_of_the_guides_table)
{
    static const char *const methods[] = {
        "REQMOD", "RESPMOD, FILEMOD", "RESPMOD, FILEMOD, REQMOD", "REQMOD",           "REQMOD",
        "REQMOD", "RESPMOD, FILEMOD", "RESPMOD, FILEMOD",         "RESPMOD, FILEMOD",
    };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        cr_assert_str_eq(service_get((enum service_id)i)->methods, methods[i]);
    }
    cr_assert_eq(service_categories_len, 33);
}

static size_t write_page(const char *page_template, const char *threat, size_t cap, char *out)
{
    const struct page_facts facts = {
        .file = SLICE_OF("a.exe"), .threat = slice_from_str(threat), .url = SLICE_OF("http://u/")};
    struct text text = text_over(out, cap);

    page_write(slice_from_str(page_template), &facts, &text);
    return text.len;
}

Test(page, escapes_what_it_fills_in_and_leaves_the_rest)
{
    char out[256];
    const size_t len = write_page("{file} { {threat} {unknown} {", "<b>&\"'", sizeof(out), out);

    cr_assert(slice_equal(slice_from(out, len),
                          SLICE_OF("a.exe { &lt;b&gt;&amp;&quot;&#39; {unknown} {")));
}

Test(page, is_cut_where_its_room_ends)
{
    char out[8];

    cr_assert_eq(write_page("{file}{file}{file}", "x", sizeof(out), out), sizeof(out));
    cr_assert_eq(memcmp(out, "a.exea.e", 8), 0);
}

Test(page, the_built_in_one_has_a_length_of_three_digits)
{
    char out[4096];
    struct text text = text_over(out, sizeof(out));
    const struct page_facts facts = {0};

    page_write(page_builtin(), &facts, &text);
    cr_assert_geq(text.len, 100);
    cr_assert_leq(text.len, 700, "room for a URL and names");
}

Test(block_memory, finds_by_url_generation_and_time)
{
    static struct block_memory memory;
    struct message_blocked entry = {.generation = 3, .expires_ns = 100};

    block_memory_digest(SLICE_OF("http://a/b"), entry.digest);
    block_memory_add(&memory, &entry);
    cr_assert_not_null(block_memory_find(&memory, SLICE_OF("http://a/b"), 3, 99));
    cr_assert_null(block_memory_find(&memory, SLICE_OF("http://a/b"), 3, 100));
    cr_assert_null(block_memory_find(&memory, SLICE_OF("http://a/b"), 4, 1));
    cr_assert_null(block_memory_find(&memory, SLICE_OF("http://a/c"), 3, 1));
    cr_assert_null(block_memory_find(&memory, SLICE_OF(""), 3, 1));
}

Test(block_memory, the_oldest_entry_leaves_first)
{
    static struct block_memory memory;
    struct message_blocked entry = {.generation = 1, .expires_ns = UINT64_MAX};
    char url[32];

    for (unsigned i = 0; i <= BLOCK_MEMORY_CAP; i++) {
        snprintf(url, sizeof(url), "http://a/%u", i);
        block_memory_digest(slice_from_str(url), entry.digest);
        block_memory_add(&memory, &entry);
    }
    cr_assert_null(block_memory_find(&memory, SLICE_OF("http://a/0"), 1, 0));
    cr_assert_not_null(block_memory_find(&memory, SLICE_OF("http://a/1"), 1, 0));
    cr_assert_not_null(block_memory_find(&memory, slice_from_str(url), 1, 0));
}

Test(message, carries_descriptors_and_tells_the_end)
{
    struct message message = {.type = MESSAGE_ADOPT, .number = 7};
    struct message got;
    int pair[2];
    int files[2];
    int fds[MESSAGE_FDS_MAX];
    unsigned fds_len;

    cr_assert_eq(message_pair(pair), 0);
    cr_assert_eq(pipe(files), 0);
    cr_assert_eq(message_recv(pair[1], &got, fds, &fds_len), 0);
    cr_assert_eq(message_send(pair[0], &message, files, 2), 0);
    cr_assert_eq(message_recv(pair[1], &got, fds, &fds_len), 1);
    cr_assert_eq(got.number, 7);
    cr_assert_eq(fds_len, 2);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    close(pair[0]);
    cr_assert_eq(message_recv(pair[1], &got, fds, &fds_len), -EPIPE);
}

Test(message, a_full_channel_refuses_and_does_not_block)
{
    const struct message message = {.type = MESSAGE_DRAIN};
    int pair[2];
    unsigned sent = 0;

    cr_assert_eq(message_pair(pair), 0);
    while (message_send(pair[0], &message, NULL, 0) == 0) {
        cr_assert_lt(++sent, 1000000);
    }
    cr_assert_gt(sent, 0);
}

Test(reason, every_line_has_a_counter_and_a_known_status)
{
    static struct counters counters;
    size_t len;
    const struct counters_field *fields = counters_fields(&len);

    for (unsigned id = REASON_NONE + 1; id < REASON_COUNT; id++) {
        const struct reason *reason = reason_get((enum reason_id)id);
        size_t i = 0;

        reason_count(&counters, (enum reason_id)id);
        while (i < len && fields[i].offset != reason->counter) {
            i++;
        }
        cr_assert_lt(i, len, "%s", reason->name);
        cr_assert_eq(
            *(const uint64_t *)(const void *)((const uint8_t *)&counters + reason->counter), 1,
            "%s", reason->name);
    }
}

Test(counters, only_gauges_are_reset)
{
    static struct counters counters;

    counters_add(&counters.connections, 3);
    counters_add(&counters.requests, 3);
    counters_reset_gauges(&counters);
    cr_assert_eq(counters.connections, 0);
    cr_assert_eq(counters.requests, 3);
}

Test(watch, a_change_counts_once_and_only_when_it_has_settled)
{
    char folder[] = "/tmp/baleen-watch-XXXXXX";
    char path[64];
    struct watch watch;
    uint64_t now_ns = 0;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.ndb", folder);
    watch_init(&watch, folder, now_ns);
    cr_assert_not(watch_run(&watch, folder, now_ns += WATCH_EVERY_NS));
    const int fd = open(path, O_CREAT | O_WRONLY, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_not(watch_run(&watch, folder, now_ns + 1), "not before its time");
    cr_assert_not(watch_run(&watch, folder, now_ns += WATCH_EVERY_NS), "seen once");
    cr_assert_eq(write(fd, "x", 1), 1);
    cr_assert_not(watch_run(&watch, folder, now_ns += WATCH_EVERY_NS), "still moving");
    cr_assert(watch_run(&watch, folder, now_ns += WATCH_EVERY_NS), "settled");
    cr_assert_not(watch_run(&watch, folder, now_ns += WATCH_EVERY_NS), "told once");
    close(fd);
    unlink(path);
    rmdir(folder);
}
