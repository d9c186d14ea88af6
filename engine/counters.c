/* SPDX-License-Identifier: MIT */
#include "engine/counters.h"

#include <string.h>
#include <sys/mman.h>

static const struct counters_field counters_table[] = {
#define COUNTER(name, kind, help)                                                                  \
    {#name, help, offsetof(struct counters, name), #kind[0] != 't', #kind[0] == 'p'},
#include "engine/counters.def"
#undef COUNTER
#define REASON(id, status, closes, level, text)                                                    \
    {"reason_" #id, text, offsetof(struct counters, reason_##id), false, false},
#include "engine/reasons.def"
#undef REASON
};

const struct counters_field *counters_fields(size_t *out_len)
{
    *out_len = ARRAY_LEN(counters_table);
    return counters_table;
}

struct counters_page *counters_map(unsigned len)
{
    void *pages = mmap(NULL, len * sizeof(struct counters_page), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

void counters_reset_gauges(struct counters *counters)
{
    for (size_t i = 0; i < ARRAY_LEN(counters_table); i++) {
        if (counters_table[i].gauge) {
            memset((uint8_t *)counters + counters_table[i].offset, 0, sizeof(uint64_t));
        }
    }
}
