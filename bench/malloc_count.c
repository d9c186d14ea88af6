/* SPDX-License-Identifier: MIT */
/*
 * malloc_count - counts what a process allocates, from outside.
 *
 * Role: preloaded (LD_PRELOAD) in front of the C library's or jemalloc's malloc. Each process of
 * the tree maps $BALEEN_MALLOC_COUNT/PID and adds to the numbers there, so that they can be read
 * while it runs. An allocator that is linked into the program itself is not seen: the numbers then
 * stay at zero from the start, which the reader must refuse.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The file: allocations and releases, native 64-bit numbers. */
struct malloc_count {
    uint64_t allocations;
    uint64_t releases;
};

/* What dlsym itself allocates before the real functions are known. */
#define MALLOC_COUNT_EARLY 4096

static struct malloc_count malloc_count_none;
static struct malloc_count *malloc_count_page = &malloc_count_none;
static _Alignas(16) char malloc_count_early[MALLOC_COUNT_EARLY];
static size_t malloc_count_early_len;

static void *(*malloc_count_real_malloc)(size_t);
static void *(*malloc_count_real_calloc)(size_t, size_t);
static void *(*malloc_count_real_realloc)(void *, size_t);
static void (*malloc_count_real_free)(void *);
static void *(*malloc_count_real_aligned_alloc)(size_t, size_t);
static int (*malloc_count_real_posix_memalign)(void **, size_t, size_t);

static void malloc_count_map(void)
{
    const char *dir = getenv("BALEEN_MALLOC_COUNT");
    char path[512];
    malloc_count_page = &malloc_count_none;
    if (dir == NULL ||
        (size_t)snprintf(path, sizeof(path), "%s/%d", dir, (int)getpid()) >= sizeof(path)) {
        return;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return;
    }
    if (ftruncate(fd, sizeof(struct malloc_count)) == 0) {
        void *page =
            mmap(NULL, sizeof(struct malloc_count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) {
            malloc_count_page = page;
        }
    }
    close(fd);
}

/* POSIX promises that a function's address survives the way through void *; C alone does not. */
static void malloc_count_find(void *out, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(out, &found, sizeof(found));
}

/*
 * Other libraries allocate before our constructor runs, and dlsym itself may allocate: false while
 * the real functions are not known yet.
 */
static bool malloc_count_resolve(void)
{
    static bool resolving;
    static bool resolved;
    if (resolved || resolving) {
        return resolved;
    }
    resolving = true;
    malloc_count_find(&malloc_count_real_calloc, "calloc");
    malloc_count_find(&malloc_count_real_malloc, "malloc");
    malloc_count_find(&malloc_count_real_realloc, "realloc");
    malloc_count_find(&malloc_count_real_free, "free");
    malloc_count_find(&malloc_count_real_aligned_alloc, "aligned_alloc");
    malloc_count_find(&malloc_count_real_posix_memalign, "posix_memalign");
    resolved = true;
    resolving = false;
    return true;
}

__attribute__((constructor)) static void malloc_count_start(void)
{
    malloc_count_map();
    pthread_atfork(NULL, NULL, malloc_count_map);
}

static void malloc_count_take(void)
{
    __atomic_fetch_add(&malloc_count_page->allocations, 1, __ATOMIC_RELAXED);
}

static void *malloc_count_take_early(size_t len)
{
    size_t room = (len + 15) & ~(size_t)15;
    if (room < len || room > sizeof(malloc_count_early) - malloc_count_early_len) {
        abort();
    }
    void *block = malloc_count_early + malloc_count_early_len;
    malloc_count_early_len += room;
    return block;
}

static bool malloc_count_is_early(const void *block)
{
    const char *at = block;
    return at >= malloc_count_early && at < malloc_count_early + sizeof(malloc_count_early);
}

void *malloc(size_t len)
{
    malloc_count_take();
    return malloc_count_resolve() ? malloc_count_real_malloc(len) : malloc_count_take_early(len);
}

void *calloc(size_t n, size_t len)
{
    malloc_count_take();
    return malloc_count_resolve() ? malloc_count_real_calloc(n, len)
                                  : malloc_count_take_early(n * len);
}

void *realloc(void *block, size_t len)
{
    malloc_count_take();
    if (!malloc_count_resolve() || malloc_count_is_early(block)) {
        abort();
    }
    return malloc_count_real_realloc(block, len);
}

void *aligned_alloc(size_t alignment, size_t len)
{
    malloc_count_take();
    if (!malloc_count_resolve()) {
        abort();
    }
    return malloc_count_real_aligned_alloc(alignment, len);
}

int posix_memalign(void **out, size_t alignment, size_t len)
{
    malloc_count_take();
    if (!malloc_count_resolve()) {
        abort();
    }
    return malloc_count_real_posix_memalign(out, alignment, len);
}

void free(void *block)
{
    if (block == NULL || malloc_count_is_early(block) || !malloc_count_resolve()) {
        return;
    }
    __atomic_fetch_add(&malloc_count_page->releases, 1, __ATOMIC_RELAXED);
    malloc_count_real_free(block);
}
