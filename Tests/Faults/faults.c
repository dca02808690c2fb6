// Loaded into the program with LD_PRELOAD (faults.py, FaultTests.swift): makes the n-th call of
// some kind fail, or writes down what is done to files so that a power cut can be acted out.
//
// Failing, by environment variables:
//   CARDSTATUS_FAULT_CALLS   names of calls, with commas: open, write, sync, resize, rename, unlink,
//                            mkdir, read, lock, map, malloc, thread
//   CARDSTATUS_FAULT_AT      which of them fails, from 1
//   CARDSTATUS_FAULT_TIMES   how many fail from there on (1)
//   CARDSTATUS_FAULT_ERRNO   with which error number (5, EIO); a write may also fall short: -1
//   CARDSTATUS_FAULT_PATH    only calls on files whose path begins so; without it, on all files
//   CARDSTATUS_FAULT_CALLER  for map, malloc and thread: only from the object whose file name has
//                            this in it; "program" is the program itself
//   CARDSTATUS_FAULT_REPORT  a line is appended to this file for every call that is made to fail
//
// Recording:
//   CARDSTATUS_RECORD        to this file, under CARDSTATUS_FAULT_PATH; see `record`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    OPEN = 1, WRITE = 2, SYNC = 4, RESIZE = 8, RENAME = 16, UNLINK = 32, MKDIR = 64, READ = 128,
    LOCK = 256, MAP = 512, MALLOC = 1024, THREAD = 2048
};
static const char *const names[] = {
    "open", "write", "sync", "resize", "rename", "unlink", "mkdir", "read", "lock", "map", "malloc",
    "thread"};

static unsigned calls;
static long fail_at, fail_times = 1;
static int fail_errno = EIO;
static const char *path_prefix, *report_path;
static size_t path_length;
static int record_descriptor = -1;
static uintptr_t caller_start, caller_end;
static int has_caller;
static atomic_long counter;
static atomic_int is_ready;
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

static int find_caller(struct dl_phdr_info *info, size_t size, void *wanted) {
    (void)size;
    const char *name = info->dlpi_name[0] ? info->dlpi_name : "program";
    if (!strstr(name, wanted)) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD) continue;
        uintptr_t start = info->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
        if (!caller_start || start < caller_start) caller_start = start;
        if (end > caller_end) caller_end = end;
    }
    return 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("CARDSTATUS_FAULT_CALLS");
    for (unsigned i = 0; text && i < sizeof names / sizeof *names; i++) {
        const char *found = strstr(text, names[i]);
        if (found) calls |= 1u << i;
    }
    if ((text = getenv("CARDSTATUS_FAULT_AT"))) fail_at = atol(text);
    if ((text = getenv("CARDSTATUS_FAULT_TIMES"))) fail_times = atol(text);
    if ((text = getenv("CARDSTATUS_FAULT_ERRNO"))) fail_errno = atoi(text);
    if ((text = getenv("CARDSTATUS_FAULT_CALLER"))) {
        has_caller = 1;
        dl_iterate_phdr(find_caller, (void *)text);
    }
    path_prefix = getenv("CARDSTATUS_FAULT_PATH");
    path_length = path_prefix ? strlen(path_prefix) : 0;
    report_path = getenv("CARDSTATUS_FAULT_REPORT");
    if ((text = getenv("CARDSTATUS_RECORD")))
        record_descriptor = (int)syscall(
            SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    atomic_store(&is_ready, 1);
}

// MARK: Failing

static void report(const char *call, const char *what) {
    if (!report_path) return;
    char line[600];
    int count = snprintf(line, sizeof line, "%s %s\n", call, what);
    int file = (int)syscall(SYS_openat, AT_FDCWD, report_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0) return;
    (void)!syscall(SYS_write, file, line, count);
    syscall(SYS_close, file);
}

// Whether this is the call that fails; errno is set then.
static int fails(unsigned kind, const char *call, const char *what) {
    if (!(calls & kind) || !atomic_load(&is_ready)) return 0;
    long number = atomic_fetch_add(&counter, 1) + 1;
    if (number < fail_at || number - fail_at >= fail_times || !fail_at) return 0;
    report(call, what);
    errno = fail_errno > 0 ? fail_errno : EIO;
    return 1;
}

// Also the folder itself, when the prefix ends with a slash.
static int is_ours(const char *path) {
    if (!path_prefix || !strncmp(path, path_prefix, path_length)) return 1;
    return path_length > 0 && path_prefix[path_length - 1] == '/'
        && strlen(path) == path_length - 1 && !strncmp(path, path_prefix, path_length - 1);
}

static int fails_for_path(unsigned kind, const char *call, const char *path) {
    return (calls & kind) && is_ours(path) && fails(kind, call, path);
}

static ssize_t path_of(int descriptor, char *path, size_t size) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = syscall(SYS_readlink, link, path, size - 1);
    if (count >= 0) path[count] = 0;
    return count;
}

static int fails_for_file(unsigned kind, const char *call, int descriptor) {
    char path[512];
    if (!(calls & kind) || path_of(descriptor, path, sizeof path) < 0) return 0;
    return is_ours(path) && fails(kind, call, path);
}

static int fails_for_caller(unsigned kind, const char *call, void *address) {
    uintptr_t place = (uintptr_t)address;
    if (!(calls & kind) || (has_caller && (place < caller_start || place >= caller_end))) return 0;
    return fails(kind, call, "memory");
}

// MARK: Recording

// One entry: u32 kind, u32 bytes of name, u64 inode, i64 offset, u64 bytes of data, name, data.
// Written together with what it tells of, under one lock, so that the order is the real one.
enum { R_WRITE = 1, R_SYNCED_WRITE, R_SYNC, R_RESIZE, R_LINK, R_RENAME, R_UNLINK, R_MKDIR, R_DIRSYNC };

struct entry {
    uint32_t kind, name_count;
    uint64_t inode;
    int64_t offset;
    uint64_t count;
};

static int is_recorded(int descriptor, struct stat *status, char *path, size_t size) {
    if (record_descriptor < 0 || fstat(descriptor, status) != 0) return 0;
    if (path_of(descriptor, path, size) < 0) return 0;
    return is_ours(path) && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode));
}

static void record(
    uint32_t kind, uint64_t inode, int64_t offset, const char *name, const struct iovec *data,
    int parts
) {
    struct entry entry = {kind, (uint32_t)strlen(name), inode, offset, 0};
    for (int i = 0; i < parts; i++) entry.count += data[i].iov_len;
    size_t size = sizeof entry + entry.name_count + entry.count;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) abort();
    memcpy(bytes, &entry, sizeof entry);
    memcpy(bytes + sizeof entry, name, entry.name_count);
    char *end = bytes + sizeof entry + entry.name_count;
    for (int i = 0; i < parts; i++) {
        memcpy(end, data[i].iov_base, data[i].iov_len);
        end += data[i].iov_len;
    }
    if (syscall(SYS_write, record_descriptor, bytes, size) != (long)size) abort();
    munmap(bytes, size);
}

static void lock_record(void) { if (record_descriptor >= 0) pthread_mutex_lock(&record_lock); }
static void unlock_record(void) { if (record_descriptor >= 0) pthread_mutex_unlock(&record_lock); }

static void record_write(int descriptor, const struct iovec *data, int parts, off_t offset, ssize_t done) {
    struct stat status;
    char path[512];
    if (done <= 0 || !is_recorded(descriptor, &status, path, sizeof path)) return;
    size_t left = (size_t)done;
    struct iovec written[1024];
    int count = 0;
    for (; count < parts && left > 0; count++) {
        written[count] = data[count];
        if (written[count].iov_len > left) written[count].iov_len = left;
        left -= written[count].iov_len;
    }
    int flags = fcntl(descriptor, F_GETFL);
    record(flags & O_DSYNC ? R_SYNCED_WRITE : R_WRITE, status.st_ino, offset, path, written, count);
}

static void record_named(uint32_t kind, const char *from, const char *to) {
    struct stat status;
    if (record_descriptor < 0 || !is_ours(to)) return;
    uint64_t inode = lstat(to, &status) == 0 ? status.st_ino : 0;
    struct iovec data = {(void *)to, strlen(to)};
    record(kind, inode, 0, from, &data, 1);
}

// MARK: Files

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int open_file(int folder, const char *path, int flags, mode_t mode) {
    if (fails_for_path(OPEN, "open", path)) return -1;
    lock_record();
    struct stat status;
    int is_new = record_descriptor >= 0 && (flags & O_CREAT) && is_ours(path)
        && lstat(path, &status) != 0;
    int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    int code = errno;
    if (descriptor >= 0 && is_new) record_named(R_LINK, "", path);
    if (descriptor >= 0 && !is_new && (flags & O_TRUNC) && record_descriptor >= 0 && is_ours(path)
        && fstat(descriptor, &status) == 0) record(R_RESIZE, status.st_ino, 0, path, NULL, 0);
    unlock_record();
    errno = code;
    return descriptor;
}

#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); \
    }

int open(const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { OPEN_MODE(flags) return open_file(folder, path, flags, mode); }

static ssize_t write_parts(int file, const struct iovec *data, int parts, off_t offset, const char *call) {
    size_t wanted = 0;
    for (int i = 0; i < parts; i++) wanted += data[i].iov_len;
    if (fails_for_file(WRITE, call, file)) {
        // A write may fall short before one fails; whoever writes has to notice.
        if (fail_errno >= 0 || wanted < 2) return -1;
        struct iovec half = {data[0].iov_base, data[0].iov_len / 2};
        if (half.iov_len == 0) return -1;
        data = &half;
        return offset < 0 ? syscall(SYS_writev, file, data, 1)
                          : syscall(SYS_pwritev, file, data, 1, offset, 0);
    }
    if (record_descriptor < 0)
        return offset < 0 ? syscall(SYS_writev, file, data, parts)
                          : syscall(SYS_pwritev, file, data, parts, offset, 0);
    lock_record();
    off_t place = offset < 0 ? lseek(file, 0, SEEK_CUR) : offset;
    ssize_t done = offset < 0 ? syscall(SYS_writev, file, data, parts)
                              : syscall(SYS_pwritev, file, data, parts, offset, 0);
    int code = errno;
    record_write(file, data, parts, place, done);
    unlock_record();
    errno = code;
    return done;
}

ssize_t write(int file, const void *bytes, size_t count) {
    struct iovec data = {(void *)bytes, count};
    return write_parts(file, &data, 1, -1, "write");
}
ssize_t writev(int file, const struct iovec *data, int parts) { return write_parts(file, data, parts, -1, "writev"); }
ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    struct iovec data = {(void *)bytes, count};
    return write_parts(file, &data, 1, offset, "pwrite");
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) { return pwrite(file, bytes, count, offset); }
ssize_t pwritev(int file, const struct iovec *data, int parts, off_t offset) { return write_parts(file, data, parts, offset, "pwritev"); }

ssize_t read(int file, void *bytes, size_t count) {
    return fails_for_file(READ, "read", file) ? -1 : syscall(SYS_read, file, bytes, count);
}
ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    return fails_for_file(READ, "pread", file) ? -1 : syscall(SYS_pread64, file, bytes, count, offset);
}
ssize_t pread64(int file, void *bytes, size_t count, off_t offset) { return pread(file, bytes, count, offset); }

static int sync_file(int file, const char *call, long number) {
    if (fails_for_file(SYNC, call, file)) return -1;
    struct stat status;
    char path[512];
    lock_record();
    int result = (int)syscall(number, file);
    int code = errno;
    if (result == 0 && is_recorded(file, &status, path, sizeof path))
        record(S_ISDIR(status.st_mode) ? R_DIRSYNC : R_SYNC, status.st_ino, 0, path, NULL, 0);
    unlock_record();
    errno = code;
    return result;
}
int fsync(int file) { return sync_file(file, "fsync", SYS_fsync); }
int fdatasync(int file) { return sync_file(file, "fdatasync", SYS_fdatasync); }

int ftruncate(int file, off_t length) {
    if (fails_for_file(RESIZE, "ftruncate", file)) return -1;
    struct stat status;
    char path[512];
    lock_record();
    int result = (int)syscall(SYS_ftruncate, file, length);
    int code = errno;
    if (result == 0 && is_recorded(file, &status, path, sizeof path))
        record(R_RESIZE, status.st_ino, length, path, NULL, 0);
    unlock_record();
    errno = code;
    return result;
}
int ftruncate64(int file, off_t length) { return ftruncate(file, length); }
int posix_fallocate(int file, off_t offset, off_t length) {
    if (fails_for_file(RESIZE, "posix_fallocate", file)) return errno;
    struct stat status, after;
    char path[512];
    lock_record();
    int is_known = is_recorded(file, &status, path, sizeof path);
    int result = NEXT(posix_fallocate)(file, offset, length);
    if (result == 0 && is_known && fstat(file, &after) == 0 && after.st_size > status.st_size)
        record(R_RESIZE, status.st_ino, after.st_size, path, NULL, 0);
    unlock_record();
    return result;
}
int posix_fallocate64(int file, off_t offset, off_t length) { return posix_fallocate(file, offset, length); }

int rename(const char *from, const char *to) {
    if (fails_for_path(RENAME, "rename", to)) return -1;
    lock_record();
    int result = (int)syscall(SYS_rename, from, to);
    int code = errno;
    if (result == 0) record_named(R_RENAME, from, to);
    unlock_record();
    errno = code;
    return result;
}
static int link_file(int from_folder, const char *from, int to_folder, const char *to, int flags, const char *call) {
    if (fails_for_path(RENAME, call, to)) return -1;
    lock_record();
    int result = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    int code = errno;
    if (result == 0) record_named(R_LINK, "", to);
    unlock_record();
    errno = code;
    return result;
}
int link(const char *from, const char *to) { return link_file(AT_FDCWD, from, AT_FDCWD, to, 0, "link"); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return link_file(from_folder, from, to_folder, to, flags, "linkat");
}
int unlink(const char *path) {
    if (fails_for_path(UNLINK, "unlink", path)) return -1;
    lock_record();
    int result = (int)syscall(SYS_unlink, path);
    int code = errno;
    if (result == 0) record_named(R_UNLINK, "", path);
    unlock_record();
    errno = code;
    return result;
}
int mkdir(const char *path, mode_t mode) {
    if (fails_for_path(MKDIR, "mkdir", path)) return -1;
    lock_record();
    int result = (int)syscall(SYS_mkdir, path, mode);
    int code = errno;
    if (result == 0) record_named(R_MKDIR, "", path);
    unlock_record();
    errno = code;
    return result;
}
int flock(int file, int operation) {
    return fails_for_file(LOCK, "flock", file) ? -1 : (int)syscall(SYS_flock, file, operation);
}
static int control(int file, int command, void *argument) {
    int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK
        || command == F_OFD_SETLKW;
    if (is_lock && fails_for_file(LOCK, "fcntl", file)) return -1;
    return (int)syscall(SYS_fcntl, file, command, argument);
}
int fcntl(int file, int command, ...) {
    va_list list; va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(file, command, argument);
}
int fcntl64(int file, int command, ...) {
    va_list list; va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(file, command, argument);
}

// MARK: Memory and threads

static void *map(void *address, size_t length, int protection, int flags, int file, off_t offset, void *caller) {
    int fail = file < 0 ? fails_for_caller(MAP, "mmap", caller) : fails_for_file(MAP, "mmap", file);
    if (fail) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}
void *mmap(void *a, size_t l, int p, int f, int file, off_t o) { return map(a, l, p, f, file, o, __builtin_return_address(0)); }
void *mmap64(void *a, size_t l, int p, int f, int file, off_t o) { return map(a, l, p, f, file, o, __builtin_return_address(0)); }

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    return fails_for_caller(MALLOC, "malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    return fails_for_caller(MALLOC, "calloc", __builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    return fails_for_caller(MALLOC, "realloc", __builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
    if (fails_for_caller(MALLOC, "posix_memalign", __builtin_return_address(0))) return ENOMEM;
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : ENOMEM;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    if (fails_for_caller(THREAD, "pthread_create", __builtin_return_address(0))) return EAGAIN;
    static __typeof__(&pthread_create) next;
    if (!next) next = NEXT(pthread_create);
    return next(thread, attributes, start, argument);
}
