/* Follows the change log over many connections, as so many clients would: each asks for what comes
 * behind what it has, waits, and asks again.
 *
 *     follow PORT CONNECTIONS SECONDS SINCE
 *
 * Prints "waiting" when every connection has asked, and at the end one line of JSON: answers,
 * changes in them, answers without a change, and the highest number heard. An answer that is not
 * 200, or a hole between `since` and what came, ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { connection_limit = 4096, answer_limit = 1 << 17 };

struct follower {
    int fd;
    uint64_t since;
    size_t held;
    char *answer;
};

static struct follower followers[connection_limit];
static uint64_t answers, changes, empty, highest;

static void fail(const char *what)
{
    fprintf(stderr, "follow: %s: %s\n", what, errno ? strerror(errno) : "not understood");
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void ask(struct follower *f)
{
    char request[128];
    int size = snprintf(request, sizeof request,
                        "GET /api/changes?since=%lu&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n", f->since);
    if (send(f->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
    f->held = 0;
}

/* Takes what has arrived; the answers are small, and one at a time on a connection. */
static void take(struct follower *f)
{
    ssize_t got = recv(f->fd, f->answer + f->held, answer_limit - 1 - f->held, 0);
    if (got <= 0) {
        errno = got == 0 ? ECONNRESET : errno;
        fail("recv");
    }
    f->held += (size_t)got;
    f->answer[f->held] = 0;
    char *body = strstr(f->answer, "\r\n\r\n");
    if (!body)
        return;
    char *length = strcasestr(f->answer, "Content-Length:");
    errno = 0;
    if (strncmp(f->answer, "HTTP/1.1 200", 12) != 0 || !length)
        fail(f->answer);
    body += 4;
    if (f->held < (size_t)(body - f->answer) + (size_t)atoll(length + 15))
        return;
    char *next = strstr(body, "],\"next\":");
    if (!next)
        fail(body);
    uint64_t last = strtoull(next + 9, NULL, 10);
    char *first = strstr(body, "\"sequence\":");
    if (first && strtoull(first + 11, NULL, 10) != f->since + 1)
        fail("a hole in the log");
    answers++;
    changes += last - f->since;
    empty += last == f->since;
    f->since = last;
    if (last > highest)
        highest = last;
    ask(f);
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "usage: follow PORT CONNECTIONS SECONDS SINCE\n");
        return 2;
    }
    int connections = atoi(arguments[2]), loop = epoll_create1(0), one = 1;
    if (connections < 1 || connections > connection_limit)
        fail("CONNECTIONS");
    for (int i = 0; i < connections; i++) {
        struct follower *f = &followers[i];
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_port = htons((uint16_t)atoi(arguments[1]));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        f->answer = malloc(answer_limit);
        f->fd = socket(AF_INET, SOCK_STREAM, 0);
        f->since = strtoull(arguments[4], NULL, 10);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = f};
        if (!f->answer || f->fd < 0
            || connect(f->fd, (struct sockaddr *)&address, sizeof address) < 0
            || epoll_ctl(loop, EPOLL_CTL_ADD, f->fd, &event) < 0)
            fail("connect");
        setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        ask(f);
    }
    puts("waiting");
    fflush(stdout);
    double begin = now(), end = begin + atof(arguments[3]);
    struct epoll_event events[256];
    while (now() < end) {
        int ready = epoll_wait(loop, events, 256, 100);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++)
            take(events[i].data.ptr);
    }
    printf("{\"followers\":%d,\"seconds\":%.3f,\"answers\":%lu,\"changes\":%lu,\"empty\":%lu,"
           "\"highest\":%lu}\n", connections, now() - begin, answers, changes, empty, highest);
    return 0;
}
