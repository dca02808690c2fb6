/* What a minimal honest program on libmicrohttpd costs: one epoll thread, the same body and headers
 * as cardstatus sends, and nothing looked up.
 *
 *     bare-microhttpd PORT BODY-FILE created|cached
 *
 * created   a response object a request, as a server must whose replies differ
 * cached    one response object for all requests
 *
 * The pool is cardstatus's default of 8 KiB. The reply is queued in the handler's second call: queued
 * in the first it would end the connection (libmicrohttpd 0.9.75, connection.c, "discard_request").
 */
#include <microhttpd.h>
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { pool_size = 8192, body_limit = 1 << 20 };

static char body[body_limit];
static size_t body_size;
static struct MHD_Response *cached;

static struct MHD_Response *make_response(enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body_size, body, mode);
    if (!response)
        return NULL;
    if (MHD_add_response_header(response, "Content-Type", "application/json") == MHD_NO ||
        MHD_add_response_header(response, "ETag", "\"0123456789abcdef\"") == MHD_NO ||
        MHD_add_response_header(response, "Cache-Control", "private, no-cache") == MHD_NO) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static enum MHD_Result handle(
    void *unused, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **request)
{
    static char second_call;
    (void)unused, (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (*request == NULL) {
        *request = &second_call;
        return MHD_YES;
    }
    if (cached)
        return MHD_queue_response(connection, MHD_HTTP_OK, cached);
    /* A server's body is made for the request, so it is copied, as it would be from a buffer. */
    struct MHD_Response *response = make_response(MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: bare-microhttpd PORT BODY-FILE created|cached\n");
        return 2;
    }
    FILE *file = fopen(arguments[2], "rb");
    if (!file) {
        fprintf(stderr, "bare-microhttpd: %s: %s\n", arguments[2], strerror(errno));
        return 1;
    }
    body_size = fread(body, 1, body_limit, file);
    fclose(file);
    if (strcmp(arguments[3], "cached") == 0 &&
        !(cached = make_response(MHD_RESPMEM_PERSISTENT)))
        return 1;

    /* Before the daemon's thread is made, which inherits the mask. */
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(arguments[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, &handle, NULL,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)pool_size,
        MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "bare-microhttpd: cannot listen on port %s\n", arguments[1]);
        return 1;
    }
    sigwait(&signals, &signal);
    MHD_stop_daemon(daemon);
    return 0;
}
