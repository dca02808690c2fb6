// Preloaded under callgrind. Before sigsuspend, valgrind 3.19 writes into the caller's set of signals, and
// libdispatch's lies in memory that cannot be written.

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int
sigsuspend(const sigset_t *set)
{
    sigset_t copy = *set;
    return (int) syscall(SYS_rt_sigsuspend, &copy, 8);
}
