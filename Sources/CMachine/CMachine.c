#define _GNU_SOURCE

#include "CMachine.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stddef.h>
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
    release_cell(value);
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
