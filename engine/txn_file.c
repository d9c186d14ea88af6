/* SPDX-License-Identifier: MIT */
/*
 * The steps of FILEMOD: open under a root, read through the ring, delete atomically.
 *
 * Only regular files under filemod.roots are opened, resolved beneath the root (openat2), never
 * through magic links, never blocking on a FIFO. A delete moves the name aside first and looks
 * whether it is still the file that was scanned; if not, the name goes back and nothing is deleted.
 * Contract section 5.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "engine/admission.h"
#include "engine/conn.h"
#include "engine/respond.h"
#include "engine/shard.h"
#include "engine/txn.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger files are read away from the loop: a cold buffered read blocks its submitter in
 * read-ahead. */
#define TXN_FILE_COLD_BYTES MIB(1)

#define TXN_FILE_RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)

enum txn_file_stage {
    FILE_STAGE_BEGIN,
    FILE_STAGE_OPEN,
    FILE_STAGE_RUNNING,
    FILE_STAGE_DIR,
    FILE_STAGE_KEEP_OPEN,
    FILE_STAGE_KEEP_READ,
    FILE_STAGE_KEEP_WRITE,
    FILE_STAGE_KEEP_SYNC,
    FILE_STAGE_HIDE,
    FILE_STAGE_UNLINK,
    FILE_STAGE_RESTORE,
};

static void txn_on_file(struct ring_op *op, int res)
{
    struct txn_file *file = CONTAINER_OF(op, struct txn_file, op);
    struct txn *txn = CONTAINER_OF(file, struct txn, file);

    file->result = res;
    if (file->stage == FILE_STAGE_OPEN && res >= 0) {
        /* Whatever became of the request meanwhile: the descriptor has an owner. */
        file->fd = res;
    }
    if (txn->conn->state == CONN_OPEN) {
        conn_run(txn->conn);
        return;
    }
    if (txn->step == TXN_STEP_file_delete) {
        /* A delete that has begun is brought to its end, client or no client. */
        txn_step_file_delete(txn);
    }
    conn_reap(txn->conn);
}

/* Finds the root that holds the path and leaves the rest of it in file->path. */
static bool txn_file_resolve(struct txn *txn)
{
    const struct config_list *roots = &txn->generation->config->filemod_roots;
    const struct slice path = txn->request.filepath;
    struct txn_file *file = &txn->file;

    for (uint32_t i = 0; i < roots->len; i++) {
        struct slice root = slice_from_str(roots->items[i]);

        while (root.len > 0 && root.ptr[root.len - 1] == '/') {
            root.len--;
        }
        if (txn->generation->root_fds[i] < 0 || path.len <= root.len + 1 ||
            memcmp(path.ptr, root.ptr, root.len) != 0 || path.ptr[root.len] != '/') {
            continue;
        }
        struct slice rest = slice_skip(path, root.len);

        while (rest.len > 0 && rest.ptr[0] == '/') {
            rest = slice_skip(rest, 1);
        }
        if (rest.len == 0 || rest.len >= sizeof(file->path)) {
            return false;
        }
        memcpy(file->path, rest.ptr, rest.len);
        file->path[rest.len] = '\0';
        file->root_fd = txn->generation->root_fds[i];
        return true;
    }
    return false;
}

static bool txn_file_take_facts(struct txn_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    file->size = (uint64_t)st.st_size;
    file->mtime_sec = st.st_mtim.tv_sec;
    file->mtime_nsec = st.st_mtim.tv_nsec;
    file->ino = st.st_ino;
    file->dev = st.st_dev;
    return true;
}

static bool txn_file_is_same(const struct txn_file *file, const struct stat *st)
{
    return file->size == (uint64_t)st->st_size && file->mtime_sec == st->st_mtim.tv_sec &&
           file->mtime_nsec == st->st_mtim.tv_nsec && file->ino == st->st_ino &&
           file->dev == st->st_dev;
}

static const uint8_t *txn_file_at(void *ctx, uint64_t offset, size_t *out_len)
{
    struct txn *txn = ctx;

    return body_window_at(&txn->shard->store, &txn->file, txn->file.fd, offset, txn->file.size,
                          out_len);
}

/* A file that came with one read is still where it was read to. */
static const uint8_t *txn_file_stay_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct txn *txn = ctx;
    const struct txn_file *file = &txn->file;

    if (file->stage != FILE_STAGE_RUNNING || (uint64_t)file->result != file->size) {
        return NULL;
    }
    *out_len = (size_t)(file->size - offset);
    return file->block + offset;
}

enum txn_flow txn_step_file_open(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    if (file->stage == FILE_STAGE_BEGIN) {
        if (!txn_file_resolve(txn)) {
            return txn_refuse(txn, REASON_file_not_opened);
        }
        file->stage = FILE_STAGE_OPEN;
        file->how = (struct open_how){
            .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
            .resolve = TXN_FILE_RESOLVE,
        };
        ring_openat2(txn->shard->ring, &file->op, file->root_fd, file->path, &file->how,
                     txn_on_file);
        return TXN_WAIT;
    }
    if (ring_op_pending(&file->op)) {
        return TXN_WAIT;
    }
    if (file->fd < 0 || !txn_file_take_facts(file)) {
        return txn_refuse(txn, REASON_file_not_opened);
    }
    counters_add(&txn->shard->counters->files_scanned, 1);
    file->stage = FILE_STAGE_BEGIN;
    if (txn->verdict == TXN_UNDECIDED && (txn->route.service->scans & SERVICE_SCAN_AV)) {
        txn_scan_begin(txn, (struct match_source){txn_file_at, txn}, txn_file_stay_at);
        return txn_goto(txn, TXN_STEP_file_read);
    }
    return txn_goto(txn, TXN_STEP_file_verdict);
}

static bool txn_file_read_next(struct txn *txn)
{
    struct txn_file *file = &txn->file;
    const uint64_t left = file->size - file->at;

    if (!file->block) {
        file->block = body_block_take(&txn->shard->store);
        if (!file->block) {
            return false;
        }
    }
    ring_read(txn->shard->ring, &file->op, file->fd, file->block,
              (size_t)MIN_OF(left, (uint64_t)BODY_BLOCK_BYTES), file->at,
              file->size > TXN_FILE_COLD_BYTES, txn_on_file);
    return true;
}

static enum txn_flow txn_file_over_limit(struct txn *txn, const char *name)
{
    counters_add(&txn->shard->counters->verdict_over_limit, 1);
    if (txn->generation->config->policy_over_limit == CONFIG_BLOCK) {
        txn_set_violation(txn, MATCH_CONTAINER, name);
        txn->verdict = TXN_FOUND;
        /* What was not scanned is never deleted. */
        txn->action = CONFIG_ACTION_SCAN;
    } else {
        txn->verdict = TXN_SKIPPED;
    }
    txn_scan_end(txn);
    return txn_goto(txn, TXN_STEP_file_verdict);
}

enum txn_flow txn_step_file_read(struct txn *txn)
{
    const struct config *config = txn->generation->config;
    struct txn_file *file = &txn->file;

    if (ring_op_pending(&file->op)) {
        return TXN_WAIT;
    }
    if (file->size > config->limits_body) {
        return txn_file_over_limit(txn, "Baleen.Limit.Body");
    }
    if (file->stage == FILE_STAGE_RUNNING) {
        if (file->result <= 0) {
            return txn_refuse(txn, REASON_file_not_read);
        }
        file->at += (uint64_t)file->result;
        counters_add(&txn->shard->counters->bytes_scanned, (uint64_t)file->result);
        if (match_body_feed(&txn->match, slice_from(file->block, (size_t)file->result),
                            &txn->finding) == MATCH_FOUND) {
            txn->verdict = TXN_FOUND;
            return txn_goto(txn, TXN_STEP_file_verdict);
        }
    }
    file->stage = FILE_STAGE_RUNNING;
    if (file->at == file->size) {
        return txn_goto(txn, TXN_STEP_file_verdict);
    }
    if (txn_scan_is_late(txn)) {
        return txn_file_over_limit(txn, "Baleen.Limit.Time");
    }
    conn_set_deadline(txn->conn, config->icap_progress_timeout_ns);
    return txn_file_read_next(txn) ? TXN_WAIT : txn_refuse(txn, REASON_no_memory);
}

static enum txn_flow txn_file_answer(struct txn *txn)
{
    txn_settle(txn);
    respond_file_verdict(txn);
    return txn_goto(txn, TXN_STEP_drain);
}

enum txn_flow txn_step_file_verdict(struct txn *txn)
{
    if (txn_is_hashing(txn)) {
        return TXN_WAIT;
    }
    if (txn->verdict == TXN_UNDECIDED && txn->scanning) {
        switch (match_body_end(&txn->match, &txn->finding)) {
        case MATCH_AGAIN:
            if (txn_scan_is_late(txn)) {
                return txn_file_over_limit(txn, "Baleen.Limit.Time");
            }
            txn_work_later(txn);
            return TXN_WAIT;
        case MATCH_OVER_BUDGET:
            return txn_file_over_limit(txn, "Baleen.Limit.Verify");
        case MATCH_FAILED:
            return txn_refuse(txn, REASON_file_not_read);
        case MATCH_FOUND:
            txn->verdict = TXN_FOUND;
            break;
        case MATCH_CLEAN:
            txn->verdict = TXN_CLEAN;
            break;
        }
    }
    if (txn->verdict == TXN_UNDECIDED) {
        txn->verdict = TXN_SKIPPED;
    }
    if (txn->verdict == TXN_FOUND && txn_deletes(txn) && txn->finding.kind == MATCH_VIRUS) {
        txn->file.stage = FILE_STAGE_BEGIN;
        return txn_goto(txn, TXN_STEP_file_delete);
    }
    return txn_file_answer(txn);
}

static void txn_file_open_dir(struct txn *txn)
{
    struct txn_file *file = &txn->file;
    char *slash = strrchr(file->path, '/');

    file->how = (struct open_how){
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = TXN_FILE_RESOLVE,
    };
    if (slash) {
        *slash = '\0';
        file->base = slash + 1;
    } else {
        file->base = file->path;
    }
    file->stage = FILE_STAGE_DIR;
    ring_openat2(txn->shard->ring, &file->op, file->root_fd, slash ? file->path : ".", &file->how,
                 txn_on_file);
}

static void txn_file_open_keep(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    snprintf(file->hidden, sizeof(file->hidden), "%lld-%llu-%llu.quarantined",
             (long long)clock_wall_sec(), (unsigned long long)file->ino,
             (unsigned long long)clock_now_ns());
    file->how = (struct open_how){
        .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
        .mode = 0600,
    };
    file->stage = FILE_STAGE_KEEP_OPEN;
    file->at = 0;
    ring_openat2(txn->shard->ring, &file->op, txn->generation->quarantine_fd, file->hidden,
                 &file->how, txn_on_file);
}

static void txn_file_hide(struct txn *txn)
{
    struct txn_file *file = &txn->file;
    struct stat st;

    if (fstat(file->fd, &st) < 0 || !txn_file_is_same(file, &st)) {
        LOG_WRN("%s: changed while it was scanned, not deleted", file->base);
        file->stage = FILE_STAGE_RUNNING;
        return;
    }
    snprintf(file->hidden, sizeof(file->hidden), ".baleen-%llu-%llu.deleting",
             (unsigned long long)file->ino, (unsigned long long)clock_now_ns());
    file->stage = FILE_STAGE_HIDE;
    ring_rename(txn->shard->ring, &file->op, file->dir_fd, file->base, file->dir_fd, file->hidden,
                RENAME_NOREPLACE, txn_on_file);
}

/* Gives the file its name back, unless that has been taken meanwhile. */
static void txn_file_restore(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    file->stage = FILE_STAGE_RESTORE;
    ring_rename(txn->shard->ring, &file->op, file->dir_fd, file->hidden, file->dir_fd, file->base,
                RENAME_NOREPLACE, txn_on_file);
}

/* The name is aside now: is it the file that was scanned? */
static void txn_file_unlink(struct txn *txn)
{
    struct txn_file *file = &txn->file;
    struct stat st;

    if (fstatat(file->dir_fd, file->hidden, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        txn_file_is_same(file, &st)) {
        file->stage = FILE_STAGE_UNLINK;
        ring_unlink(txn->shard->ring, &file->op, file->dir_fd, file->hidden, txn_on_file);
        return;
    }
    LOG_WRN("%s: another file took its name, not deleted", file->base);
    txn_file_restore(txn);
}

static void txn_file_copy_read(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    if (file->at == file->size) {
        file->stage = FILE_STAGE_KEEP_SYNC;
        ring_fsync(txn->shard->ring, &file->op, file->keep_fd, txn_on_file);
        return;
    }
    file->stage = FILE_STAGE_KEEP_READ;
    if (!txn_file_read_next(txn)) {
        file->stage = FILE_STAGE_RUNNING;
    }
}

static void txn_file_copy_write(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    file->stage = FILE_STAGE_KEEP_WRITE;
    ring_write(txn->shard->ring, &file->op, file->keep_fd, file->block, (size_t)file->result,
               file->at, txn_on_file);
}

/* One operation of the delete has completed well; starts the next. RUNNING afterwards: it ends
 * here. */
static void txn_file_delete_next(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    switch ((enum txn_file_stage)file->stage) {
    case FILE_STAGE_DIR:
        file->dir_fd = file->result;
        if (txn->generation->config->filemod_quarantine_dir[0] == '\0') {
            txn_file_hide(txn);
        } else {
            txn_file_open_keep(txn);
        }
        break;
    case FILE_STAGE_KEEP_OPEN:
        file->keep_fd = file->result;
        txn_file_copy_read(txn);
        break;
    case FILE_STAGE_KEEP_READ:
        txn_file_copy_write(txn);
        break;
    case FILE_STAGE_KEEP_WRITE:
        file->at += (uint64_t)file->result;
        txn_file_copy_read(txn);
        break;
    case FILE_STAGE_KEEP_SYNC:
        txn_file_hide(txn);
        break;
    case FILE_STAGE_HIDE:
        txn_file_unlink(txn);
        break;
    case FILE_STAGE_UNLINK:
        txn->disposition = 2;
        counters_add(&txn->shard->counters->files_deleted, 1);
        file->stage = FILE_STAGE_RUNNING;
        break;
    default:
        file->stage = FILE_STAGE_RUNNING;
        break;
    }
}

static bool txn_file_has_failed(const struct txn_file *file)
{
    const bool copies = file->stage == FILE_STAGE_KEEP_READ || file->stage == FILE_STAGE_KEEP_WRITE;

    /* A read of nothing means that the file shrank: the copy would not be whole. */
    return file->result < 0 || (copies && file->result == 0);
}

enum txn_flow txn_step_file_delete(struct txn *txn)
{
    struct txn_file *file = &txn->file;

    if (ring_op_pending(&file->op)) {
        return TXN_WAIT;
    }
    if (file->stage == FILE_STAGE_BEGIN) {
        txn_file_open_dir(txn);
        return TXN_WAIT;
    }
    if (txn_file_has_failed(file)) {
        LOG_WRN("%s: could not be deleted (stage %u, %s)", file->base, file->stage,
                strerror(-file->result));
        if (file->stage == FILE_STAGE_UNLINK) {
            txn_file_restore(txn);
            return TXN_WAIT;
        }
        return txn_file_answer(txn);
    }
    txn_file_delete_next(txn);
    return file->stage == FILE_STAGE_RUNNING ? txn_file_answer(txn) : TXN_WAIT;
}
