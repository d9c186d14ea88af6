/* SPDX-License-Identifier: MIT */
/*
 * fuzz_load_reply - answers of a hostile server, in one piece and in pieces, are judged the same.
 *
 * The first byte says what was asked, the second one what is right, the third is the size of the
 * pieces. What is right in the end has the body that was sent.
 */
#include "bench/load/load_plan.h"
#include "bench/load/load_reply.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define FUZZ_KINDS 16

/* What came of all bytes. */
struct tally {
    enum load_reply_status status;
    enum load_error error;
    size_t taken;
    size_t done;
    size_t continued;
    unsigned code; /* Of the last answer. */
};

/* A body of 40 bytes, with and without a preview of 10, for each method. */
static void fuzz_set_spec(struct load_spec *spec, unsigned kind)
{
    static const enum load_method methods[] = {
        LOAD_RESPMOD,
        LOAD_REQMOD,
        LOAD_OPTIONS,
        LOAD_BARE,
    };
    load_spec_init(spec);
    spec->method = methods[kind % 4];
    spec->preview = kind & 4 ? 10 : LOAD_NO_PREVIEW;
    spec->corpus.sizes = "40";
    spec->corpus.count = 1;
    spec->corpus.infected_share = kind & 8 ? 1 : 0;
}

static const struct load_request *fuzz_request(const struct load_spec *spec, unsigned kind)
{
    static struct load_plan plans[FUZZ_KINDS];
    char why[256];

    if (plans[kind].len == 0) {
        ASSERT(load_plan_build(&plans[kind], spec, why, sizeof(why)));
    }
    return &plans[kind].requests[0];
}

static void fuzz_check_done(const struct load_reply *reply)
{
    const struct load_request *request = reply->request;

    ASSERT(reply->error == LOAD_OK);
    ASSERT(reply->code >= 200 && reply->code < 1000);
    if (reply->code == 200 && reply->compare) {
        ASSERT(!request->infected);
        ASSERT(reply->body_seen == request->body.len);
    }
    ASSERT(!request->infected || reply->finding || reply->refused);
}

static void fuzz_feed(struct tally *tally, struct load_reply *reply, struct load_peer *peer,
                      struct slice piece)
{
    const struct load_request *request = reply->request;

    while (piece.len > 0 && tally->status != LOAD_REPLY_BAD) {
        const size_t before = piece.len;

        tally->status = load_reply_feed(reply, peer, &piece);
        ASSERT(piece.len <= before);
        tally->taken += before - piece.len;
        tally->error = reply->error;
        tally->code = reply->code;
        if (tally->status == LOAD_REPLY_DONE) {
            fuzz_check_done(reply);
            tally->done++;
            load_reply_begin(reply, peer->spec, request);
        } else if (tally->status == LOAD_REPLY_CONTINUE) {
            ASSERT(request->preview);
            tally->continued++;
        } else if (tally->status == LOAD_REPLY_MORE) {
            ASSERT(piece.len == 0);
        }
    }
}

static struct tally fuzz_run(const struct load_spec *spec, const struct load_request *request,
                             struct slice bytes, size_t step)
{
    struct tally tally = {.status = LOAD_REPLY_MORE};
    struct load_reply reply = {0};
    struct load_peer peer;

    load_peer_init(&peer, spec);
    load_reply_begin(&reply, spec, request);
    while (bytes.len > 0 && tally.status != LOAD_REPLY_BAD) {
        const size_t len = MIN_OF(bytes.len, step);

        fuzz_feed(&tally, &reply, &peer, slice_from(bytes.ptr, len));
        bytes = slice_skip(bytes, len);
    }
    load_reply_fini(&reply);
    return tally;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3) {
        return 0;
    }
    const unsigned kind = data[0] % FUZZ_KINDS;
    struct load_spec spec;

    fuzz_set_spec(&spec, kind);
    spec.expect = data[1] & 31;
    spec.allow_204 = data[1] & 32;
    spec.allow_206 = data[1] & 64;
    spec.refused = data[1] & 128 ? LOAD_REFUSED_WAIT : LOAD_REFUSED_ERROR;
    const struct load_request *request = fuzz_request(&spec, kind);
    const struct slice bytes = slice_from(data + 3, len - 3);
    const struct tally whole = fuzz_run(&spec, request, bytes, SIZE_MAX);
    const struct tally pieces = fuzz_run(&spec, request, bytes, (size_t)data[2] % 32 + 1);

    ASSERT(whole.status == pieces.status);
    ASSERT(whole.error == pieces.error);
    ASSERT(whole.done == pieces.done);
    ASSERT(whole.continued == pieces.continued);
    ASSERT(whole.code == pieces.code);
    return 0;
}
