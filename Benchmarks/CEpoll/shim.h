// epoll, which Swift's Glibc module leaves out, and what Swift cannot call.

#pragma once

#include <sys/epoll.h>
#include <sys/prctl.h>

// prctl is variadic. The slack is the calling thread's, in nanoseconds.
static inline int
cepoll_set_timer_slack(unsigned long slack_ns)
{
    return prctl(PR_SET_TIMERSLACK, slack_ns, 0UL, 0UL, 0UL);
}
