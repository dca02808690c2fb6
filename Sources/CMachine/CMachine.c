#include "CMachine.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

_Thread_local int32_t machine_thread_slot;

struct machine_cell machine_cells[MACHINE_CELL_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;
static void (*release_slot)(int32_t slot);

// "The destructor function is called with the key's value as its sole argument" (pthread_key_create(3)).
static void
thread_ends(void *value)
{
    int32_t slot = (int32_t) (intptr_t) value;
    machine_thread_slot = 0;
    release_slot(slot);
}

static void
make_key(void)
{
    key_error = pthread_key_create(&key, thread_ends);
}

int
machine_set_thread_slot(int32_t slot, void (*at_exit)(int32_t slot))
{
    int error = pthread_once(&once, make_key);
    if (0 == error)
        error = key_error;
    if (0 != error)
        return error;
    // Always the same function: there is one owner of slots in a process.
    __atomic_store_n(&release_slot, at_exit, __ATOMIC_RELEASE);
    error = pthread_setspecific(key, (void *) (intptr_t) slot);
    if (0 != error)
        return error;
    machine_thread_slot = slot;
    return 0;
}
