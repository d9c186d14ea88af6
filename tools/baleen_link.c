/* SPDX-License-Identifier: MIT */
#include "tools/baleen_link.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* After so many files that it would not open, none of which it did, the engine is not asked again.
 */
#define LINK_REFUSALS_MAX 3

#define LINK_OPTIONS_SEC 10

void link_init(struct link *link, struct link_setup *setup)
{
    memset(link, 0, sizeof(*link));
    link->setup = setup;
    link->fd = -1;
    link->file_fd = -1;
}

static void link_disconnect(struct link *link)
{
    if (link->fd >= 0) {
        close(link->fd);
    }
    link->fd = -1;
    link->connecting = false;
    link->used = false;
}

static void link_close_file(struct link *link)
{
    if (link->file_fd >= 0) {
        close(link->file_fd);
    }
    link->file_fd = -1;
}

void link_fini(struct link *link)
{
    link_disconnect(link);
    link_close_file(link);
}

static void link_check(const struct link *link)
{
    ASSERT(link->out_at <= link->out_len);
    ASSERT(link->out_len <= sizeof(link->out));
    ASSERT(link->in_len <= sizeof(link->in));
    ASSERT(link->file != NULL || link->file_fd < 0);
}

/* The file is done. From here on it is the report's alone. */
static void link_end(struct link *link, enum report_result result, const char *detail)
{
    report_set(link->file, result, "%s", detail);
    link_close_file(link);
    link->file = NULL;
    link->out_at = 0;
    link->out_len = 0;
    link_check(link);
}

/* The connection is of no more use. */
static void link_fail(struct link *link, const char *reason)
{
    link_disconnect(link);
    link_end(link, REPORT_FAILED, reason);
}

static bool link_connect(struct link *link)
{
    const struct link_setup *setup = link->setup;
    int one = 1;

    link->fd = socket(setup->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        return false;
    }
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(link->fd, (const struct sockaddr *)&setup->address, setup->address_len) == 0) {
        return true;
    }
    link->connecting = errno == EINPROGRESS;
    return link->connecting;
}

/* Reads up to `cap` bytes of the file at its place; less only at its end. -1 with errno. */
static ssize_t link_read_file(struct link *link, uint8_t *bytes, size_t cap)
{
    size_t len = 0;

    while (len < cap) {
        ssize_t got = pread(link->file_fd, bytes + len, cap - len, (off_t)(link->file_at + len));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* Puts a chunk of `len` bytes that lie at `at + LINK_FRAME` into the buffer; the frame closes up to
 * `at`. */
static void link_put_chunk(struct link *link, size_t at, size_t len, const char *last)
{
    char line[LINK_FRAME];
    size_t end = at;

    if (len > 0) {
        int line_len = snprintf(line, sizeof(line), "%zx\r\n", len);

        memcpy(link->out + at, line, (size_t)line_len);
        memmove(link->out + at + line_len, link->out + at + LINK_FRAME, len);
        end = at + (size_t)line_len + len;
        memcpy(link->out + end, "\r\n", 2);
        end += 2;
    }
    ASSERT(end + strlen(last) <= sizeof(link->out));
    memcpy(link->out + end, last, strlen(last));
    link->out_len = end + strlen(last);
}

static struct slice link_file_name(const struct link *link)
{
    const char *slash = strrchr(link->file->path, '/');

    return slice_from_str(slash != NULL ? slash + 1 : link->file->path);
}

/* Head, fabricated heads and preview; false with errno when the file cannot be read. */
static bool link_fill_stream_start(struct link *link)
{
    const struct link_setup *setup = link->setup;
    struct text head = text_over(link->out, LINK_HEAD_ROOM);
    struct icap_client_stream stream = {
        .name = link_file_name(link),
        .file_len = link->file->file_len,
        .is_request = setup->is_request,
        .has_preview = setup->has_preview,
        .preview = setup->preview,
    };
    ssize_t got = 0;

    icap_client_put_stream(&setup->target, &stream, &head);
    ASSERT(!head.overflowed);
    link->out_len = head.len;
    link->sending = LINK_SEND_BODY;
    if (!setup->has_preview) {
        return true;
    }
    /* One byte more tells whether the preview is everything. */
    got = link_read_file(link, link->out + head.len + LINK_FRAME, setup->preview + 1);
    if (got < 0) {
        return false;
    }
    if ((size_t)got <= setup->preview) {
        link_put_chunk(link, head.len, (size_t)got, "0; ieof\r\n\r\n");
        link->sending = LINK_SEND_DONE;
    } else {
        link_put_chunk(link, head.len, setup->preview, "0\r\n\r\n");
        link->file_at = setup->preview;
        link->sending = LINK_SEND_HOLD;
    }
    return true;
}

/* A header cannot carry control characters, and a reader trims the blanks at the end of a value. */
static bool link_path_is_sendable(const char *path)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)path[i] < ' ' || path[i] == 0x7f) {
            return false;
        }
    }
    return len > 0 && path[len - 1] != ' ';
}

static bool link_fill_path_start(struct link *link)
{
    struct text head = text_over(link->out, sizeof(link->out));
    char path[PATH_MAX];

    if (realpath(link->file->path, path) == NULL || !link_path_is_sendable(path)) {
        return false;
    }
    icap_client_put_by_path(&link->setup->target, slice_from_str(path), &head);
    ASSERT(!head.overflowed);
    link->out_len = head.len;
    link->sending = LINK_SEND_DONE;
    return true;
}

/* The next chunk, or the end of the body. */
static bool link_fill_body(struct link *link)
{
    ssize_t got = link_read_file(link, link->out + LINK_FRAME, LINK_CHUNK);

    if (got < 0) {
        return false;
    }
    link->file_at += (uint64_t)got;
    /* A short read was the last. */
    link_put_chunk(link, 0, (size_t)got, (size_t)got < LINK_CHUNK ? "0\r\n\r\n" : "");
    link->sending = (size_t)got < LINK_CHUNK ? LINK_SEND_DONE : LINK_SEND_BODY;
    return true;
}

/* Fills the empty buffer with what comes next. */
static bool link_fill(struct link *link)
{
    link->out_at = 0;
    link->out_len = 0;
    switch (link->sending) {
    case LINK_SEND_START:
        return link->by_path ? link_fill_path_start(link) : link_fill_stream_start(link);
    case LINK_SEND_BODY:
        return link_fill_body(link);
    default:
        return true;
    }
}

/* Opens the file for streaming; false when it is done with. */
static bool link_open_file(struct link *link)
{
    struct stat facts;

    /* A FIFO that took the file's place must not block. */
    link->file_fd = open(link->file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (link->file_fd < 0 || fstat(link->file_fd, &facts) != 0) {
        link_end(link, REPORT_FAILED, strerror(errno));
        return false;
    }
    if (!S_ISREG(facts.st_mode)) {
        link_end(link, REPORT_SKIPPED, "Not a regular file");
        return false;
    }
    link->file->file_len = (uint64_t)facts.st_size;
    return true;
}

/* Sends the current file from its beginning. */
static void link_begin(struct link *link)
{
    link->verdict = REPORT_PENDING;
    link->sending = LINK_SEND_START;
    link->receiving = LINK_RECV_HEAD;
    link->answered = false;
    link->closing = false;
    link->file_at = 0;
    link->out_at = 0;
    link->out_len = 0;
    link->in_len = 0;
    link->in_seen = 0;
    link->deadline_ns = clock_now_ns() + link->setup->timeout_ns;
    if (!link->by_path && link->file_fd < 0 && !link_open_file(link)) {
        return;
    }
    if (link->fd < 0 && !link_connect(link)) {
        link_fail(link, strerror(errno));
        return;
    }
    link_check(link);
}

void link_start(struct link *link, struct report_file *file)
{
    const struct link_setup *setup = link->setup;

    ASSERT(link->file == NULL);
    link->file = file;
    link->retried = false;
    link->by_path =
        setup->way == LINK_BY_PATH ||
        (setup->way == LINK_AUTO && (setup->opened || setup->refusals < LINK_REFUSALS_MAX));
    char path[PATH_MAX];

    if (link->by_path && realpath(file->path, path) != NULL && !link_path_is_sendable(path)) {
        if (setup->way == LINK_BY_PATH) {
            link_end(link, REPORT_FAILED, "the path holds control characters or ends with a blank");
            return;
        }
        link->by_path = false;
    }
    link_begin(link);
}

/* The connection broke. One that had served before may just have grown too old: then once more. */
static void link_break(struct link *link, const char *reason)
{
    bool again = link->used && !link->answered && !link->retried;

    link_disconnect(link);
    if (again) {
        link->retried = true;
        link_begin(link);
    } else {
        link_fail(link, reason);
    }
}

/* Whether the connection can take the next file after a whole answer. */
static bool link_is_in_step(const struct link *link)
{
    bool sent = link->sending == LINK_SEND_DONE || link->sending == LINK_SEND_HOLD;

    return sent && link->out_at == link->out_len && link->in_len == 0 && !link->closing;
}

/* The whole answer is in. */
static void link_finish(struct link *link)
{
    if (link_is_in_step(link)) {
        link->used = true;
    } else {
        link_disconnect(link);
    }
    if (link->verdict == REPORT_PENDING) {
        /* By path was not possible: the same file by stream. */
        link->by_path = false;
        link->retried = false;
        link_begin(link);
        return;
    }
    link_end(link, link->verdict, link->detail);
}

static void link_judge_finding(struct link *link, const struct icap_client_reply *reply)
{
    struct text text = text_over(link->detail, sizeof(link->detail) - 1);

    icap_client_put_finding(reply, &text);
    link->detail[text.len] = '\0';
    link->verdict = REPORT_FOUND;
}

/* A reply without a verdict. None is set when the file has to go another way. */
static void link_judge_error(struct link *link, const struct icap_client_reply *reply)
{
    struct link_setup *setup = link->setup;

    if (link->by_path && setup->way == LINK_AUTO &&
        (reply->status == 502 || reply->status == 405 || reply->status == 501)) {
        setup->refusals++;
        return;
    }
    link->verdict = REPORT_FAILED;
    if (link->by_path && reply->status == 502) {
        snprintf(link->detail, sizeof(link->detail), "the engine may not or cannot open it");
        return;
    }
    snprintf(link->detail, sizeof(link->detail), "%u %.*s", reply->status,
             (int)MIN_OF(reply->reason.len, 100), (const char *)reply->reason.ptr);
}

static void link_judge(struct link *link, const struct icap_client_reply *reply)
{
    link->verdict = REPORT_PENDING;
    link->detail[0] = '\0';
    switch (reply->status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 403:
        link->setup->opened |= link->by_path;
        if (icap_client_is_finding(reply)) {
            link_judge_finding(link, reply);
        } else {
            link->verdict = REPORT_CLEAN;
        }
        return;
    default:
        link_judge_error(link, reply);
        return;
    }
}

static void link_consume(struct link *link, size_t len)
{
    memmove(link->in, link->in + len, link->in_len - len);
    link->in_len -= len;
}

/* False when more bytes are needed or the link has failed. */
static bool link_read_head(struct link *link)
{
    struct icap_client_reply reply;
    size_t head_len = 0;

    switch (
        icap_client_parse(slice_from(link->in, link->in_len), &link->in_seen, &reply, &head_len)) {
    case ICAP_CLIENT_MORE:
        return false;
    case ICAP_CLIENT_BAD:
        link_fail(link, "the answer is not ICAP");
        return false;
    case ICAP_CLIENT_OK:
        break;
    }
    link->in_seen = 0;
    if (reply.status == 100) {
        if (link->sending != LINK_SEND_HOLD) {
            link_fail(link, "the engine asks for more of a file that was sent");
            return false;
        }
        link->sending = LINK_SEND_BODY;
        link_consume(link, head_len);
        return true;
    }
    link_judge(link, &reply);
    /* Without Encapsulated nobody knows where a body would end. */
    link->closing = reply.wants_close ||
                    (reply.status / 100 == 2 && reply.status != 204 && !reply.has_encapsulated);
    link->has_body = reply.has_body;
    link->skip = reply.heads_len;
    chunk_init(&link->chunks);
    link->receiving = LINK_RECV_HEADS;
    link_consume(link, head_len);
    return true;
}

/* The engine closed, or the connection broke, or the answer is not to be read, before its end. */
static void link_on_end(struct link *link, const char *reason)
{
    if (link->receiving == LINK_RECV_HEAD || link->verdict == REPORT_PENDING) {
        link_break(link, reason);
    } else if (link->verdict == REPORT_CLEAN) {
        /* An answer that breaks off takes its "clean" back. */
        link_fail(link, "the answer broke off");
    } else {
        /* The verdict is known; that the page about it was cut short changes nothing. */
        link_disconnect(link);
        link_end(link, link->verdict, link->detail);
    }
}

/* Passes over the body. False when more bytes are needed or the link is done. */
static bool link_read_body(struct link *link)
{
    struct slice in = slice_from(link->in, link->in_len);
    struct slice out;
    enum chunk_status status = CHUNK_DATA;

    while (status == CHUNK_DATA || status == CHUNK_TRAILER) {
        status = chunk_feed(&link->chunks, &in, &out);
    }
    link_consume(link, link->in_len - in.len);
    if (status == CHUNK_BAD) {
        link_on_end(link, "the answer is not chunked");
    } else if (status == CHUNK_END) {
        link_finish(link);
    }
    return false;
}

/* Passes over the encapsulated heads. False when more bytes are needed or the link is done. */
static bool link_read_heads(struct link *link)
{
    size_t len = (size_t)MIN_OF(link->skip, (uint64_t)link->in_len);

    link_consume(link, len);
    link->skip -= len;
    if (link->skip > 0) {
        return false;
    }
    if (!link->has_body) {
        link_finish(link);
        return false;
    }
    link->receiving = LINK_RECV_BODY;
    return true;
}

/* Takes what has come, as far as it goes. */
static void link_read_answer(struct link *link)
{
    bool more = true;

    while (more) {
        switch (link->receiving) {
        case LINK_RECV_HEAD:
            more = link->in_len > 0 && link_read_head(link);
            break;
        case LINK_RECV_HEADS:
            more = link_read_heads(link);
            break;
        case LINK_RECV_BODY:
            more = link_read_body(link);
            break;
        }
    }
}

/* False when there is nothing to read now or the link is done. */
static bool link_receive(struct link *link)
{
    ssize_t got = recv(link->fd, link->in + link->in_len, sizeof(link->in) - link->in_len, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return errno == EINTR;
    }
    if (got <= 0) {
        link_on_end(link, got == 0 ? "the engine closed the connection" : strerror(errno));
        return false;
    }
    link->in_len += (size_t)got;
    link->answered = true;
    link->deadline_ns = clock_now_ns() + link->setup->timeout_ns;
    link_read_answer(link);
    return false;
}

/* Writes until the socket is full or there is nothing to write. */
static void link_send(struct link *link)
{
    while (link->sending != LINK_SEND_BROKEN) {
        ssize_t put = 0;

        if (link->out_at == link->out_len) {
            if (!link_fill(link)) {
                link_fail(link, strerror(errno));
                return;
            }
            if (link->out_len == 0) {
                return;
            }
        }
        put = send(link->fd, link->out + link->out_at, link->out_len - link->out_at, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0 && errno == EAGAIN) {
            return;
        }
        if (put < 0) {
            link->sending = LINK_SEND_BROKEN;
            link->out_len = link->out_at;
            return;
        }
        link->out_at += (size_t)put;
        link->deadline_ns = clock_now_ns() + link->setup->timeout_ns;
        /* One chunk a turn: answers and other links wait for nobody. */
        if (link->out_at == link->out_len && link->sending == LINK_SEND_BODY) {
            return;
        }
    }
}

static bool link_has_to_send(const struct link *link)
{
    return link->sending == LINK_SEND_START || link->sending == LINK_SEND_BODY ||
           link->out_at < link->out_len;
}

short link_events(const struct link *link)
{
    if (link->connecting) {
        return POLLOUT;
    }
    return (short)(POLLIN | (link_has_to_send(link) ? POLLOUT : 0));
}

/* False when the connection did not come about. */
static bool link_on_connect(struct link *link)
{
    int error = 0;
    socklen_t error_len = sizeof(error);

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0) {
        error = errno;
    }
    link->connecting = false;
    if (error != 0) {
        link_fail(link, strerror(error));
    }
    return error == 0;
}

void link_drive(struct link *link, short revents)
{
    ASSERT(link->file != NULL);
    if (revents != 0 && link->connecting && !link_on_connect(link)) {
        return;
    }
    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        while (link->file != NULL && link_receive(link)) {
        }
    }
    if (link->file != NULL && link->fd >= 0 && !link->connecting && (revents & POLLOUT) != 0) {
        link_send(link);
    }
    if (link->file != NULL && clock_now_ns() > link->deadline_ns) {
        link_fail(link, "no answer in time");
    }
}

/* Blocks, with a limit, until `fd` is ready. */
static bool link_wait(int fd, short events)
{
    struct pollfd poller = {.fd = fd, .events = events};
    int ready = poll(&poller, 1, LINK_OPTIONS_SEC * 1000);

    if (ready == 0) {
        errno = ETIMEDOUT;
    }
    return ready == 1;
}

/* Sends the OPTIONS request and reads the head of its answer into `in`. */
static bool link_exchange_options(const struct link_setup *setup, int fd, struct slice request,
                                  uint8_t *in, struct icap_client_reply *out)
{
    size_t in_len = 0;
    size_t seen = 0;
    size_t head_len = 0;

    errno = 0;
    if ((connect(fd, (const struct sockaddr *)&setup->address, setup->address_len) != 0 &&
         errno != EINPROGRESS) ||
        !link_wait(fd, POLLOUT) ||
        send(fd, request.ptr, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
        return false;
    }
    while (link_wait(fd, POLLIN)) {
        ssize_t got = recv(fd, in + in_len, ICAP_CLIENT_HEAD_MAX - in_len, 0);

        if (got <= 0) {
            errno = got == 0 ? ECONNRESET : errno;
            return false;
        }
        in_len += (size_t)got;
        switch (icap_client_parse(slice_from(in, in_len), &seen, out, &head_len)) {
        case ICAP_CLIENT_OK:
            return true;
        case ICAP_CLIENT_BAD:
            errno = EPROTO;
            return false;
        case ICAP_CLIENT_MORE:
            break;
        }
    }
    return false;
}

/* Takes over what the answer says; false with the reason in `error`. */
static bool link_take_options(struct link_setup *setup, const struct icap_client_reply *reply,
                              char *error, size_t error_cap)
{
    bool has_response = icap_client_has_method(reply, SLICE_OF("RESPMOD"));
    bool has_request = icap_client_has_method(reply, SLICE_OF("REQMOD"));
    bool has_path = icap_client_has_method(reply, SLICE_OF("FILEMOD"));

    if (reply->status != 200) {
        snprintf(error, error_cap, "%s says of the service %s: %u %.*s", setup->target.host,
                 setup->target.service, reply->status, (int)MIN_OF(reply->reason.len, 100),
                 (const char *)reply->reason.ptr);
        return false;
    }
    if (setup->way == LINK_BY_PATH ? !has_path : !has_response && !has_request) {
        snprintf(error, error_cap, "the service %s takes no files %s", setup->target.service,
                 setup->way == LINK_BY_PATH ? "by path" : "by stream");
        return false;
    }
    if (!has_path && setup->way == LINK_AUTO) {
        setup->way = LINK_BY_STREAM;
    }
    setup->is_request = !has_response;
    setup->has_preview = reply->has_preview;
    setup->preview = (size_t)MIN_OF(reply->preview, (uint64_t)(LINK_CHUNK / 2));
    if (reply->has_max_connections && reply->max_connections > 0) {
        setup->connections_max = (unsigned)MIN_OF(reply->max_connections, (uint64_t)UINT16_MAX);
    }
    return true;
}

bool link_ask_options(struct link_setup *setup, char *error, size_t error_cap)
{
    char block[4096];
    struct text request = text_over(block, sizeof(block));
    struct icap_client_reply reply = {0};
    uint8_t *in = malloc(ICAP_CLIENT_HEAD_MAX);
    int fd = socket(setup->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool good = false;

    icap_client_put_options(&setup->target, &request);
    if (in != NULL && fd >= 0 && !request.overflowed &&
        link_exchange_options(setup, fd, text_slice(&request), in, &reply)) {
        good = link_take_options(setup, &reply, error, error_cap);
    } else {
        snprintf(error, error_cap, "no engine answers at %s: %s", setup->target.host,
                 strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    free(in);
    return good;
}
