#define _GNU_SOURCE

#include "CMachine.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local void *machine_thread_cell;

struct machine_cell machine_cells[MACHINE_CELL_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;
static void (*release_cell)(void *cell);

// pthread_key_create(3): "the function pointed to is called with the previously associated value as its
// sole argument".
static void
thread_ends(void *value)
{
    machine_thread_cell = NULL;
    void (*at_exit)(void *cell) = __atomic_load_n(&release_cell, __ATOMIC_ACQUIRE);
    at_exit(value);
}

static void
make_key(void)
{
    key_error = pthread_key_create(&key, thread_ends);
}

int
machine_set_thread_cell(void *cell, void (*at_exit)(void *cell))
{
    int error = pthread_once(&once, make_key);
    if (0 == error)
        error = key_error;
    if (0 != error)
        return error;
    // Always the same function: there is one owner of cells in a process.
    __atomic_store_n(&release_cell, at_exit, __ATOMIC_RELEASE);
    error = pthread_setspecific(key, cell);
    if (0 != error)
        return error;
    machine_thread_cell = cell;
    return 0;
}

int
machine_prepare_heavy_barrier(void)
{
    return 0 == syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

int
machine_heavy_barrier(void)
{
    return 0 == syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) ? 0 : errno;
}

void *
machine_map(size_t byte_count, int *error)
{
    void *start = mmap(
        NULL, byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
        0);
    if (MAP_FAILED != start)
        return start;
    *error = errno;
    return NULL;
}

int
machine_unmap(void *start, size_t byte_count)
{
    return 0 == munmap(start, byte_count) ? 0 : errno;
}

void
machine_prefer_huge_pages(void *start, size_t byte_count)
{
    // Fails only where the kernel has none, and then nothing is lost.
    (void) madvise(start, byte_count, MADV_HUGEPAGE);
}

void
machine_sleep_micros(uint32_t micros)
{
    // Woken early by a signal is as good: callers look again.
    (void) usleep(micros);
}

const char *
machine_error_text(int error)
{
    return strerror(error);
}
