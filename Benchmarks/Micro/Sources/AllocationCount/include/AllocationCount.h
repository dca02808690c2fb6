// Counts a thread's allocations, by standing in front of the C library's allocator.

#pragma once

#include <stdint.h>

// Calls of malloc, calloc, realloc and the aligned ones by this thread so far.
uint64_t allocation_count(void);
