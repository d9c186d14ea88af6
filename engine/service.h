#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * service - the nine services of the guide, two for testing, and the operator's aliases.
 *
 * Sources: guide, Table 3-3; scan-engine contract, section 2. Names compare without case.
 */
#include "engine/config.h"
#include "net/wire/icap_head.h"

enum service_scan {
    SERVICE_SCAN_AV = 1,
    SERVICE_SCAN_URL = 2,
    SERVICE_SCAN_DDR = 4
};

enum service_id {
    SERVICE_AVSCANREQ,
    SERVICE_AVSCANRESP,
    SERVICE_AVSCAN,
    SERVICE_REQ_AV,
    SERVICE_REQ_URL,
    SERVICE_REQ_AV_URL,
    SERVICE_RESP_AV,
    SERVICE_RESP_DDR,
    SERVICE_RESP_AV_DDR,
    SERVICE_ECHO,
    SERVICE_EX206,
    SERVICE_COUNT,
};

struct service {
    const char *name;    /* As the guide writes it. */
    const char *id;      /* Service-ID: the name in capitals. */
    const char *methods; /* Value of the Methods header. */
    uint8_t method_bits; /* 1 << enum icap_method */
    uint8_t scans;       /* SERVICE_SCAN_ bits; 0 gives everything back. */
    bool legacy;
    uint8_t profile; /* Default enum config_profile. */
};

struct service_route {
    const struct service *service;
    enum service_id id;
    enum config_profile profile;
};

const struct service *service_get(enum service_id id);

/* False when neither a service nor an alias has that name. */
MUST_CHECK bool service_find(const struct config *config, struct slice name,
                             struct service_route *out);

/* The category attribute list of OPTIONS: the 33 of the guide in its order (page 46 and on). */
extern const char *const service_categories[];
extern const size_t service_categories_len;
