// What the index asks of the machine and Swift cannot say: a variable of the thread's own that costs
// one load, memory that is there before the program begins, a barrier that others pay for, a
// prefetch, sixteen bytes compared at once; and the system's memory, so that the index itself
// imports nothing that does I/O.

#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Memory for one reader: two cache lines, since processors fetch lines in pairs. Zero at first.
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

// The cell that this thread has claimed; NULL while it has none.
extern _Thread_local void *machine_thread_cell;

static inline void *
machine_get_thread_cell(void)
{
    return machine_thread_cell;
}

// Keeps the cell for this thread. `at_exit` is called with it on this thread when the thread ends,
// after which the thread has none. Returns 0, or an errno value, and then nothing is kept.
int machine_set_thread_cell(void *cell, void (*at_exit)(void *cell));

// Readies the process for machine_heavy_barrier; true when the system has it (Linux 4.14, unless a
// sandbox forbids it).
int machine_prepare_heavy_barrier(void);

// Every thread of the process executes a full memory barrier before this returns
// (MEMBARRIER_CMD_PRIVATE_EXPEDITED, membarrier(2)). Returns 0, or an errno value.
int machine_heavy_barrier(void);

// The other half: keeps the compiler from moving memory accesses across it, and leaves the processor
// to the heavy barrier.
static inline void
machine_light_barrier(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

// Asks for the cache line at an address that will be read soon. Any address will do: a prefetch
// never faults.
static inline void
machine_prefetch(const void *address)
{
    __builtin_prefetch(address, 0, 3);
}

// Which of sixteen bytes are `byte`: bit n for byte n, of which `low` has the first eight, from its
// least significant one on. The words come as values, so that the caller can load them atomically.
static inline uint32_t
machine_matching_bytes(uint64_t low, uint64_t high, uint8_t byte)
{
#if defined(__SSE2__)
    __m128i bytes = _mm_set_epi64x((long long) high, (long long) low);
    return (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8((char) byte)));
#else
    const uint64_t ones = 0x0101010101010101, seven = 0x7F7F7F7F7F7F7F7F;
    uint64_t words[2] = { low ^ ones * byte, high ^ ones * byte };
    uint32_t matches = 0;
    for (int half = 0; half < 2; half++) {
        // The high bit of every byte that is zero; the multiplication gathers them in the top byte.
        uint64_t zeros = ~(((words[half] & seven) + seven) | words[half] | seven);
        matches |= (uint32_t) (((zeros >> 7) * 0x0102040810204080) >> 56) << 8 * half;
    }
    return matches;
#endif
}

// Zeroed memory that costs address space until it is touched, and for which no swap is set aside
// (mmap(2), MAP_NORESERVE). NULL when the system refuses, with the reason in `error`.
void *machine_map(size_t byte_count, int *error);

// Gives memory back whole. Returns 0, or an errno value.
int machine_unmap(void *start, size_t byte_count);

// Asks for pages of 2 MiB: a hint that the system may ignore, and so has no result.
void machine_prefer_huge_pages(void *start, size_t byte_count);

void machine_sleep_micros(uint32_t micros);

// The system's words for an errno value; valid until the thread asks again.
const char *machine_error_text(int error);
