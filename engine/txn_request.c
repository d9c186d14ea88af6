/* SPDX-License-Identifier: MIT */
/*
 * The steps around the body: reading heads, finding the service, refusing, draining, ending.
 */
#include "base/assert.h"
#include "engine/admission.h"
#include "engine/conn.h"
#include "engine/license.h"
#include "engine/respond.h"
#include "engine/shard.h"
#include "engine/txn.h"

/* A pooled block in place of the inline room; false when there is none or it is in use already. */
static bool txn_head_grow(struct txn *txn, struct txn_head *head)
{
    if (head->block) {
        return false;
    }
    head->block = body_block_take(&txn->shard->store);
    if (!head->block) {
        return false;
    }
    memcpy(head->block, head->ptr, head->len);
    head->ptr = head->block;
    head->cap = BODY_BLOCK_BYTES;
    return true;
}

static enum txn_flow txn_head_refuse(struct txn *txn, enum icap_head_status status)
{
    static const enum reason_id reasons[] = {
        [ICAP_HEAD_TOO_LARGE] = REASON_head_too_large,
        [ICAP_HEAD_BAD_LINE] = REASON_bad_line,
        [ICAP_HEAD_BAD_VERSION] = REASON_bad_version,
        [ICAP_HEAD_BAD_HEADER] = REASON_bad_header,
        [ICAP_HEAD_NO_HOST] = REASON_no_host,
        [ICAP_HEAD_BAD_ENCAPSULATED] = REASON_bad_encapsulated,
    };

    ASSERT(status < ARRAY_LEN(reasons));
    ASSERT(reasons[status] != REASON_NONE);
    return txn_refuse(txn, reasons[status]);
}

enum txn_flow txn_step_head(struct txn *txn)
{
    struct txn_head *head = &txn->icap;
    const size_t max = txn->generation->config->limits_head;

    for (;;) {
        const struct slice in = conn_input(txn->conn);
        const size_t n = MIN_OF(in.len, head->cap - head->len);
        size_t head_len = 0;

        if (in.len == 0) {
            return TXN_WAIT;
        }
        memcpy(head->ptr + head->len, in.ptr, n);
        const enum icap_head_status status = icap_head_parse(
            slice_from(head->ptr, head->len + n), max, &txn->icap_seen, &txn->request, &head_len);

        if (status == ICAP_HEAD_MORE) {
            conn_consume(txn->conn, n);
            head->len += n;
            if (head->len == head->cap && !txn_head_grow(txn, head)) {
                return txn_refuse(txn, head->block ? REASON_head_too_large : REASON_no_memory);
            }
            continue;
        }
        if (status != ICAP_HEAD_OK) {
            return txn_head_refuse(txn, status);
        }
        conn_consume(txn->conn, head_len - head->len);
        head->len = head_len;
        return txn_goto(txn, TXN_STEP_route);
    }
}

static void txn_count_method(struct txn *txn)
{
    struct counters *counters = txn->shard->counters;

    counters_add(&counters->requests, 1);
    switch (txn->request.method) {
    case ICAP_METHOD_OPTIONS:
        counters_add(&counters->requests_options, 1);
        break;
    case ICAP_METHOD_REQMOD:
        counters_add(&counters->requests_reqmod, 1);
        break;
    case ICAP_METHOD_RESPMOD:
        counters_add(&counters->requests_respmod, 1);
        break;
    case ICAP_METHOD_FILEMOD:
        counters_add(&counters->requests_filemod, 1);
        break;
    case ICAP_METHOD_UNKNOWN:
        break;
    }
}

/* ?action= of services that scan for viruses; REQMOD always behaves as scan. Contract section 2. */
static bool txn_read_action(struct txn *txn)
{
    static const char *const names[] = {
        [CONFIG_ACTION_SCANREPAIRDELETE] = "scanrepairdelete",
        [CONFIG_ACTION_SCANREPAIR] = "scanrepair",
        [CONFIG_ACTION_SCANDELETE] = "scandelete",
        [CONFIG_ACTION_SCAN] = "scan",
    };
    struct slice value;

    txn->action = txn->generation->config->policy_action;
    if (!(txn->route.service->scans & SERVICE_SCAN_AV)) {
        return true;
    }
    if (icap_query_find(txn->request.query, "action", &value)) {
        size_t i = 0;

        while (i < ARRAY_LEN(names) && !slice_equal_nocase(value, slice_from_str(names[i]))) {
            i++;
        }
        if (i == ARRAY_LEN(names)) {
            return false;
        }
        txn->action = (enum config_action)i;
    }
    if (txn->request.method == ICAP_METHOD_REQMOD) {
        txn->action = CONFIG_ACTION_SCAN;
    }
    return true;
}

enum txn_flow txn_step_route(struct txn *txn)
{
    const struct icap_request *request = &txn->request;

    txn_count_method(txn);
    txn->closes = request->wants_close;
    txn->heads_left = request->encapsulated.heads_len;
    txn->body_wanted = request->encapsulated.has_body;
    txn->preview_open = request->has_preview && txn->body_wanted;
    if (request->method == ICAP_METHOD_UNKNOWN) {
        /* Without the line nobody knows where the next request begins. */
        txn->closes = txn->closes || !request->encapsulated.present;
        return txn_refuse(txn, REASON_unknown_method);
    }
    if (!service_find(txn->generation->config, request->service, &txn->route)) {
        return txn_refuse(txn, REASON_no_service);
    }
    txn->routed = true;
    if (request->method == ICAP_METHOD_OPTIONS) {
        return txn_goto(txn, TXN_STEP_options);
    }
    if (!(txn->route.service->method_bits & (1u << request->method))) {
        return txn_refuse(txn, REASON_bad_method);
    }
    if (request->method == ICAP_METHOD_FILEMOD && request->filepath.len == 0) {
        return txn_refuse(txn, REASON_no_filepath);
    }
    if (!txn_read_action(txn)) {
        return txn_refuse(txn, REASON_bad_action);
    }
    if ((txn->route.service->scans & SERVICE_SCAN_AV) &&
        !license_is_valid(txn->generation->file->license_until_sec, txn->shard->date_sec)) {
        return txn_refuse(txn, REASON_no_license);
    }
    return txn_goto(txn, TXN_STEP_admit);
}

enum txn_flow txn_step_options(struct txn *txn)
{
    const enum admission_result result = admission_probe(txn);

    if (result == ADMISSION_REFUSE_QUEUE) {
        return txn_refuse(txn, REASON_too_busy);
    }
    if (result == ADMISSION_REFUSE_CONNS) {
        return txn_refuse(txn, REASON_too_many_connections);
    }
    respond_options(txn);
    return txn_goto(txn, TXN_STEP_drain);
}

enum txn_flow txn_step_admit(struct txn *txn)
{
    if (!list_is_empty(&txn->wait_node) || !list_is_empty(&txn->work_node)) {
        return TXN_WAIT;
    }
    if (txn->counted) {
        return txn_goto(txn, TXN_STEP_heads);
    }
    switch (admission_enter(txn)) {
    case ADMISSION_REFUSE_QUEUE:
        return txn_refuse(txn, REASON_too_busy);
    case ADMISSION_REFUSE_CONNS:
        return txn_refuse(txn, REASON_too_many_connections);
    case ADMISSION_WAIT:
        return TXN_WAIT;
    case ADMISSION_OK:
        break;
    }
    if (admission_defers(txn)) {
        txn_work_later(txn);
        return TXN_WAIT;
    }
    return txn_goto(txn, TXN_STEP_heads);
}

static bool txn_parse_heads(struct txn *txn)
{
    const struct icap_encapsulated *enc = &txn->request.encapsulated;
    const struct slice all = slice_from(txn->http.ptr, txn->http.len);

    if (enc->has_req_hdr) {
        if (!http_request_parse(slice_from(all.ptr, enc->req_hdr_len), &txn->http_req)) {
            return false;
        }
        txn->has_http_req = true;
    }
    if (enc->has_res_hdr) {
        if (!http_response_parse(slice_from(all.ptr + enc->req_hdr_len, enc->res_hdr_len),
                                 &txn->http_res)) {
            return false;
        }
        txn->has_http_res = true;
    }
    return true;
}

/* Takes encapsulated heads until all are there, to keep or to drop. False: more bytes are needed.
 */
static bool txn_take_heads(struct txn *txn, bool keep)
{
    while (txn->heads_left > 0) {
        const struct slice in = conn_input(txn->conn);
        const size_t n = MIN_OF(in.len, txn->heads_left);

        if (in.len == 0) {
            return false;
        }
        if (keep) {
            memcpy(txn->http.ptr + txn->http.len, in.ptr, n);
            txn->http.len += n;
        }
        txn->heads_left -= n;
        conn_consume(txn->conn, n);
    }
    return true;
}

static bool txn_is_excluded(const struct txn *txn)
{
    const struct config *config = txn->generation->config;

    if (config->icap_scan_types != CONFIG_SCAN_ALL_BUT || !txn->has_http_req) {
        return false;
    }
    const struct slice extension = http_target_extension(txn->http_req.target);

    for (uint32_t i = 0; i < config->icap_exclude_extensions.len; i++) {
        if (slice_equal_nocase(extension,
                               slice_from_str(config->icap_exclude_extensions.items[i]))) {
            return true;
        }
    }
    return false;
}

/* The URL whose body broke off before gets the block page from its heads alone. */
static bool txn_find_blocked(struct txn *txn)
{
    char room[TXN_URL_CAP];

    if (txn->shard->block_memory.used == 0 || !txn->has_http_req ||
        !(txn->route.service->scans & SERVICE_SCAN_AV)) {
        return false;
    }
    const struct message_blocked *entry =
        block_memory_find(&txn->shard->block_memory, txn_url(txn, room), txn->generation->number,
                          shard_now(txn->shard));

    if (!entry) {
        return false;
    }
    counters_add(&txn->shard->counters->blocked_from_memory, 1);
    txn->finding = (struct match_finding){
        .kind = (enum match_kind)entry->kind,
        .name = entry->name,
        .id = entry->threat_id,
        .category = entry->category,
        .repair = "",
    };
    return true;
}

enum txn_flow txn_step_heads(struct txn *txn)
{
    const size_t heads_len = txn->request.encapsulated.heads_len;

    if (txn->request.method == ICAP_METHOD_FILEMOD) {
        return txn_goto(txn, TXN_STEP_file_open);
    }
    if (heads_len > txn->generation->config->limits_head) {
        return txn_refuse(txn, REASON_head_too_large);
    }
    if (heads_len > txn->http.cap && !txn_head_grow(txn, &txn->http)) {
        return txn_refuse(txn, REASON_no_memory);
    }
    if (!txn_take_heads(txn, true)) {
        return TXN_WAIT;
    }
    if (!txn_parse_heads(txn)) {
        return txn_refuse(txn, REASON_bad_http_head);
    }
    if (txn_find_blocked(txn) || txn->verdict == TXN_FOUND) {
        return txn_decide(txn, TXN_FOUND);
    }
    if (!txn->body_wanted) {
        return txn_decide(txn, TXN_SKIPPED);
    }
    if (!(txn->route.service->scans & SERVICE_SCAN_AV) || txn_is_excluded(txn)) {
        txn->verdict = TXN_SKIPPED;
    }
    conn_set_deadline(txn->conn, txn->generation->config->icap_progress_timeout_ns);
    return txn_goto(txn, TXN_STEP_body);
}

/* Drops the rest of the body: with a preview only its rest, because no 100 will be sent. */
static enum txn_flow txn_drain_body(struct txn *txn)
{
    while (txn->body_wanted) {
        const struct slice in = conn_input(txn->conn);
        struct slice rest = in;
        struct slice out;

        if (in.len == 0) {
            return TXN_WAIT;
        }
        const enum chunk_status status = chunk_feed(&txn->chunk, &rest, &out);
        const size_t taken = in.len - rest.len;

        conn_consume(txn->conn, taken);
        txn->drained += taken;
        conn_set_deadline(txn->conn, txn->generation->config->icap_progress_timeout_ns);
        if (status == CHUNK_END) {
            txn->body_wanted = false;
        } else if (status == CHUNK_BAD || txn->drained > txn->generation->config->icap_drain_max) {
            txn->closes = true;
            reason_count(txn->shard->counters, REASON_drain_limit);
            return TXN_NEXT;
        }
    }
    return TXN_NEXT;
}

enum txn_flow txn_step_drain(struct txn *txn)
{
    ASSERT(txn->answered);
    if (txn->closes || txn->heads_left > txn->generation->config->icap_drain_max) {
        /* Lingering drops what comes; nothing of it is read as a request. */
        txn->closes = true;
        return txn_goto(txn, TXN_STEP_sent);
    }
    if (!txn_take_heads(txn, false) || txn_drain_body(txn) == TXN_WAIT) {
        if (!txn->conn->peer_ended) {
            return TXN_WAIT;
        }
        txn->closes = true;
    }
    return txn_goto(txn, TXN_STEP_sent);
}

enum txn_flow txn_step_sent(struct txn *txn)
{
    /* A spill that is still being written ends first. */
    return txn->answer.done && txn_is_quiet(txn) ? TXN_END : TXN_WAIT;
}
