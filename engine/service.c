/* SPDX-License-Identifier: MIT */
#include "engine/service.h"

#include "base/assert.h"

#define SERVICE_REQMOD  (1u << ICAP_METHOD_REQMOD)
#define SERVICE_RESPMOD (1u << ICAP_METHOD_RESPMOD)
#define SERVICE_FILEMOD (1u << ICAP_METHOD_FILEMOD)
#define SERVICE_FILES   (SERVICE_RESPMOD | SERVICE_FILEMOD)

/* AVSCAN takes all three and speaks the standard profile: it is what other products' clients ask
 * for. */
static const struct service service_table[SERVICE_COUNT] = {
    [SERVICE_AVSCANREQ] = {"AVSCANREQ", "AVSCANREQ", "REQMOD", SERVICE_REQMOD, SERVICE_SCAN_AV,
                           true, CONFIG_PROFILE_GUIDE},
    [SERVICE_AVSCANRESP] = {"AVSCANRESP", "AVSCANRESP", "RESPMOD, FILEMOD", SERVICE_FILES,
                            SERVICE_SCAN_AV, true, CONFIG_PROFILE_GUIDE},
    [SERVICE_AVSCAN] = {"AVSCAN", "AVSCAN", "RESPMOD, FILEMOD, REQMOD",
                        SERVICE_FILES | SERVICE_REQMOD, SERVICE_SCAN_AV, true,
                        CONFIG_PROFILE_STANDARD},
    [SERVICE_REQ_AV] = {"SYMCScanReq-AV", "SYMCSCANREQ-AV", "REQMOD", SERVICE_REQMOD,
                        SERVICE_SCAN_AV, false, CONFIG_PROFILE_GUIDE},
    [SERVICE_REQ_URL] = {"SYMCScanReq-URL", "SYMCSCANREQ-URL", "REQMOD", SERVICE_REQMOD,
                         SERVICE_SCAN_URL, false, CONFIG_PROFILE_GUIDE},
    [SERVICE_REQ_AV_URL] = {"SYMCScanReq-AV-URL", "SYMCSCANREQ-AV-URL", "REQMOD", SERVICE_REQMOD,
                            SERVICE_SCAN_AV | SERVICE_SCAN_URL, false, CONFIG_PROFILE_GUIDE},
    [SERVICE_RESP_AV] = {"SYMCScanResp-AV", "SYMCSCANRESP-AV", "RESPMOD, FILEMOD", SERVICE_FILES,
                         SERVICE_SCAN_AV, false, CONFIG_PROFILE_GUIDE},
    [SERVICE_RESP_DDR] = {"SYMCScanResp-DDR", "SYMCSCANRESP-DDR", "RESPMOD, FILEMOD", SERVICE_FILES,
                          SERVICE_SCAN_DDR, false, CONFIG_PROFILE_GUIDE},
    [SERVICE_RESP_AV_DDR] = {"SYMCScanResp-AV-DDR", "SYMCSCANRESP-AV-DDR", "RESPMOD, FILEMOD",
                             SERVICE_FILES, SERVICE_SCAN_AV | SERVICE_SCAN_DDR, false,
                             CONFIG_PROFILE_GUIDE},
    [SERVICE_ECHO] = {"echo", "ECHO", "REQMOD, RESPMOD", SERVICE_REQMOD | SERVICE_RESPMOD, 0, false,
                      CONFIG_PROFILE_STANDARD},
    [SERVICE_EX206] = {"ex206", "EX206", "REQMOD, RESPMOD", SERVICE_REQMOD | SERVICE_RESPMOD, 0,
                       false, CONFIG_PROFILE_STANDARD},
};

const char *const service_categories[] = {
    "Adult Humor",
    "Alcohol-Tobacco",
    "Anonymous Proxies",
    "Crime",
    "Drugs/Advocacy",
    "Drugs/Non-medical",
    "Entertainment/Games",
    "Entertainment/Sports",
    "Finance",
    "Gambling",
    "Humor",
    "Interactive/Chat",
    "Interactive/Mail",
    "Intolerance",
    "Job Search",
    "News",
    "Occult/New Age",
    "Prescription Medicine",
    "Real Estate",
    "Religion",
    "Sex/Acts",
    "Sex/Attire",
    "Sex/Nudity",
    "Sex/Personals",
    "Sex Education/Advanced",
    "Sex Education/Basic",
    "Sex Education/Sexuality",
    "Travel",
    "Vehicles",
    "Violence",
    "Weapons",
    "AllowURLsCategory",
    "AllowURLsWithDDRCategory",
};
const size_t service_categories_len = ARRAY_LEN(service_categories);

const struct service *service_get(enum service_id id)
{
    ASSERT(id < SERVICE_COUNT);
    return &service_table[id];
}

static bool service_find_name(struct slice name, struct service_route *out)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (slice_equal_nocase(name, slice_from_str(service_table[i].name))) {
            *out = (struct service_route){&service_table[i], (enum service_id)i,
                                          service_table[i].profile};
            return true;
        }
    }
    return false;
}

bool service_find(const struct config *config, struct slice name, struct service_route *out)
{
    if (service_find_name(name, out)) {
        return true;
    }
    for (uint32_t i = 0; i < config->icap_alias_len; i++) {
        const struct config_alias *alias = &config->icap_aliases[i];

        if (slice_equal_nocase(name, slice_from_str(alias->name)) &&
            service_find_name(slice_from_str(alias->service), out)) {
            out->profile = alias->profile;
            return true;
        }
    }
    return false;
}
