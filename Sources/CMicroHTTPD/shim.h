// What Swift cannot call in libmicrohttpd, and nothing else.
//
// Swift imports no function that takes `...`, so the variadic ones have a wrapper of fixed type
// here; the wrapper also keeps each option's argument in the C type that the manual asks for
// (`unsigned int`, `size_t` and pointers have different widths, and a variadic call checks none of
// them). The library's logger receives a `va_list`: it is formatted here and handed on as text.

#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <microhttpd.h>

// Where formatted log text goes. Must outlive the daemon that was started with it.
struct httpfront_log_sink {
    void (*write)(void *context, const char *text);
    void *context;
};

static inline void
httpfront_log(void *sink, const char *format, va_list arguments)
{
    const struct httpfront_log_sink *target = (const struct httpfront_log_sink *) sink;
    char text[512];
    vsnprintf(text, sizeof(text), format, arguments);
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

static inline struct MHD_Daemon *
httpfront_start_daemon(
    unsigned int flags, int listen_socket, const struct httpfront_callbacks *callbacks,
    struct httpfront_log_sink *sink, size_t connection_memory_bytes, unsigned int connection_limit,
    unsigned int idle_timeout_seconds)
{
    // The logger comes first: options before it would report their errors to stderr.
    return MHD_start_daemon(
        flags, 0, NULL, NULL, callbacks->access, callbacks->context,
        MHD_OPTION_EXTERNAL_LOGGER, &httpfront_log, (void *) sink,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket) listen_socket,
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
