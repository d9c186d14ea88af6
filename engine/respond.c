/* SPDX-License-Identifier: MIT */
#include "engine/respond.h"

#include "base/assert.h"
#include "engine/conn.h"
#include "engine/license.h"
#include "engine/page.h"
#include "engine/shard.h"
#include "engine/txn.h"
#include "net/wire/reply.h"

#define RESPOND_NAME_MAX 256

/* Names of signatures are cut here in headers and pages; a definition file may hold any length. */
static struct slice respond_cut(const char *name)
{
    return slice_from(name, strnlen(name, RESPOND_NAME_MAX));
}

static void respond_count_status(struct txn *txn, unsigned status)
{
    struct counters *counters = txn->shard->counters;

    txn->status = status;
    switch (status) {
    case 200:
        counters_add(&counters->answers_200, 1);
        break;
    case 201:
        counters_add(&counters->answers_201, 1);
        break;
    case 204:
        counters_add(&counters->answers_204, 1);
        break;
    case 206:
        counters_add(&counters->answers_206, 1);
        break;
    case 403:
        counters_add(&counters->answers_403, 1);
        break;
    default:
        counters_add(status < 500 ? &counters->answers_4xx : &counters->answers_5xx, 1);
        break;
    }
}

/* Status line, ISTag, Date, Service and Service-ID: what every response but 100 carries. */
static struct text *respond_begin(struct txn *txn, unsigned status)
{
    struct text *text = &txn->answer.text;

    txn->closes = txn->closes || txn->shard->draining;
    respond_count_status(txn, status);
    if (status == 403 && txn->request.method == ICAP_METHOD_FILEMOD) {
        reply_status_line_as(text, status, REPLY_FORBIDDEN_FILEMOD);
    } else {
        reply_status_line(text, status);
    }
    TEXT_PUT(text, "ISTag: \"");
    text_put(text, txn->generation->file->istag, DEFS_ISTAG_CAP - 1);
    TEXT_PUT(text, "\"\r\n");
    text_put_slice(text, shard_date(txn->shard));
    if (txn->routed) {
        text_put_slice(text, txn->generation->services[txn->route.id].ident);
    } else {
        TEXT_PUT(text, "Service: Baleen/" BALEEN_VERSION "\r\n");
    }
    if (txn->closes) {
        TEXT_PUT(text, "Connection: close\r\n");
    }
    return text;
}

static void respond_end_null_body(struct text *text)
{
    reply_put_encapsulated(text, ICAP_SECTION_REQ_HDR, 0, ICAP_SECTION_NULL_BODY);
    reply_end_head(text);
}

/* An answer outgrew its room, which is a defect of ours: a 500 takes its place, the shard goes on.
 */
static void respond_defect(struct txn *txn)
{
    struct answer *answer = &txn->answer;
    struct text *text = &answer->text;

    LOG_ERR("%s: an answer of over %zu bytes of heads (status %u)", conn_peer(txn->conn), text->cap,
            txn->status);
    reason_count(txn->shard->counters, REASON_internal);
    text->len = answer->text_sent;
    text->overflowed = false;
    answer->parts_len = answer->parts_sent;
    answer->echo = false;
    txn->closes = true;
    respond_begin(txn, 500);
    respond_end_null_body(text);
    ASSERT(!text->overflowed);
}

/* The answer is whole: nothing but the kept body may follow. */
static void respond_finish(struct txn *txn)
{
    if (UNLIKELY(txn->answer.text.overflowed)) {
        respond_defect(txn);
    }
    txn->answered = true;
    txn->answer.final = true;
    /* Whatever the client was waited for before: now it is to take the answer. */
    conn_set_deadline(txn->conn, txn->generation->config->icap_progress_timeout_ns);
    answer_pump(txn);
}

void respond_continue(struct txn *txn)
{
    counters_add(&txn->shard->counters->answers_100, 1);
    txn->continued = true;
    TEXT_PUT(&txn->answer.text, "ICAP/1.0 100 Continue\r\n\r\n");
    answer_pump(txn);
}

void respond_options(struct txn *txn)
{
    const struct generation_service *service = &txn->generation->services[txn->route.id];
    struct text *text = &txn->answer.text;

    txn->closes = txn->closes || txn->shard->draining;
    respond_count_status(txn, 200);
    reply_status_line(text, 200);
    text_put_slice(text, shard_date(txn->shard));
    text_put_slice(text, service->options);
    TEXT_PUT(text, "Allow: 204");
    if (txn->request.allow & ICAP_ALLOW_206) {
        TEXT_PUT(text, ", 206");
    }
    if (txn->request.allow & ICAP_ALLOW_TRAILERS) {
        TEXT_PUT(text, ", trailers");
    }
    TEXT_PUT(text, "\r\n");
    text_put_slice(text, service->options_end);
    text_put_str(text,
                 license_is_valid(txn->generation->file->license_until_sec, txn->shard->date_sec)
                     ? "X-AV-License: 1\r\n"
                     : "X-AV-License: 0\r\n");
    text_put_slice(text, service->options_last);
    if (txn->closes) {
        TEXT_PUT(text, "Connection: close\r\n");
    }
    if (service->attributes.len > 0) {
        reply_put_encapsulated(text, ICAP_SECTION_REQ_HDR, 0, ICAP_SECTION_OPT_BODY);
        reply_end_head(text);
        text_put_slice(text, service->attributes);
    } else {
        respond_end_null_body(text);
    }
    respond_finish(txn);
}

void respond_refuse(struct txn *txn, enum reason_id id)
{
    struct text *text = respond_begin(txn, reason_get(id)->status);

    respond_end_null_body(text);
    respond_finish(txn);
}

bool respond_may_204(const struct txn *txn)
{
    return (txn->request.allow & ICAP_ALLOW_204) != 0 ||
           (txn->request.has_preview && !txn->continued);
}

/* Facts about what was scanned; on every scan result. */
static void respond_put_scan(struct txn *txn, struct text *text)
{
    if (!(txn->route.service->scans)) {
        return;
    }
    TEXT_PUT(text, "X-Definition-Info: ");
    text_put_str(text, txn->generation->image.meta.version);
    TEXT_PUT(text, "\r\nX-Outer-Container-Is-Mime: ");
    text_put_str(text, txn->mime ? "1\r\n" : "0\r\n");
}

static struct slice respond_http_head(const struct txn *txn, enum icap_section *out_section)
{
    const struct icap_encapsulated *enc = &txn->request.encapsulated;

    if (txn->request.method == ICAP_METHOD_REQMOD) {
        *out_section = ICAP_SECTION_REQ_HDR;
        return slice_from(txn->http.ptr, enc->req_hdr_len);
    }
    *out_section = ICAP_SECTION_RES_HDR;
    return slice_from(txn->http.ptr + enc->req_hdr_len, enc->res_hdr_len);
}

/* 200 and the message as it came: head, and the kept body behind it up to `limit`. */
static void respond_put_echo(struct txn *txn, unsigned status)
{
    struct text *text = respond_begin(txn, status);
    const struct icap_encapsulated *enc = &txn->request.encapsulated;
    enum icap_section section;
    const struct slice head = respond_http_head(txn, &section);

    respond_put_scan(txn, text);
    reply_put_encapsulated(text, section, head.len,
                           enc->has_body ? enc->body : ICAP_SECTION_NULL_BODY);
    reply_end_head(text);
    answer_add_part(&txn->answer, head);
    txn->answer.echo = enc->has_body;
}

void respond_early_head(struct txn *txn)
{
    ASSERT(!txn->early_head);
    txn->early_head = true;
    counters_add(&txn->shard->counters->early_heads, 1);
    respond_put_echo(txn, 200);
    answer_pump(txn);
}

void respond_early_rest(struct txn *txn)
{
    txn->answer.echo_limit = txn->body.store ? txn->body.len : 0;
    respond_finish(txn);
}

static void respond_clean(struct txn *txn)
{
    if (txn->early_head) {
        respond_early_rest(txn);
        return;
    }
    if (txn->route.id != SERVICE_ECHO && respond_may_204(txn)) {
        struct text *text = respond_begin(txn, 204);

        respond_put_scan(txn, text);
        reply_end_head(text);
        respond_finish(txn);
        return;
    }
    respond_put_echo(txn, 200);
    txn->answer.whole = txn->whole_echo;
    txn->answer.echo_limit = txn->body.store ? txn->body.len : 0;
    respond_finish(txn);
}

/* The name of what was scanned, for the finding's headers and the page. */
struct slice respond_file_name(struct txn *txn, char *room, size_t cap)
{
    struct text name = text_over(room, cap);

    if (txn->request.method == ICAP_METHOD_FILEMOD) {
        struct slice path = txn->request.filepath;

        for (size_t at; (at = slice_find(path, '/')) < path.len;) {
            path = slice_skip(path, at + 1);
        }
        path.len = MIN_OF(path.len, cap);
        text_put_slice(&name, path);
    } else {
        const struct slice disposition = txn->request.method == ICAP_METHOD_REQMOD
                                             ? txn->http_req.content_disposition
                                             : txn->http_res.content_disposition;

        http_file_name_write(txn->http_req.target, disposition, cap, &name);
    }
    return text_slice(&name);
}

static void respond_put_violations(struct txn *txn, struct text *text, struct slice file)
{
    const struct match_finding *finding = &txn->finding;

    TEXT_PUT(text, "X-Violations-Found: 1\r\n\t");
    reply_put_safe(text, file, false);
    TEXT_PUT(text, "\r\n\t");
    reply_put_safe(text, respond_cut(finding->name), false);
    if (txn->generation->config->policy_nonviral_category && finding->category[0] != '\0') {
        TEXT_PUT(text, "| NonViralThreat=");
        reply_put_safe(text, respond_cut(finding->category), false);
    }
    TEXT_PUT(text, "\r\n\t");
    text_put_u64(text, finding->id);
    TEXT_PUT(text, "\r\n\t");
    text_put_u64(text, txn->disposition);
    TEXT_PUT(text, "\r\n");
}

/* Which of the finding headers go out: contract section 4, "Headers about findings". */
static void respond_put_finding(struct txn *txn, struct text *text, struct slice file)
{
    const bool legacy = txn->route.service->legacy;
    const bool standard = txn->route.profile == CONFIG_PROFILE_STANDARD;
    const bool infection = legacy || standard || !txn->generation->config->icap_legacy_headers_only;

    if (infection) {
        TEXT_PUT(text, "X-Infection-Found: Type=");
        text_put_u64(text, (uint64_t)txn->finding.kind);
        TEXT_PUT(text, "; Resolution=");
        text_put_u64(text, txn->disposition);
        TEXT_PUT(text, "; Threat=");
        reply_put_safe(text, respond_cut(txn->finding.name), true);
        TEXT_PUT(text, ";\r\nX-Virus-ID: ");
        reply_put_safe(text, respond_cut(txn->finding.name), true);
        TEXT_PUT(text, "\r\n");
    }
    if (!legacy || standard) {
        respond_put_violations(txn, text, file);
    }
}

/* The page's block holds its chunk: size line, page, line end, last chunk. */
static struct slice respond_page(struct txn *txn, struct slice file, size_t *out_page_len)
{
    char url[1024];
    struct text url_text = text_over(url, sizeof(url));
    struct page_facts facts = {.file = file,
                               .threat = respond_cut(txn->finding.name),
                               .service = slice_from_str(txn->route.service->id)};

    txn->answer.page = body_block_take(&txn->shard->store);
    if (!txn->answer.page) {
        return (struct slice){0};
    }
    if (txn->has_http_req) {
        http_url_write(&txn->http_req, &url_text);
    }
    facts.url = text_slice(&url_text);
    struct text page = text_over(txn->answer.page, BODY_BLOCK_BYTES - 8);
    const struct generation_file *file_template = txn->generation->file;

    page_write(slice_from(file_template->page, file_template->page_len), &facts, &page);
    *out_page_len = page.len;
    page.cap = BODY_BLOCK_BYTES;
    TEXT_PUT(&page, "\r\n0\r\n\r\n");
    return text_slice(&page);
}

/* Guide: with a length of three digits the REQMOD head is 110 bytes and the RESPMOD one 83. */
static void respond_put_page_head(const struct txn *txn, struct text *head, size_t page_len)
{
    const bool request = txn->request.method == ICAP_METHOD_REQMOD;
    const bool standard = txn->route.profile == CONFIG_PROFILE_STANDARD;

    if (standard) {
        TEXT_PUT(head, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n");
    } else if (request) {
        TEXT_PUT(head, "HTTP/1.1 403 Forbidden.\r\nConnection: close\r\n");
    } else {
        TEXT_PUT(head, "HTTP/1.1 200 OK\r\n");
    }
    TEXT_PUT(head, "Content-Length: ");
    text_put_u64(head, page_len);
    TEXT_PUT(head, "\r\nPragma: no-cache\r\nContent-Type: text/html\r\n\r\n");
}

static void respond_forbid(struct txn *txn, struct slice file)
{
    struct text *text = respond_begin(txn, 403);

    respond_put_finding(txn, text, file);
    respond_put_scan(txn, text);
    respond_end_null_body(text);
    respond_finish(txn);
}

static void respond_replace(struct txn *txn, struct slice file)
{
    char head_room[256];
    struct text head = text_over(head_room, sizeof(head_room));
    size_t page_len = 0;
    const struct slice page = respond_page(txn, file, &page_len);

    if (page.len == 0) {
        txn->closes = true;
        respond_refuse(txn, REASON_no_memory);
        return;
    }
    respond_put_page_head(txn, &head, page_len);
    struct text *text =
        respond_begin(txn, txn->route.profile == CONFIG_PROFILE_STANDARD ? 200 : 201);

    respond_put_finding(txn, text, file);
    respond_put_scan(txn, text);
    reply_put_encapsulated(text, ICAP_SECTION_RES_HDR, head.len, ICAP_SECTION_RES_BODY);
    reply_end_head(text);
    text_put_slice(text, text_slice(&head));
    if (page_len > 0) {
        reply_put_chunk_size(text, page_len);
        answer_add_part(&txn->answer, page);
    } else {
        TEXT_PUT(text, "0\r\n\r\n"); /* A template that says nothing about this one. */
    }
    respond_finish(txn);
}

static void respond_found(struct txn *txn)
{
    char name[RESPOND_NAME_MAX];
    const struct slice file = respond_file_name(txn, name, sizeof(name));
    const bool forbid = txn->generation->config->icap_infected_response == CONFIG_INFECTED_FORBID &&
                        txn->route.profile == CONFIG_PROFILE_GUIDE;

    if (forbid) {
        respond_forbid(txn, file);
    } else {
        respond_replace(txn, file);
    }
}

/* ex206: one header in front, the body as the client has it. Without 206 everything goes back. */
static void respond_ex206(struct txn *txn)
{
    static const char added[] = "X-Baleen-Ex206: front\r\n\r\n";
    const bool partial = (txn->request.allow & ICAP_ALLOW_206) &&
                         ((txn->request.allow & ICAP_ALLOW_204) || respond_may_204(txn));
    enum icap_section section;
    struct slice head = respond_http_head(txn, &section);
    const struct icap_encapsulated *enc = &txn->request.encapsulated;
    struct text *text;

    while (head.len > 0 && (head.ptr[head.len - 1] == '\n' || head.ptr[head.len - 1] == '\r')) {
        head.len--;
    }
    text = respond_begin(txn, partial ? 206 : 200);
    reply_put_encapsulated(text, section, head.len + 2 + sizeof(added) - 1,
                           enc->has_body ? enc->body : ICAP_SECTION_NULL_BODY);
    reply_end_head(text);
    answer_add_part(&txn->answer, head);
    answer_add_part(&txn->answer, SLICE_OF("\r\n"));
    answer_add_part(&txn->answer, slice_from(added, sizeof(added) - 1));
    txn->answer.echo = enc->has_body;
    if (partial) {
        txn->answer.use_original = true;
        txn->answer.original_from = 0;
    } else {
        txn->answer.echo_limit = txn->body.store ? txn->body.len : 0;
    }
    respond_finish(txn);
}

void respond_verdict(struct txn *txn)
{
    if (txn->verdict == TXN_FOUND) {
        respond_found(txn);
    } else if (txn->route.id == SERVICE_EX206) {
        respond_ex206(txn);
    } else {
        respond_clean(txn);
    }
}

void respond_file_verdict(struct txn *txn)
{
    char name[RESPOND_NAME_MAX];
    const bool found = txn->verdict == TXN_FOUND;
    const bool may_204 = (txn->request.allow & ICAP_ALLOW_204) != 0;
    struct text *text;

    if (found) {
        text = respond_begin(txn, 403);
        respond_put_finding(txn, text, respond_file_name(txn, name, sizeof(name)));
        respond_put_scan(txn, text);
    } else {
        text = respond_begin(txn, may_204 ? 204 : 200);
        respond_put_scan(txn, text);
    }
    if (found || !may_204) {
        reply_put_encapsulated(text, ICAP_SECTION_REQ_HDR, 0, ICAP_SECTION_NULL_BODY);
    }
    reply_end_head(text);
    respond_finish(txn);
}
