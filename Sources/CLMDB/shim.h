// LMDB itself needs nothing that Swift cannot call.
#include <lmdb.h>
#include <sys/types.h>

// fallocate(2), which the C library shows only to those who define _GNU_SOURCE.
int fallocate(int descriptor, int mode, off_t offset, off_t count);

// Gives a file blocks for its first `count` bytes. Unlike posix_fallocate, it fails where the file
// system cannot, and does not write instead: others have the file mapped. Returns 0, or -1.
static inline int
shim_allocate(int descriptor, off_t count)
{
    return fallocate(descriptor, 0, 0, count);
}
