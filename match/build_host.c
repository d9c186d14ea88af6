/* SPDX-License-Identifier: MIT */
#include "match/build_host.h"

#include "match/layout.h"

#include <hs/hs.h>
#include <stdio.h>
#include <yara/libyara.h>

void build_host_write(char out[BUILD_HOST_CAP])
{
    hs_platform_info_t host = {0};
    const bool has_avx2 = hs_populate_platform(&host) == HS_SUCCESS &&
                          (host.cpu_features & HS_CPU_FEATURES_AVX2) != 0;

    (void)snprintf(out, BUILD_HOST_CAP, "layout %d, Hyperscan %s, %s, YARA %s", LAYOUT_VERSION,
                   hs_version(), has_avx2 ? "AVX2" : "no AVX2", YR_VERSION);
}
