#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_link - one connection of `baleen scan` to an engine, one file at a time.
 *
 * Role: sends a file by path or by stream and turns the answer into a result. Reading and writing
 * go on side by side, so an answer that comes before the file is out is taken at once, and neither
 * side can block the other. A connection is kept for the next file when the answer leaves it in
 * step, and opened anew when not. Owner: the scan's poll loop. Memory: two buffers for each link.
 *
 *   idle -> connecting -> sending head and preview -> holding (for 100) -> sending body -> sent
 *                         reading head -> reading heads -> reading body -> done -> idle
 */
#include "net/wire/chunk.h"
#include "tools/baleen_report.h"
#include "tools/icap_client.h"

#include <sys/socket.h>

enum link_way {
    LINK_AUTO, /* By path where the engine may open the file, else by stream. */
    LINK_BY_PATH,
    LINK_BY_STREAM,
};

/* What all links of a run share. */
struct link_setup {
    struct sockaddr_storage address;
    socklen_t address_len;
    struct icap_client_target target;
    enum link_way way;
    bool is_request; /* The service takes uploads only. */
    bool has_preview;
    size_t preview;
    uint64_t timeout_ns;      /* Without a byte in either direction. */
    unsigned refusals;        /* Files in a row that the engine would not open. */
    bool opened;              /* It has opened one. */
    unsigned connections_max; /* As announced; 0: not. */
};

/* Bytes of a file that go out in one chunk. */
#define LINK_CHUNK     KIB(128)
#define LINK_FRAME     32 /* Room for the chunk's size line in front and its end behind. */
#define LINK_HEAD_ROOM KIB(16)
#define LINK_OUT_CAP   (LINK_HEAD_ROOM + LINK_CHUNK + 2 * LINK_FRAME)

enum link_sending {
    LINK_SEND_START, /* Head, fabricated heads, preview. */
    LINK_SEND_HOLD,  /* The preview is out: nothing more until 100. */
    LINK_SEND_BODY,
    LINK_SEND_DONE,
    LINK_SEND_BROKEN, /* The engine takes no more; its answer may still come. */
};

enum link_receiving {
    LINK_RECV_HEAD,
    LINK_RECV_HEADS, /* The encapsulated heads, passed over. */
    LINK_RECV_BODY,
};

struct link {
    struct link_setup *setup;
    int fd; /* -1: not connected. */
    bool connecting;
    bool used;     /* The connection has served a file before. */
    bool by_path;  /* This file goes by path. */
    bool retried;  /* This file has had its second connection. */
    bool answered; /* A byte of an answer has come. */
    bool closing;  /* The answer says that the connection ends. */
    enum link_sending sending;
    enum link_receiving receiving;
    struct report_file *file; /* NULL: idle. */
    int file_fd;
    uint64_t file_at;
    uint64_t deadline_ns;
    size_t out_at;
    size_t out_len;
    size_t in_len;
    size_t in_seen;
    enum report_result verdict; /* What the head of the answer says; told when all of it is in. */
    char detail[REPORT_DETAIL_CAP];
    uint64_t skip; /* Bytes of encapsulated heads left. */
    bool has_body;
    struct chunk_decoder chunks;
    uint8_t out[LINK_OUT_CAP];
    uint8_t in[ICAP_CLIENT_HEAD_MAX];
};

void link_init(struct link *link, struct link_setup *setup);
void link_fini(struct link *link);

static inline bool link_is_idle(const struct link *link)
{
    return link->file == NULL;
}

/* Begins a file. It may be done at once, when it cannot be read. */
void link_start(struct link *link, struct report_file *file);

/* What poll shall wait for. */
short link_events(const struct link *link);

/* Does what can be done now; `revents` is 0 when only time has passed. */
void link_drive(struct link *link, short revents);

/*
 * Asks for the OPTIONS of the service and fills the setup. False with one line in `error`.
 */
MUST_CHECK bool link_ask_options(struct link_setup *setup, char *error, size_t error_cap);
