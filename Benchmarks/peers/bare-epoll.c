/* What an HTTP reply costs when nothing is computed: one thread, epoll, a fixed reply.
 *
 *     bare-epoll PORT REPLY-FILE
 *
 * Reads a request up to its blank line and sends the bytes of REPLY-FILE, head and all. It knows no
 * methods, no bodies and no time-outs: it is a floor, not a server. Pipelined requests are answered
 * in order; a reply that the socket does not take whole is sent on when it can.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { connection_limit = 4096, buffer_size = 8192, events_a_turn = 128 };

struct connection {
    size_t filled;   /* bytes of requests not yet answered */
    size_t searched; /* of those, known to hold no blank line */
    size_t owed;     /* bytes of replies not yet sent */
    char buffer[buffer_size];
};

static char *reply;
static size_t reply_size;
static struct connection *connections[connection_limit];

static void fail(const char *what)
{
    fprintf(stderr, "bare-epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_reply(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path);
    reply = malloc(1 << 20);
    if (!reply)
        fail("memory");
    reply_size = fread(reply, 1, 1 << 20, file);
    if (ferror(file) || reply_size == 0)
        fail(path);
    fclose(file);
}

static int listen_on(int port)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0)
        fail("cannot listen");
    return fd;
}

static void end(int fd)
{
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

/* Sends what is owed; false when the connection is gone. */
static int send_owed(int fd, struct connection *c)
{
    while (c->owed > 0) {
        size_t offset = (reply_size - c->owed % reply_size) % reply_size;
        ssize_t sent = send(fd, reply + offset, reply_size - offset, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        c->owed -= (size_t)sent;
    }
    return 1;
}

static int answer(int fd, struct connection *c, uint32_t happened)
{
    if (c->owed > 0 && !send_owed(fd, c))
        return 0;
    for (;;) {
        if (c->filled == buffer_size)
            return 0;
        size_t room = buffer_size - c->filled;
        ssize_t got = recv(fd, c->buffer + c->filled, room, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        c->filled += (size_t)got;
        size_t begin = 0, from = c->searched;
        char *blank;
        while ((blank = memmem(c->buffer + from, c->filled - from, "\r\n\r\n", 4))) {
            c->owed += reply_size;
            begin = from = (size_t)(blank - c->buffer) + 4;
        }
        c->filled -= begin;
        memmove(c->buffer, c->buffer + begin, c->filled);
        c->searched = c->filled > 3 ? c->filled - 3 : 0;
        if (!send_owed(fd, c))
            return 0;
        /* The socket is empty, and asking again would cost a call, unless the end came along. */
        if ((size_t)got < room && !(happened & EPOLLRDHUP))
            return 1;
    }
}

static void take(int loop, int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (fd >= connection_limit || !(connections[fd] = calloc(1, sizeof(struct connection)))) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0)
        end(fd);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: bare-epoll PORT REPLY-FILE\n");
        return 2;
    }
    read_reply(arguments[2]);
    int listener = listen_on(atoi(arguments[1]));
    int loop = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll");

    struct epoll_event events[events_a_turn];
    for (;;) {
        int ready = epoll_wait(loop, events, events_a_turn, -1);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                take(loop, listener);
            else if (!answer(fd, connections[fd], events[i].events))
                end(fd);
        }
    }
}
