#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * config - what the operator asked for, as one flat block.
 *
 * Role: the supervisor reads the YAML file and the `-s key=value` overrides into a `struct config`
 * without pointers, so that it travels to every shard as a sealed memfd and can be digested for the
 * ISTag. One table (config.def) lists every key once: name, type, default, limits, whether it can
 * change a verdict or a response, whether a reload can apply it, and its line of documentation.
 * Errors: one line naming file, line, key and what is allowed.
 */
#include "base/slice.h"

#include <limits.h>

#define CONFIG_PATH_CAP  1024
#define CONFIG_NAME_CAP  64
#define CONFIG_ADDR_CAP  128
#define CONFIG_LIST_MAX  32
#define CONFIG_ALIAS_MAX 64
#define CONFIG_ERROR_CAP 512

/* Durations are nanoseconds, sizes are bytes. */
#define CONFIG_AUTO UINT32_MAX /* The value of `auto` in a uint32_t. */

enum config_profile {
    CONFIG_PROFILE_GUIDE,
    CONFIG_PROFILE_STANDARD
};
enum config_infected {
    CONFIG_INFECTED_REPLACE,
    CONFIG_INFECTED_FORBID
};
enum config_scan_types {
    CONFIG_SCAN_ALL,
    CONFIG_SCAN_ALL_BUT
};
enum config_early_head {
    CONFIG_EARLY_SQUID,
    CONFIG_EARLY_OFF,
    CONFIG_EARLY_ALL
};
enum config_verdict {
    CONFIG_PASS,
    CONFIG_BLOCK
};
enum config_action {
    CONFIG_ACTION_SCANREPAIRDELETE,
    CONFIG_ACTION_SCANREPAIR,
    CONFIG_ACTION_SCANDELETE,
    CONFIG_ACTION_SCAN,
};
enum config_ring {
    CONFIG_RING_AUTO,
    CONFIG_RING_URING,
    CONFIG_RING_EPOLL
};
enum config_log_format {
    CONFIG_LOG_TEXT,
    CONFIG_LOG_JSON
};

struct config_list {
    uint32_t len;
    char items[CONFIG_LIST_MAX][256];
};

struct config_alias {
    char name[CONFIG_NAME_CAP];
    char service[CONFIG_NAME_CAP];
    uint32_t profile; /* enum config_profile */
};

/* In the order of the table, not of the sizes.
 * NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct config {
    struct config_list listen;
    struct config_list listen_tls;
    char tls_certificate[CONFIG_PATH_CAP];
    char tls_key[CONFIG_PATH_CAP];
    char tls_client_ca[CONFIG_PATH_CAP];
    char admin_listen[CONFIG_ADDR_CAP];
    char admin_token_file[CONFIG_PATH_CAP];
    char control_socket[CONFIG_PATH_CAP];
    uint32_t shards; /* CONFIG_AUTO: one per usable core. */
    char state_dir[CONFIG_PATH_CAP];
    char user[CONFIG_NAME_CAP]; /* Root drops to this user; "" stays. */
    uint32_t ring;              /* enum config_ring */

    char definitions_path[CONFIG_PATH_CAP];
    bool definitions_require_signature;
    struct config_list definitions_trusted_keys;
    bool definitions_watch;

    uint32_t icap_preview;
    uint32_t icap_options_ttl;     /* Seconds. */
    uint32_t icap_max_connections; /* CONFIG_AUTO */
    uint32_t icap_infected_response;
    char icap_replacement_file[CONFIG_PATH_CAP];
    uint32_t icap_scan_types;
    struct config_list icap_exclude_extensions;
    bool icap_legacy_headers_only;
    uint32_t icap_alias_len;
    struct config_alias icap_aliases[CONFIG_ALIAS_MAX];
    uint64_t icap_trickle_after_ns; /* 0: off. */
    uint64_t icap_trickle_rate;     /* Bytes a second. */
    uint32_t icap_early_head;
    uint64_t icap_block_memory_ns;
    uint64_t icap_head_timeout_ns;     /* No complete head within this: 408. */
    uint64_t icap_progress_timeout_ns; /* No byte of a body within this: 408. */
    uint64_t icap_idle_timeout_ns;     /* A kept connection without a request is closed. */
    uint64_t icap_drain_max;           /* Bytes of a body read and dropped after an early answer. */

    uint32_t admission_queue_threshold; /* CONFIG_AUTO: above max_connections. */
    bool admission_notify;
    uint64_t admission_wait_ns;
    uint32_t admission_overload; /* enum config_verdict */

    uint32_t policy_action;
    bool policy_nonviral_category;
    uint32_t policy_encrypted_container;
    uint32_t policy_malformed_container;
    uint32_t policy_over_limit;

    uint64_t limits_body;
    uint64_t limits_unpacked;
    uint32_t limits_ratio;
    uint32_t limits_members;
    uint32_t limits_depth;
    uint64_t limits_time_ns;
    uint32_t limits_head;
    uint64_t limits_body_memory; /* Bytes of bodies that one shard keeps in memory; more goes to
                                    files. */

    struct config_list mail_block_subjects;
    struct config_list mail_block_attachments;
    uint64_t mail_max_size;

    struct config_list url_deny;
    struct config_list url_allow;
    struct config_list url_allow_with_ddr;
    bool url_audit;
    struct config_list ddr_deny;
    uint32_t ddr_threshold;
    struct config_list ddr_thresholds; /* "Category=n" */
    bool ddr_url_words;

    struct config_list filemod_roots;
    char filemod_quarantine_dir[CONFIG_PATH_CAP];

    char license_file[CONFIG_PATH_CAP];
    bool license_required;

    uint32_t log_level; /* enum log_level */
    char log_access[CONFIG_PATH_CAP];
    uint32_t log_format;
};

struct config_override {
    const char *key;   /* "icap.preview" */
    const char *value; /* "4", "[a, b]", "{after: 5s, rate: 1KiB}" */
};

/* The built-in defaults. */
void config_init(struct config *config);

/*
 * Defaults, then the file (NULL: none), then the overrides in their order (a list key given again
 * is appended to). On a refusal returns false and writes one line to `error`; `config` is then
 * untouched.
 */
MUST_CHECK bool config_load(struct config *config, const char *file,
                            const struct config_override *overrides, size_t overrides_len,
                            char error[CONFIG_ERROR_CAP]);

struct text;
/* Value of one key as it would stand in YAML on one line; false when there is no such key. */
MUST_CHECK bool config_get(const struct config *config, const char *key, struct text *out);

/* All keys with their values as a YAML file that config_load takes back. */
void config_write(const struct config *config, struct text *out);

/* The reference: every key with type, default, limits and what it does, as Markdown. */
void config_reference(struct text *out);

/*
 * The keys in which two configurations differ and that a running engine cannot take over (listen,
 * shards, user, ...), comma-separated; empty when a reload applies everything.
 */
void config_restart_keys(const struct config *a, const struct config *b, struct text *out);

/* Gives `config` the values of `running` for those keys: what runs is what it says. */
void config_keep_restart_keys(struct config *config, const struct config *running);

/* Writes "key=value" lines of all keys that can change a verdict or a response: what the ISTag
 * digests. */
void config_write_verdict_keys(const struct config *config, struct text *out);

/* Largest text the writers above make. */
#define CONFIG_TEXT_CAP KIB(512)
