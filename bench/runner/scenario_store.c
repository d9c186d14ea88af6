/* SPDX-License-Identifier: MIT */
#include "bench/runner/scenario_store.h"

/* Symbols that tools/embed.py makes of bench/scenarios/, and names on the command line. */
#define SCENARIO_STORE(X)                                                                          \
    X(smoke, "smoke")                                                                              \
    X(isp_mix, "isp-mix")                                                                          \
    X(preview_sweep, "preview-sweep")                                                              \
    X(queue_threshold, "queue-threshold")                                                          \
    X(hot_swap, "hot-swap")                                                                        \
    X(connections, "connections")                                                                  \
    X(body_sizes, "body-sizes")                                                                    \
    X(filemod_tree, "filemod-tree")                                                                \
    X(fault, "fault")                                                                              \
    X(soak, "soak")

#define X(symbol, word)                                                                            \
    extern const unsigned char scenario_yaml_##symbol[];                                           \
    extern const size_t scenario_yaml_##symbol##_len;
SCENARIO_STORE(X)
#undef X

static const struct scenario_store_item {
    const char *name;
    const unsigned char *bytes;
    const size_t *len;
} scenario_store_items[] = {
#define X(symbol, word) {word, scenario_yaml_##symbol, &scenario_yaml_##symbol##_len},
    SCENARIO_STORE(X)
#undef X
};

size_t scenario_store_len(void)
{
    return ARRAY_LEN(scenario_store_items);
}

struct scenario_store_entry scenario_store_at(size_t index)
{
    const struct scenario_store_item *item = &scenario_store_items[index];

    return (struct scenario_store_entry){item->name, slice_from(item->bytes, *item->len)};
}

bool scenario_store_find(const char *name, struct slice *out)
{
    for (size_t i = 0; i < scenario_store_len(); i++) {
        if (strcmp(scenario_store_items[i].name, name) == 0) {
            *out = scenario_store_at(i).yaml;
            return true;
        }
    }
    return false;
}
