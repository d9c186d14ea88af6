/* SPDX-License-Identifier: MIT */
#include "bench/load/load_web.h"

/*
 * Requests: the medians of desktop pages in 2025 by type, in all 57: scripts 23, images 17, style
 * sheets 8, fonts 4, HTML 3, and 2 others, which are taken for one of JSON and one of text.
 * (Medians of parts are no parts of the median, which is 77.)
 *
 * Sizes: log-normal distributions through the median and the 90th percentile, which is 1.2816
 * standard deviations above it; in 2025, desktop: scripts 4.6 and 83.5 KB, images 8 and 183 KB,
 * fonts 23 and 79 KB. The quartiles that are given beside these fit: scripts 1.2 and 21.8 KB, where
 * the distribution has 1.0 and 21.1; fonts 15 and 47 KB, where it has 12 and 44. For the other
 * types the 90th percentile is half of what the chart of all types says, because that adds desktop
 * and mobile (its 369 KB for images are 183 and 186): style sheets 25 KB, HTML 30 KB, XML 1.5 KB
 * (here: JSON), text 0.5 KB. The median of style sheets is that of 2022, 2 KB. Medians of the rest
 * are not given, and estimates: HTML 6 KB (22 KB a page in three responses, of which one is the
 * page), JSON 512 bytes, text 128 bytes.
 */
const struct load_web_kind load_web_kinds[LOAD_WEB_KINDS] = {
    {LOAD_KIND_SCRIPT, 23, {4710, 2.262, MIB(16)}}, {LOAD_KIND_IMAGE, 17, {8192, 2.442, MIB(32)}},
    {LOAD_KIND_CSS, 8, {2048, 1.971, MIB(4)}},      {LOAD_KIND_FONT, 4, {23552, 0.963, MIB(4)}},
    {LOAD_KIND_HTML, 3, {6144, 1.256, MIB(8)}},     {LOAD_KIND_JSON, 1, {512, 0.857, MIB(1)}},
    {LOAD_KIND_TEXT, 1, {128, 1.082, MIB(1)}},
};

const struct load_lognormal *load_web_size(enum load_kind kind)
{
    for (size_t i = 0; i < LOAD_WEB_KINDS; i++) {
        if (load_web_kinds[i].kind == kind) {
            return &load_web_kinds[i].size;
        }
    }
    return NULL;
}
