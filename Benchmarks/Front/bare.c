// The floor: libmicrohttpd with a constant reply of the same bytes, headers, pool and event loop as
// cardstatus. Whatever a request costs above this is ours.
//
//     bare BODY ETAG    prints its port, serves until standard input ends
//
// A card's reply has an entity tag of its own, so the floor makes a response a request too, the
// cheapest way that there is: from a buffer that the library need not copy.

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reply {
    char *body;
    const char *etag;
};

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
       const char *version, const char *upload, size_t *upload_count, void **request)
{
    (void) url, (void) method, (void) version, (void) upload, (void) upload_count;
    // An answer in the first call would end the connection.
    if (NULL == *request) {
        *request = context;
        return MHD_YES;
    }
    const struct reply *reply = context;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(reply->body), reply->body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "ETag", reply->etag);
    MHD_add_response_header(response, "Cache-Control", "private, no-cache");
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

int
main(int count, char **arguments)
{
    if (3 != count) {
        fprintf(stderr, "usage: bare BODY ETAG\n");
        return 2;
    }
    struct reply reply = {arguments[1], arguments[2]};
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, &answer, &reply,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) 8192, MHD_OPTION_END);
    if (NULL == daemon) {
        perror("MHD_start_daemon");
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (EOF != getchar()) { }
    MHD_stop_daemon(daemon);
    return 0;
}
