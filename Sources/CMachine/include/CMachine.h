// What Swift cannot say to the machine: a variable of the thread's own that costs one load, memory
// that is there before the program begins, and a prefetch.

#pragma once

#include <stdint.h>

// The reader's slot that this thread has claimed, plus one; 0 while it has none.
extern _Thread_local int32_t machine_thread_slot;

static inline int32_t
machine_get_thread_slot(void)
{
    return machine_thread_slot;
}

// Keeps the slot for this thread. `at_exit` is called with it on this thread when the thread ends,
// after which the thread has none. Returns 0, or an errno value, and then nothing is kept.
int machine_set_thread_slot(int32_t slot, void (*at_exit)(int32_t slot));

// A reader's cell: two cache lines, since processors fetch lines in pairs. Zero at first.
struct machine_cell {
    _Alignas(128) unsigned char bytes[128];
};

enum { MACHINE_CELL_COUNT = 512 };

extern struct machine_cell machine_cells[MACHINE_CELL_COUNT];

static inline void *
machine_get_cell(int32_t index)
{
    return &machine_cells[index];
}

// Asks for the cache line at an address that will be read soon. Any address will do: a prefetch
// never faults.
static inline void
machine_prefetch(const void *address)
{
    __builtin_prefetch(address, 0, 3);
}
