/* SPDX-License-Identifier: MIT */
#include "bench/load/histogram.h"
#include "bench/load/load_plan.h"
#include "bench/load/load_reply.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

static int compare_values(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

Test(histogram, quantiles_are_within_one_step_of_the_exact_ones)
{
    enum {
        COUNT = 100000
    };
    static const double percents[] = {0.1, 1, 25, 50, 90, 99, 99.9, 99.99, 99.999, 100};
    static struct histogram hist;
    static uint64_t values[COUNT];
    uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i < COUNT; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values[i] = (state >> 32) >> (state % 30);
        histogram_add(&hist, values[i]);
    }
    qsort(values, COUNT, sizeof(values[0]), compare_values);
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        uint64_t exact = values[(size_t)(COUNT * percents[i] / 100 + 0.5) - 1];
        uint64_t found = histogram_find(&hist, percents[i]);

        cr_assert_geq(found, exact, "%f", percents[i]);
        cr_assert_leq(found, exact + exact / 127 + 1, "%f", percents[i]);
    }
    cr_assert_eq(histogram_find(&hist, 0), values[0]);
    cr_assert_eq(histogram_find(&hist, 100), values[COUNT - 1]);
    cr_assert_eq(hist.min_ns, values[0]);
}

Test(histogram, merges_without_loss)
{
    static struct histogram parts[3];
    static struct histogram sum;
    static struct histogram whole;
    double exact = 0;

    for (uint64_t i = 0; i < 30000; i++) {
        uint64_t value = i * i * 7 + 3;

        histogram_add(&parts[i % 3], value);
        histogram_add(&whole, value);
        exact += (double)value;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        histogram_merge(&sum, &parts[i]);
    }
    cr_assert_arr_eq(&sum, &whole, sizeof(sum));
    cr_assert_float_eq(histogram_mean_ns(&sum), exact / 30000, 1e-6 * exact);
    memset(&parts[0], 0, sizeof(parts[0]));
    histogram_merge(&sum, &parts[0]);
    cr_assert_arr_eq(&sum, &whole, sizeof(sum));
}

Test(histogram, traces_a_curve_that_rises_to_the_longest)
{
    static struct histogram hist;
    struct histogram_point points[HISTOGRAM_CURVE_MAX];

    cr_assert_eq(histogram_trace(&hist, points), 0);
    for (uint64_t i = 1; i <= 100000; i++) {
        histogram_add(&hist, i * 1000);
    }
    size_t len = histogram_trace(&hist, points);

    cr_assert_gt(len, 60);
    cr_assert_geq(points[0].value_ns, 1000);
    cr_assert_leq(points[0].value_ns, 1008);
    cr_assert_eq(points[len - 1].percent, 100);
    cr_assert_eq(points[len - 1].value_ns, 100000000);
    for (size_t i = 1; i < len; i++) {
        cr_assert_gt(points[i].percent, points[i - 1].percent);
        cr_assert_geq(points[i].value_ns, points[i - 1].value_ns);
        cr_assert_eq(points[i].value_ns, histogram_find(&hist, points[i].percent));
    }
    cr_assert_gt(points[len - 2].percent, 99.998);
}

Test(histogram, is_empty_and_holds_the_longest)
{
    static struct histogram hist;

    cr_assert_eq(histogram_find(&hist, 50), 0);
    histogram_add(&hist, UINT64_MAX);
    cr_assert_eq(histogram_find(&hist, 50), UINT64_MAX);
    histogram_add(&hist, 0);
    histogram_add(&hist, 0);
    cr_assert_eq(histogram_find(&hist, 50), 0);
}

/* A preview of 10 bytes of a body of 40. */
static struct load_spec make_spec(void)
{
    struct load_spec spec;

    load_spec_init(&spec);
    spec.service = "/s";
    spec.corpus.sizes = "40";
    spec.corpus.count = 1;
    spec.chunk_size = 16;
    spec.preview = 10;
    spec.expect = LOAD_EXPECT_200;
    return spec;
}

/* An echo of `request` with chunks of 7 bytes and a trailer; returns its
 * length. */
static size_t write_echo(char *out, size_t cap, const struct load_request *request)
{
    size_t len = (size_t)snprintf(out, cap,
                                  "ICAP/1.0 100 Continue\r\n\r\n"
                                  "ICAP/1.0 200 OK\r\nISTag: \"t\"\r\nX-Long: a\r\n\tb\r\n"
                                  "Encapsulated: res-hdr=0, res-body=%zu\r\n\r\n%.*s",
                                  request->head.len, (int)request->head.len,
                                  (const char *)request->head.ptr);

    for (size_t at = 0; at < request->body.len; at += 7) {
        size_t part = MIN_OF(request->body.len - at, (size_t)7);

        len += (size_t)snprintf(out + len, cap - len, "%zX;x=y\r\n%.*s\r\n", part, (int)part,
                                (const char *)request->body.ptr + at);
    }
    len += (size_t)snprintf(out + len, cap - len, "0\r\nTrailer: 1\r\n\r\n");
    cr_assert_lt(len, cap);
    return len;
}

/* Feeds the pieces [0, first), [first, second), [second, len); true when the
 * answer was right and complete. */
static bool feed_pieces(const char *bytes, size_t len, size_t first, size_t second,
                        const struct load_spec *spec, const struct load_request *request)
{
    const size_t ends[] = {first, second, len};
    struct load_reply reply = {0};
    struct load_peer peer;
    enum load_reply_status status = LOAD_REPLY_MORE;
    size_t at = 0;
    bool early = false;

    load_peer_init(&peer, spec);
    load_reply_begin(&reply, spec, request);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct slice in = slice_from(bytes + at, ends[i] - at);

        while (in.len > 0) {
            early |= status == LOAD_REPLY_DONE || status == LOAD_REPLY_BAD;
            status = load_reply_feed(&reply, &peer, &in);
            if (status == LOAD_REPLY_BAD) {
                break;
            }
        }
        at = ends[i];
    }
    load_reply_fini(&reply);
    return status == LOAD_REPLY_DONE && !early;
}

Test(load_reply, reads_the_same_at_each_split)
{
    struct load_spec spec = make_spec();
    struct load_plan plan;
    char why[256];
    static char bytes[2048];

    cr_assert(load_plan_build(&plan, &spec, why, sizeof(why)), "%s", why);
    size_t len = write_echo(bytes, sizeof(bytes), &plan.requests[0]);

    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second += 1 + (len - first) / 16) {
            cr_assert(feed_pieces(bytes, len, first, second, &spec, &plan.requests[0]), "%zu %zu",
                      first, second);
        }
        if (first < len) {
            cr_assert_not(feed_pieces(bytes, first, first, first, &spec, &plan.requests[0]), "%zu",
                          first);
        }
    }
    load_plan_free(&plan);
}

Test(load_reply, sees_every_wrong_byte_of_the_body_and_of_the_frame)
{
    struct load_spec spec = make_spec();
    struct load_plan plan;
    char why[256];
    static char bytes[2048];

    cr_assert(load_plan_build(&plan, &spec, why, sizeof(why)), "%s", why);
    size_t len = write_echo(bytes, sizeof(bytes), &plan.requests[0]);
    const char *chunks = strstr(bytes, "7;x=y");

    cr_assert_not_null(chunks);
    for (const char *at = chunks; at < bytes + len; at++) {
        size_t i = (size_t)(at - bytes);
        bool free_form = strchr("=xy", bytes[i]) != NULL || i >= len - 14;

        bytes[i] ^= 0x40;
        if (!free_form) {
            cr_assert_not(feed_pieces(bytes, len, 0, 0, &spec, &plan.requests[0]), "%zu", i);
        }
        bytes[i] ^= 0x40;
    }
    load_plan_free(&plan);
}
