/* SPDX-License-Identifier: MIT */
#include "engine/config.h"

#include "base/text.h"
#include "engine/config_address.h"
#include "engine/config_key.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Big: static instead of on the stack. Every test is a process of its own. */
static struct config config;
static struct config other;
static char error[CONFIG_ERROR_CAP];
static char block[CONFIG_TEXT_CAP];
static char file[] = "/tmp/baleen-test-config-XXXXXX";

static void put_file(const void *bytes, size_t len)
{
    int fd = -1;

    memcpy(file + strlen(file) - 6, "XXXXXX", 6);
    fd = mkstemp(file);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static bool load_bytes(const void *bytes, size_t len)
{
    char shown[CONFIG_ERROR_CAP];
    size_t name_len = 0;
    bool good = false;

    put_file(bytes, len);
    name_len = strlen(file);
    memset(error, 0, sizeof(error));
    good = config_load(&config, file, NULL, 0, error);
    unlink(file);
    /* Messages name the file; the tests call it F. */
    if (!good) {
        cr_assert_eq(strncmp(error, file, name_len), 0, "%s", error);
        snprintf(shown, sizeof(shown), "F%s", error + name_len);
        memcpy(error, shown, sizeof(error));
    }
    return good;
}

static bool load(const char *text)
{
    return load_bytes(text, strlen(text));
}

static bool override(const char *key, const char *value)
{
    struct config_override one = {key, value};

    memset(error, 0, sizeof(error));
    return config_load(&config, NULL, &one, 1, error);
}

static const char *get(const char *key)
{
    struct text text = text_over(block, sizeof(block) - 1);

    cr_assert(config_get(&config, key, &text), "%s", key);
    block[text.len] = '\0';
    return block;
}

Test(config, defaults_are_the_documented_ones)
{
    static const struct {
        const char *key;
        const char *value;
    } rows[] = {
        {"listen", "[\"127.0.0.1:1344\"]"},
        {"listen_tls", "[]"},
        {"admin.listen", "\"127.0.0.1:8004\""},
        {"shards", "auto"},
        {"state_dir", "/var/lib/baleen"},
        {"definitions.path", "\"\""},
        {"definitions.watch", "true"},
        {"icap.preview", "1024"},
        {"icap.options_ttl", "3600"},
        {"icap.max_connections", "auto"},
        {"icap.infected_response", "replace"},
        {"icap.scan_types", "all"},
        {"icap.aliases", "{}"},
        {"icap.trickle.after", "0s"},
        {"icap.trickle.rate", "0"},
        {"icap.early_head", "squid"},
        {"icap.block_memory", "10m"},
        {"icap.progress_timeout", "1m"},
        {"admission.overload", "block"},
        {"policy.action", "scanrepairdelete"},
        {"policy.encrypted_container", "pass"},
        {"policy.over_limit", "block"},
        {"limits.body", "2GiB"},
        {"limits.head", "64KiB"},
        {"limits.time", "2m"},
        {"ddr.threshold", "100"},
        {"filemod.roots", "[]"},
        {"log.level", "info"},
    };

    config_init(&config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_str_eq(get(rows[i].key), rows[i].value, "%s is %s", rows[i].key, block);
    }
    cr_expect_eq(config.shards, CONFIG_AUTO);
    cr_expect_eq(config.limits_body, GIB(2));
    cr_expect_eq(config.limits_time_ns, 120 * NS_PER_SEC);
    cr_expect_eq(config.admission_overload, CONFIG_BLOCK);
    cr_expect_eq(config.policy_encrypted_container, CONFIG_PASS);
}

Test(config, control_socket_has_a_place_for_each_kind_of_user)
{
    config_init(&config);
    if (geteuid() == 0) {
        cr_assert_str_eq(config.control_socket, "/run/baleen/control.sock");
        cr_assert_eq(setuid(12345), 0);
    }
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    config_init(&config);
    cr_assert_str_eq(config.control_socket, "/run/user/1/baleen/control.sock");
    unsetenv("XDG_RUNTIME_DIR");
    config_init(&config);
    snprintf(block, sizeof(block), "/tmp/baleen-%u/control.sock", (unsigned)geteuid());
    cr_assert_str_eq(config.control_socket, block);
}

Test(config, no_file_and_an_empty_file_are_the_defaults)
{
    config_init(&other);
    cr_assert(config_load(&config, NULL, NULL, 0, error), "%s", error);
    cr_assert_eq(memcmp(&config, &other, sizeof(config)), 0);
    cr_assert(load(""), "%s", error);
    cr_assert_eq(memcmp(&config, &other, sizeof(config)), 0);
    cr_assert(load("\xef\xbb\xbf# nothing\n---\nicap:\nfilemod: ~\n"), "%s", error);
    cr_assert_eq(memcmp(&config, &other, sizeof(config)), 0);
}

Test(config, takes_a_whole_file)
{
    cr_assert(load("listen: [\"0.0.0.0:1344\", \"[::]:0\"]\n"
                   "shards: 2\n"
                   "definitions: {path: defs/set, watch: no}\n"
                   "icap:\n"
                   "  preview: 4K\n"
                   "  options_ttl: 1h\n"
                   "  exclude_extensions: [gif, jpg]\n"
                   "  scan_types: all_but\n"
                   "  aliases:\n"
                   "    srv_clamav: {service: avscan}\n"
                   "    virus_scan:\n"
                   "      profile: guide\n"
                   "      service: SYMCScanResp-AV\n"
                   "  trickle: {after: 500ms, rate: 10KiB}\n"
                   "limits:\n"
                   "  body: 10M\n"
                   "  time: 90\n"
                   "ddr: {thresholds: {Sex/Acts: 80, \"Job Search\": 7}}\n"
                   "filemod:\n"
                   "  roots:\n"
                   "    - /srv/a\n"
                   "    - \"/srv/\\\"b c\\\"\"\n"
                   "log: {level: debug}\n"),
              "%s", error);
    cr_expect_eq(config.listen.len, 2);
    cr_expect_str_eq(config.listen.items[1], "[::]:0");
    cr_expect_eq(config.shards, 2);
    cr_expect_str_eq(config.definitions_path, "defs/set");
    cr_expect_not(config.definitions_watch);
    cr_expect_eq(config.icap_preview, 4096);
    cr_expect_eq(config.icap_options_ttl, 3600);
    cr_expect_eq(config.icap_scan_types, CONFIG_SCAN_ALL_BUT);
    cr_expect_eq(config.icap_alias_len, 2);
    cr_expect_str_eq(config.icap_aliases[0].name, "srv_clamav");
    cr_expect_str_eq(config.icap_aliases[0].service, "AVSCAN");
    cr_expect_eq(config.icap_aliases[0].profile, CONFIG_PROFILE_STANDARD);
    cr_expect_eq(config.icap_aliases[1].profile, CONFIG_PROFILE_GUIDE);
    cr_expect_eq(config.icap_trickle_after_ns, 500 * NS_PER_MS);
    cr_expect_eq(config.icap_trickle_rate, 10240);
    cr_expect_eq(config.limits_body, MIB(10));
    cr_expect_eq(config.limits_time_ns, 90 * NS_PER_SEC);
    cr_expect_str_eq(config.ddr_thresholds.items[0], "Sex/Acts=80");
    cr_expect_str_eq(config.ddr_thresholds.items[1], "Job Search=7");
    cr_expect_str_eq(get("ddr.thresholds"), "{Sex/Acts: 80, \"Job Search\": 7}");
    cr_expect_str_eq(config.filemod_roots.items[1], "/srv/\"b c\"");
    cr_expect_eq(config.log_level, 3);
}

/* A value other than the default for every key. */
static const struct config_override all_keys[] = {
    {"listen", "[\"[::1]:1\", 0.0.0.0:65535]"},
    {"tls.certificate", "/etc/c: d.pem"},
    {"tls.key", "#k"},
    {"tls.client_ca", "ca \\ \" x"},
    {"admin.listen", ""},
    {"admin.token_file", "null"},
    {"control_socket", "/tmp/x.sock"},
    {"shards", "7"},
    {"state_dir", "relative"},
    {"user", "nobody"},
    {"ring", "epoll"},
    {"definitions.path", "~"},
    {"definitions.require_signature", "on"},
    {"definitions.trusted_keys", "[a, \"b, c\", \"[d]\"]"},
    {"definitions.watch", "false"},
    {"icap.preview", "0"},
    {"icap.options_ttl", "10m"},
    {"icap.max_connections", "12"},
    {"icap.infected_response", "forbid"},
    {"icap.replacement_file", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b"},
    {"icap.scan_types", "all_but"},
    {"icap.exclude_extensions", "[gif]"},
    {"icap.legacy_headers_only", "yes"},
    {"icap.aliases", "{a/b: {service: ECHO, profile: guide}, c: {service: ex206}}"},
    {"icap.trickle", "{after: 5s, rate: 1KiB}"},
    {"icap.early_head", "off"},
    {"icap.block_memory", "3d"},
    {"icap.head_timeout", "10ms"},
    {"icap.progress_timeout", "1h"},
    {"icap.idle_timeout", "61s"},
    {"icap.drain_max", "1025"},
    {"admission.queue_threshold", "99"},
    {"admission.notify", "false"},
    {"admission.wait", "0s"},
    {"admission.overload", "pass"},
    {"policy.action", "scandelete"},
    {"policy.nonviral_category", "true"},
    {"policy.encrypted_container", "block"},
    {"policy.malformed_container", "block"},
    {"policy.over_limit", "pass"},
    {"limits.body", "1"},
    {"limits.unpacked", "1T"},
    {"limits.ratio", "2"},
    {"limits.members", "3"},
    {"limits.depth", "64"},
    {"limits.time", "1001ms"},
    {"limits.head", "1KiB"},
    {"limits.body_memory", "1g"},
    {"mail.block_subjects", "[\"*free*\", \"a \\\"b\\\"\"]"},
    {"mail.block_attachments", "*.exe"},
    {"mail.max_size", "1B"},
    {"url.deny", "[Gambling, Sex/Acts]"},
    {"url.allow", "[example.org]"},
    {"url.allow_with_ddr", "[\"http://example.org/a?b=c#d\"]"},
    {"url.audit", "true"},
    {"ddr.deny", "[x]"},
    {"ddr.threshold", "1"},
    {"ddr.thresholds", "{\"a: b\": 1, \"c,d\": 1000000}"},
    {"ddr.url_words", "true"},
    {"filemod.roots", "[/, /srv]"},
    {"filemod.quarantine_dir", "/var/q"},
    {"license.file", "l"},
    {"license.required", "true"},
    {"log.level", "error"},
    {"log.access", "-"},
    {"log.format", "json"},
};

Test(config, every_key_survives_being_written_and_read)
{
    struct text text = text_over(block, sizeof(block));

    cr_assert(config_load(&other, NULL, all_keys, ARRAY_LEN(all_keys), error), "%s", error);
    config_write(&other, &text);
    cr_assert_not(text.overflowed);
    cr_assert(load_bytes(block, text.len), "%s\n%.*s", error, (int)text.len, block);
    cr_assert_eq(memcmp(&config, &other, sizeof(config)), 0, "%.*s", (int)text.len, block);

    /* No key of the table was forgotten above, but for the one that must stay empty. */
    config_init(&other);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        bool same = memcmp((uint8_t *)&config + key->offset, (uint8_t *)&other + key->offset,
                           key->width) == 0;

        cr_expect_eq(same, strcmp(key->name, "listen_tls") == 0, "%s", key->name);
    }
}

Test(config, each_value_survives_alone)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        struct config_override one = {config_keys[i].name, NULL};
        char value[CONFIG_TEXT_CAP / 8];
        struct text text = text_over(value, sizeof(value) - 1);

        cr_assert(config_load(&other, NULL, all_keys, ARRAY_LEN(all_keys), error), "%s", error);
        cr_assert(config_get(&other, one.key, &text));
        value[text.len] = '\0';
        one.value = value;
        /* Alone this one is refused. */
        if (strcmp(one.key, "icap.trickle.after") == 0) {
            continue;
        }
        cr_expect(config_load(&config, NULL, &one, 1, error), "%s", error);
        cr_expect_str_eq(get(one.key), value);
    }
}

Test(config, refusals_name_file_line_key_and_what_is_allowed)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        /* Values. */
        {"\n\n\n\n\nicap:\n  preview: lots\n",
         "F:7: icap.preview: 'lots' is not a size in bytes from 0 to 65536"},
        {"icap: {preview: 65537}",
         "F:1: icap.preview: '65537' is not a size in bytes from 0 to 65536"},
        {"icap: {preview: -1}", "F:1: icap.preview: '-1' is not a size in bytes from 0 to 65536"},
        {"icap: {preview: 1 K}", "F:1: icap.preview: '1 K' is not a size in bytes from 0 to 65536"},
        {"icap: {preview: auto}",
         "F:1: icap.preview: 'auto' is not a size in bytes from 0 to 65536"},
        {"icap: {preview: }", "F:1: icap.preview: '' is not a size in bytes from 0 to 65536"},
        {"limits:\n  head: 1023\n", "F:2: limits.head: '1023' is not a size from 1KiB to 64KiB"},
        {"limits: {head: 65KiB}", "F:1: limits.head: '65KiB' is not a size from 1KiB to 64KiB"},
        {"limits: {body: 99999999999999999999}",
         "F:1: limits.body: '99999999999999999999' is not a size from 1 to 1TiB"},
        {"limits: {body: 18014398509481984K}",
         "F:1: limits.body: '18014398509481984K' is not a size from 1 to 1TiB"},
        {"limits: {body: 1KB}", "F:1: limits.body: '1KB' is not a size from 1 to 1TiB"},
        {"limits: {time: 5x}", "F:1: limits.time: '5x' is not a duration from 10ms to 1h"},
        {"limits: {time: 61m}", "F:1: limits.time: '61m' is not a duration from 10ms to 1h"},
        {"icap: {options_ttl: 1500ms}",
         "F:1: icap.options_ttl: '1500ms' is not a duration in whole seconds from 0s to 365d"},
        {"shards: 0", "F:1: shards: '0' is not a number from 1 to 1024, or auto"},
        {"shards: 4294967295", "F:1: shards: '4294967295' is not a number from 1 to 1024, or auto"},
        {"shards: 0x2", "F:1: shards: '0x2' is not a number from 1 to 1024, or auto"},
        {"definitions: {watch: 1}", "F:1: definitions.watch: '1' is not true or false"},
        {"icap: {infected_response: REPLACE}",
         "F:1: icap.infected_response: 'REPLACE' is not replace or forbid"},
        {"icap: {early_head: on}", "F:1: icap.early_head: 'on' is not squid, off or all"},
        {"user: \"a b\"", "F:1: user: 'a b' is not a user name"},
        {"state_dir: \"a\\tb\"", "F:1: state_dir: 'a?b' holds a control character"},
        {"state_dir: \"a\\0b\"", "F:1: state_dir: 'a' holds a control character"},
        {"state_dir: \"a\\u2028b\"", "F:1: state_dir: 'a\xe2\x80\xa8"
                                     "b' holds a control character"},
        /* Types. */
        {"icap:\n  preview: [1]\n",
         "F:2: icap.preview: a list is not a size in bytes from 0 to 65536"},
        {"icap:\n  preview:\n    a: 1\n",
         "F:3: icap.preview: a map is not a size in bytes from 0 to 65536"},
        {"state_dir: [a]", "F:1: state_dir: a list is not a text"},
        {"icap: 5", "F:1: icap: '5' is not a map of keys"},
        {"limits: [body]", "F:1: limits: a list is not a map of keys"},
        {"- a\n- b\n", "F:1: a list is not a map of keys"},
        {"hello", "F:1: 'hello' is not a map of keys"},
        {"filemod: {roots: {a: b}}",
         "F:1: filemod.roots: a map is not an absolute path without .."},
        {"filemod: {roots: [[/a]]}",
         "F:1: filemod.roots: a list is not an absolute path without .."},
        {"{[a]: b}", "F:1: a name is expected in front of the colon"},
        /* Lists. */
        {"filemod:\n  roots:\n  - /a\n  - b\n",
         "F:4: filemod.roots: 'b' is not an absolute path without .."},
        {"filemod: {roots: [/a/../b]}",
         "F:1: filemod.roots: '/a/../b' is not an absolute path without .."},
        {"filemod: {quarantine_dir: q}",
         "F:1: filemod.quarantine_dir: 'q' is not an absolute path without .."},
        {"filemod: {roots: [\"\"]}", "F:1: filemod.roots: '' is not an absolute path without .."},
        {"icap: {exclude_extensions: [.gif]}",
         "F:1: icap.exclude_extensions: '.gif' is not a file extension of 1 to 16 characters "
         "without a dot"},
        {"url: {deny: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
         "29,30,31,32,33]}",
         "F:1: url.deny: more than 32 items"},
        /* Addresses. */
        {"listen: [1344]",
         "F:1: listen: '1344' is not an address such as 127.0.0.1:1344 or [::1]:1344"},
        {"listen: [\"127.0.0.1:65536\"]", "F:1: listen: '127.0.0.1:65536' is not an address such "
                                          "as 127.0.0.1:1344 or [::1]:1344"},
        {"listen: [\"::1:1344\"]", "F:1: listen: '::1:1344' is not an address such as "
                                   "127.0.0.1:1344 or [::1]:1344"},
        {"admin: {listen: \"host:1\"}", "F:1: admin.listen: 'host:1' is not an address such as "
                                        "127.0.0.1:1344 or [::1]:1344"},
        {"\nlisten: []\n", "F:2: listen: at least one address is needed"},
        {"listen_tls:\n  - \"127.0.0.1:11344\"\n",
         "F:2: listen_tls: TLS listeners are not served by this version; leave it empty"},
        /* Maps. */
        {"ddr: {thresholds: [a]}",
         "F:1: ddr.thresholds: a list is not a name with a number from 1 to 1000000"},
        {"ddr: {thresholds: {a: 0}}",
         "F:1: ddr.thresholds: '0' is not a name with a number from 1 to 1000000"},
        {"ddr: {thresholds: {a: 1, a: 2}}", "F:1: ddr.thresholds: 'a' is given twice"},
        {"ddr: {thresholds: {a=b: 1}}",
         "F:1: ddr.thresholds: '1' is not a name with a number from 1 to 1000000"},
        {"icap: {aliases: [x]}", "F:1: icap.aliases: a list is not a map such as "
                                 "{scan: {service: AVSCAN, profile: standard}}"},
        {"icap: {aliases: {x: AVSCAN}}", "F:1: icap.aliases: 'AVSCAN' is not a map such as "
                                         "{scan: {service: AVSCAN, profile: standard}}"},
        {"icap:\n  aliases:\n    x: {profile: guide}\n", "F:3: icap.aliases.x: needs a service"},
        {"icap: {aliases: {x: {service: nope}}}",
         "F:1: icap.aliases.x: 'nope' is not AVSCANREQ, AVSCANRESP, AVSCAN, SYMCScanReq-AV, "
         "SYMCScanReq-URL, SYMCScanReq-AV-URL, SYMCScanResp-AV, SYMCScanResp-DDR, "
         "SYMCScanResp-AV-DDR, echo or ex206"},
        {"icap: {aliases: {x: {service: echo, profile: loud}}}",
         "F:1: icap.aliases.x: 'loud' is not guide or standard"},
        {"icap: {aliases: {x: {port: 1}}}",
         "F:1: icap.aliases.x: 'port' is not service or profile"},
        {"icap: {aliases: {AvScan: {service: echo}}}",
         "F:1: icap.aliases: 'AvScan' is the name of a service"},
        {"icap: {aliases: {a: {service: echo}, A: {service: echo}}}",
         "F:1: icap.aliases: 'A' is given twice"},
        {"icap: {aliases: {\"a?b\": {service: echo}}}",
         "F:1: icap.aliases: 'a?b' is not a service name of letters, digits and . _ ~ - /"},
        /* Keys. */
        {"icap:\n  previw: 1\n", "F:2: icap.previw: no such key; did you mean icap.preview?"},
        {"preview: 1", "F:1: preview: no such key; did you mean icap.preview?"},
        {"icpa: {preview: 1}", "F:1: icpa: no such key; did you mean icap?"},
        {"limits: {bodysize: 1}", "F:1: limits.bodysize: no such key"},
        {"zzzzzzzzzzzzzzzz: 1", "F:1: zzzzzzzzzzzzzzzz: no such key"},
        {"\"\": 1", "F:1: '' is not a name of 1 to 95 printable characters"},
        {"shards: 1\nring: auto\nshards: 1\n", "F:3: shards: given twice, first in line 1"},
        {"icap: {preview: 1}\nicap: {preview: 2}\n",
         "F:2: icap.preview: given twice, first in line 1"},
        {"filemod: {roots: [/a]}\nfilemod.roots: [/b]\n",
         "F:2: filemod.roots: given twice, first in line 1"},
        /* Keys that need each other. */
        {"icap:\n  trickle:\n    after: 5s\n",
         "F:3: icap.trickle.after: needs icap.trickle.rate above 0"},
        /* Not the YAML that we take. */
        {"icap: &x {preview: 1}",
         "F:1: anchors, aliases (*) and tags (!) are not allowed; quote a text that starts with "
         "one of & * !"},
        {"shards: 1\nring: *x\n",
         "F:2: anchors, aliases (*) and tags (!) are not allowed; quote a text that starts with "
         "one of & * !"},
        {"shards: !!int 1",
         "F:1: anchors, aliases (*) and tags (!) are not allowed; quote a text that starts with "
         "one of & * !"},
        {"shards: 1\n---\nshards: 2\n", "F:2: a second document is not allowed"},
        {"shards: 1\nicap:\n\tpreview: 1\n",
         "F:3: not YAML: found character that cannot start any token"},
        {"shards: 1\nurl: {deny: [a, b\n", "F:3: not YAML: did not find expected ',' or ']'"},
        {"shards: 1\nstate_dir: \"\xff\"\n", "F:2: not YAML: invalid leading UTF-8 octet"},
        {"shards: 1\n\nuser: \x01\n", "F:3: not YAML: control characters are not allowed"},
    };

    config_init(&other);
    memcpy(&config, &other, sizeof(config));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_not(load(rows[i].text), "taken: %s", rows[i].text);
        cr_expect_str_eq(error, rows[i].error, "for <%s>\n  got  %s\n  want %s", rows[i].text,
                         error, rows[i].error);
    }
    cr_expect_eq(memcmp(&config, &other, sizeof(config)), 0, "a refusal changed something");
}

Test(config, refusals_of_overrides_name_the_key)
{
    static const struct {
        const char *key;
        const char *value;
        const char *error;
    } rows[] = {
        {"icap.preview", "lots", "-s icap.preview: 'lots' is not a size in bytes from 0 to 65536"},
        {"icap.preview", "", "-s icap.preview: '' is not a size in bytes from 0 to 65536"},
        {"icap.trickle", "{after: 1s, rat: 1}",
         "-s icap.trickle.rat: no such key; did you mean icap.trickle.rate?"},
        {"icap.previw", "1", "-s icap.previw: no such key; did you mean icap.preview?"},
        {"", "1", "-s : no such key"},
        {"listen", "[", "-s listen: not YAML: did not find expected node content"},
        {"listen", "[]", "-s listen: at least one address is needed"},
        {"shards", "# none", "-s shards: '# none' is not a number from 1 to 1024, or auto"},
        {"shards", "1\n---\n2", "-s shards: '1?---?2' is not a number from 1 to 1024, or auto"},
        {"url.deny", "[a]\n---\n[b]", "-s url.deny: a second document is not allowed"},
        {"url.deny", "[*x]",
         "-s url.deny: anchors, aliases (*) and tags (!) are not allowed; quote a text that starts "
         "with one of & * !"},
        {"user", "a\xff", "-s user: not YAML: invalid leading UTF-8 octet"},
        {"icap", "5", "-s icap: '5' is not a map of keys"},
        {"user", "a\nb", "-s user: 'a?b' holds a control character"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_not(override(rows[i].key, rows[i].value), "taken: %s", rows[i].key);
        cr_expect_str_eq(error, rows[i].error, "got %s", error);
    }
}

Test(config, overrides_win_and_lists_are_appended_to)
{
    static const struct config_override overrides[] = {
        {"icap.preview", "5"},
        {"filemod.roots", "/b"},
        {"icap.preview", "6"},
        {"filemod.roots", "[/c, /d]"},
        {"icap.aliases", "{b: {service: echo}}"},
        {"icap.aliases", "{c: {service: echo}}"},
        {"listen", "[::1]:1344"},
        {"limits", "{body: 1M, depth: 2}"},
    };
    static const char text[] = "icap: {preview: 4, aliases: {a: {service: echo}}}\n"
                               "filemod: {roots: [/a]}\n";

    put_file(text, strlen(text));
    cr_assert(config_load(&config, file, overrides, ARRAY_LEN(overrides), error), "%s", error);
    unlink(file);
    cr_expect_eq(config.icap_preview, 6);
    cr_expect_str_eq(get("filemod.roots"), "[/b, /c, /d]");
    cr_expect_eq(config.icap_alias_len, 2);
    cr_expect_str_eq(config.icap_aliases[0].name, "b");
    cr_expect_eq(config.listen.len, 1);
    cr_expect_str_eq(config.listen.items[0], "[::1]:1344");
    cr_expect_eq(config.limits_depth, 2);
}

Test(config, overrides_are_taken_as_typed)
{
    cr_expect(override("mail.block_attachments", "*.exe"), "%s", error);
    cr_expect_str_eq(config.mail_block_attachments.items[0], "*.exe");
    cr_expect(override("log.access", " /a b/#c: \"d\\e "), "%s", error);
    cr_expect_str_eq(config.log_access, "/a b/#c: \"d\\e");
    cr_expect(override("log.access", "null"), "%s", error);
    cr_expect_str_eq(config.log_access, "null");
    cr_expect(override("listen", "[::]:0"), "%s", error);
    cr_expect_str_eq(config.listen.items[0], "[::]:0");
}

Test(config, an_empty_override_empties)
{
    cr_expect(override("admin.listen", ""), "%s", error);
    cr_expect_str_eq(config.admin_listen, "");
    cr_expect(override("filemod.roots", ""), "%s", error);
    cr_expect_eq(config.filemod_roots.len, 0);
}

Test(config, strings_have_room_and_no_more)
{
    char value[CONFIG_PATH_CAP + 1];

    memset(value, 'a', sizeof(value));
    value[CONFIG_PATH_CAP] = '\0';
    cr_expect_not(override("state_dir", value));
    cr_expect(strstr(error, "...' is longer than 1023 bytes") != NULL, "%s", error);
    value[CONFIG_PATH_CAP - 1] = '\0';
    cr_expect(override("state_dir", value), "%s", error);
    value[256] = '\0';
    cr_expect_not(override("url.deny", value));
    cr_expect(strstr(error, "...' is longer than 255 bytes") != NULL, "%s", error);
    value[108] = '\0';
    cr_expect_not(override("control_socket", value));
    value[107] = '\0';
    cr_expect(override("control_socket", value), "%s", error);
}

Test(config, files_that_cannot_be_read_are_told)
{
    char want[CONFIG_ERROR_CAP];
    static char big[MIB(1) + 2];

    cr_assert_not(config_load(&config, "/nonexistent/b.yaml", NULL, 0, error));
    cr_assert_str_eq(error, "/nonexistent/b.yaml: cannot be read: No such file or directory");
    cr_assert_not(config_load(&config, "/tmp", NULL, 0, error));
    cr_assert_str_eq(error, "/tmp: cannot be read: not a regular file");
    cr_assert_not(config_load(&config, "/dev/zero", NULL, 0, error));
    cr_assert_str_eq(error, "/dev/zero: cannot be read: not a regular file");

    memset(big, '\n', sizeof(big));
    cr_assert_not(load_bytes(big, sizeof(big)));
    cr_assert_str_eq(error, "F: larger than 1MiB");
    cr_assert(load_bytes(big, MIB(1)), "%s", error);

    cr_assert_not(load_bytes("a: b\nc\0d", 8));
    cr_assert_str_eq(error, "F:2: not YAML: a NUL byte");

    put_file("", 0);
    chmod(file, 0);
    if (geteuid() == 0) {
        cr_assert_eq(setuid(12345), 0);
    }
    cr_assert_not(config_load(&config, file, NULL, 0, error));
    snprintf(want, sizeof(want), "%s: cannot be read: Permission denied", file);
    cr_assert_str_eq(error, want);
    unlink(file);
}

/* A FIFO without a writer must not hang the start. */
Test(config, a_fifo_is_refused_at_once, .timeout = 5)
{
    char name[64];

    snprintf(name, sizeof(name), "/tmp/baleen-test-fifo-%d", (int)getpid());
    cr_assert_eq(mkfifo(name, 0600), 0);
    cr_expect_not(config_load(&config, name, NULL, 0, error));
    unlink(name);
    cr_assert(strstr(error, "not a regular file") != NULL, "%s", error);
}

Test(config, hostile_yaml_ends_soon, .timeout = 20)
{
    static char text[MIB(1)];
    static const char *const units[] = {
        "[",     "{",    "- ",  "? ", "{a: ",    "a: &a ", "\"", "icap: {",
        "a:\n ", "|\n ", "\\x", "%",  "- - - {", ",[",     "'\n"};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t unit_len = strlen(units[i]);
        size_t len = sizeof(text) / unit_len * unit_len;

        for (size_t at = 0; at < len; at += unit_len) {
            memcpy(text + at, units[i], unit_len);
        }
        cr_expect_not(load_bytes(text, len), "%s", units[i]);
        cr_expect_lt(strlen(error), CONFIG_ERROR_CAP);
        cr_expect_null(strchr(error, '\n'));
    }
}

/* Whatever the bytes, the answer is a yes, or one line. */
Test(config, damaged_files_never_do_harm)
{
    static const char good[] = "listen: [\"0.0.0.0:1344\", \"[::]:0\"]\n"
                               "icap:\n  aliases: {a: {service: echo, profile: guide}}\n"
                               "  trickle: {after: 5s, rate: 1KiB} # x\n"
                               "ddr: {thresholds: {a: 1, \"b\\x41\": 2}}\n";
    char text[sizeof(good)];
    unsigned seed = 7;

    for (size_t round = 0; round < 3000; round++) {
        size_t len = sizeof(good) - 1;

        memcpy(text, good, sizeof(good));
        for (unsigned i = 0; i <= round % 3; i++) {
            seed = seed * 1103515245 + 12345;
            text[seed / 65536 % len] = (char)(seed >> 8);
        }
        if (!load_bytes(text, round % 5 == 0 ? seed / 65536 % len : len)) {
            cr_expect_null(strchr(error, '\n'));
            cr_expect_neq(error[1], '\0');
        }
    }
}

Test(config, units_are_read_and_written)
{
    static const struct {
        const char *key;
        const char *value;
        const char *written;
    } rows[] = {
        {"limits.body", "1k", "1KiB"},        {"limits.body", "1024", "1KiB"},
        {"limits.body", "1025", "1025"},      {"limits.body", "1TiB", "1TiB"},
        {"limits.body", "7b", "7"},           {"icap.preview", "1KiB", "1024"},
        {"limits.time", "1500ms", "1500ms"},  {"limits.time", "60", "1m"},
        {"icap.block_memory", "36h", "36h"},  {"icap.block_memory", "48h", "2d"},
        {"icap.options_ttl", "1d", "86400"},  {"icap.max_connections", "auto", "auto"},
        {"icap.max_connections", "007", "7"}, {"definitions.watch", "Off", "false"},
        {"icap.block_memory", "0", "0s"},     {"icap.preview", "\"17\"", "17"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect(override(rows[i].key, rows[i].value), "%s", error);
        cr_expect_str_eq(get(rows[i].key), rows[i].written, "%s: %s", rows[i].value, block);
    }
}

Test(config, get_knows_only_keys)
{
    struct text text = text_over(block, sizeof(block));

    config_init(&config);
    cr_assert_not(config_get(&config, "icap", &text));
    cr_assert_not(config_get(&config, "icap.", &text));
    cr_assert_not(config_get(&config, "", &text));
    cr_assert_eq(text.len, 0);
}

Test(config, tells_what_needs_a_restart)
{
    static const struct config_override changes[] = {
        {"shards", "3"}, {"icap.preview", "3"}, {"listen", "127.0.0.1:1"}};
    struct text text = text_over(block, sizeof(block));

    config_init(&other);
    cr_assert(config_load(&config, NULL, changes, ARRAY_LEN(changes), error), "%s", error);
    config_restart_keys(&config, &other, &text);
    cr_assert(slice_equal(text_slice(&text), SLICE_OF("listen, shards")), "%.*s", (int)text.len,
              block);
    text.len = 0;
    config_restart_keys(&config, &config, &text);
    cr_assert_eq(text.len, 0);
}

Test(config, verdict_keys_are_sorted_and_leave_out_the_rest)
{
    static char again[CONFIG_TEXT_CAP];
    struct text a = text_over(block, sizeof(block) - 1);
    struct text b = text_over(again, sizeof(again));
    char last[CONFIG_KEY_CAP] = "";
    struct slice rest;

    config_init(&config);
    config_write_verdict_keys(&config, &a);
    block[a.len] = '\0';
    rest = text_slice(&a);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        char name[CONFIG_KEY_CAP];

        snprintf(name, sizeof(name), "%.*s", (int)slice_find(line, '='), (const char *)line.ptr);
        cr_assert_lt(strcmp(last, name), 0, "%s before %s", last, name);
        memcpy(last, name, sizeof(last));
    }
    cr_assert_not_null(strstr(block, "policy.action=scanrepairdelete\n"));
    cr_assert_null(strstr(block, "log.level"));
    cr_assert_null(strstr(block, "listen"));

    cr_assert(override("shards", "2"), "%s", error);
    config_write_verdict_keys(&config, &b);
    cr_assert(slice_equal(text_slice(&a), text_slice(&b)));
    b.len = 0;
    cr_assert(override("policy.over_limit", "pass"), "%s", error);
    config_write_verdict_keys(&config, &b);
    cr_assert_not(slice_equal(text_slice(&a), text_slice(&b)));
}

Test(config, addresses_come_back_as_they_went_in)
{
    static const char *const good[] = {"127.0.0.1:1344", "[::1]:0", "[::]:65535", "0.0.0.0:1"};
    static const char *const bad[] = {
        "",           ":1",         "127.0.0.1",   "127.0.0.1:",     "1.2.3:4",
        "[::1]",      "[::1]1344",  "[]:1",        "[::1:1344",      "::1:1344",
        "1.2.3.4:+1", "1.2.3.4:1 ", "[1.2.3.4]:1", "1.2.3.4:000001", "a:b:c",
        "[::1]:"};
    struct sockaddr_storage address;
    socklen_t len = 0;
    char text[CONFIG_ADDRESS_TEXT_CAP];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cr_expect(config_address_parse(slice_from_str(good[i]), &address, &len), "%s", good[i]);
        config_address_format(&address, text);
        cr_expect_str_eq(text, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_not(config_address_parse(slice_from_str(bad[i]), &address, &len), "%s", bad[i]);
    }
    cr_expect(config_address_parse(SLICE_OF("LocalHost:7"), &address, &len));
    config_address_format(&address, text);
    cr_expect_str_eq(text, "127.0.0.1:7");
}

Test(config, every_section_is_known_to_the_suggestions)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        char wrong[CONFIG_KEY_CAP + 1];
        char *dot = NULL;

        snprintf(wrong, sizeof(wrong), "%s", config_keys[i].name);
        cr_expect_lt(strlen(wrong), CONFIG_KEY_CAP);
        dot = strrchr(wrong, '.');
        if (dot != NULL) {
            /* What is left is the section with one letter too many. */
            memcpy(dot, "x", 2);
            cr_expect_not_null(config_key_suggest(wrong), "%s", wrong);
        }
    }
}

Test(config, the_file_to_start_from_is_good)
{
    cr_assert(config_load(&config, SOURCE_ROOT "/tools/baleen.yaml", NULL, 0, error), "%s", error);
}

/* docs/configuration.md holds what `baleen config reference` prints. */
Test(config, the_document_has_the_current_reference)
{
    static char page[CONFIG_TEXT_CAP];
    struct text text = text_over(block, sizeof(block) - 1);
    FILE *in = fopen(SOURCE_ROOT "/docs/configuration.md", "re");

    cr_assert_not_null(in);
    page[fread(page, 1, sizeof(page) - 1, in)] = '\0';
    fclose(in);
    config_reference(&text);
    cr_assert_not(text.overflowed);
    block[text.len] = '\0';
    cr_assert_not_null(strstr(page, block),
                       "docs/configuration.md is not what `baleen config reference` prints");
}
