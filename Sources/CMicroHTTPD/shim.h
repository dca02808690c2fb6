// What Swift cannot call in libmicrohttpd and, for the acceptor, in the C library; nothing else.
//
// Swift imports no function that takes `...`, so the variadic ones have a wrapper of fixed type
// here; the wrapper also keeps each option's argument in the C type that the manual asks for
// (`unsigned int`, `size_t` and pointers have different widths, and a variadic call checks none of
// them). The library's logger receives a `va_list`: it is formatted here and handed on as text.

// <sys/socket.h> comes with microhttpd.h and so belongs to this module as well as to the C
// library's. To which of the two Swift counts SOCK_STREAM and its like differs between builds, so
// files that name them import both.

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

// Where formatted log text goes. Must outlive the daemon that was started with it.
struct httpfront_log_sink {
    void (*write)(void *context, const char *text);
    void *context;
    // All connections are Unix sockets that were handed over (`MHD_add_connection`).
    bool is_for_unix_sockets;
};

static inline void
httpfront_log(void *sink, const char *format, va_list arguments)
{
    const struct httpfront_log_sink *target = (const struct httpfront_log_sink *) sink;
    // 0.9.75 does not ask of which family a connection is that was handed over. It tries
    // TCP_NODELAY and TCP_CORK after every reply (mhd_send.c, post_send_setopt), gets EOPNOTSUPP
    // from a Unix socket, which it does not take for an answer, and complains three times a reply.
    // Nothing is wrong: a Unix socket holds no data back.
    const char *option = "Setting %s option to %s state failed: %s\n";
    const char *push = "Failed to push the data from buffers to the network.";
    if (target->is_for_unix_sockets
        && (0 == strcmp(format, option) || 0 == strncmp(format, push, strlen(push))))
        return;
    // Some lines name the request's path, which may hold a card's ID: it is left out. It is the first
    // argument of each.
    const char *naming[] = {" for the request for `%s'", " in request for %s"};
    char text[512];
    size_t count = 0;
    for (size_t index = 0; index < sizeof(naming) / sizeof(naming[0]); index++) {
        const char *place = strstr(format, naming[index]);
        if (NULL == place || (size_t) (place - format) >= sizeof(text))
            continue;
        (void) va_arg(arguments, const char *);
        count = (size_t) (place - format);
        memcpy(text, format, count);
        format = place + strlen(naming[index]);
        break;
    }
    vsnprintf(text + count, sizeof(text) - count, format, arguments);
    target->write(target->context, text);
}

// All callbacks but the logger get the same `context`.
struct httpfront_callbacks {
    MHD_AccessHandlerCallback access;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection;
    void *(*uri)(void *context, const char *uri, struct MHD_Connection *connection);
    size_t (*unescape)(void *context, struct MHD_Connection *connection, char *text);
    void *context;
};

// `listen_socket` is -1 for a daemon whose connections are handed over. `tls_priorities` is NULL
// for one that does not encrypt; it is not needed after the call.
static inline struct MHD_Daemon *
httpfront_start_daemon(
    unsigned int flags, int listen_socket, const struct httpfront_callbacks *callbacks,
    struct httpfront_log_sink *sink, const char *tls_priorities,
    const void *tls_certificate_callback, size_t connection_memory_bytes,
    unsigned int connection_limit, unsigned int idle_timeout_seconds)
{
    // With MHD_USE_NO_LISTEN_SOCKET the socket's option would be an error: the array ends before
    // it.
    struct MHD_OptionItem listening[] = {
        {-1 == listen_socket ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, listen_socket, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (-1 == listen_socket)
        flags |= MHD_USE_NO_LISTEN_SOCKET;
    // Without MHD_USE_TLS these would be errors, too.
    struct MHD_OptionItem encrypting[] = {
        {NULL == tls_priorities ? MHD_OPTION_END : MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *) tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *) tls_certificate_callback},
        {MHD_OPTION_END, 0, NULL},
    };
    if (NULL != tls_priorities)
        flags |= MHD_USE_TLS;
    // The logger comes first: options before it would report their errors to stderr.
    return MHD_start_daemon(
        flags, 0, NULL, NULL, callbacks->access, callbacks->context,
        MHD_OPTION_EXTERNAL_LOGGER, &httpfront_log, (void *) sink,
        MHD_OPTION_ARRAY, listening,
        MHD_OPTION_ARRAY, encrypting,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory_bytes,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_seconds,
        MHD_OPTION_NOTIFY_COMPLETED, callbacks->completed, callbacks->context,
        MHD_OPTION_NOTIFY_CONNECTION, callbacks->connection, callbacks->context,
        MHD_OPTION_URI_LOG_CALLBACK, callbacks->uri, callbacks->context,
        MHD_OPTION_UNESCAPE_CALLBACK, callbacks->unescape, callbacks->context,
        MHD_OPTION_END);
}

// What `MHD_OPTION_NOTIFY_CONNECTION` stored for this connection; NULL when nothing was.
static inline void *
httpfront_socket_context(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return NULL == info ? NULL : info->socket_context;
}

// The peer's address; NULL when libmicrohttpd does not know it.
static inline const struct sockaddr *
httpfront_client_address(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return NULL == info ? NULL : info->client_addr;
}

// Bytes of a request's head, once it has been read, from the method to the empty line; 0 when they are
// not known.
static inline size_t
httpfront_head_size(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return NULL == info ? 0 : info->header_size;
}

// The connection's socket. libmicrohttpd closes it after it has told that the connection is closed.
static inline int
httpfront_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return NULL == info ? -1 : info->connect_fd;
}

// glibc declares it for _GNU_SOURCE only, which Swift's module of the C library does not set.
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

// A descriptor that wakes up who polls it; -1 with errno set.
static inline int
httpfront_wake_up_descriptor(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

// A descriptor that wakes a daemon's event loop when it is written to, to be closed after the
// daemon's end; -1 with errno set.
//
// libmicrohttpd 0.9.75 asks epoll for 128 events, and, when it got as many, asks for more before it
// serves these, with the same timeout: if exactly 128 connections were ready, or a multiple, it
// sleeps until something else happens (daemon.c, MHD_epoll). This is something else. The event's
// pointer is NULL, which that loop takes for a signal and skips.
//
// An eventfd, edge-triggered: each write to it is an event of its own, and nobody has to read it.
// (A timerfd does not go on ticking before it is read.)
static inline int
httpfront_add_heartbeat(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return -1;
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };
    if (NULL == info || 0 != epoll_ctl(info->epoll_fd, EPOLL_CTL_ADD, descriptor, &event)) {
        int error = NULL == info ? EINVAL : errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}
