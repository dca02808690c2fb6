/* Sends requests that were rendered beforehand, and times the answers: for what wrk cannot do, which
 * is to say when it is warm, Redis's protocol, bodies that differ, and a constant rate.
 *
 *     drive PORT|SOCKET-PATH http|write|resp REQUESTS-FILE CONNECTIONS WARM-UP-S SECONDS RATE
 *
 * REQUESTS-FILE holds records: two 32-bit numbers in the machine's order (bytes of the request, keys in
 * it), then the request. They are sent in order, round and round, one at a time on each connection.
 * RATE 0 is a closed loop. Otherwise requests are due at even distances, whatever the answers
 * do, and a latency counts from when its request was due, so a stall is seen by all that it delays
 * (Gil Tene's "coordinated omission").
 *
 * Prints "begin" when the warm-up ends, "end" after SECONDS more, so that whoever started it can read
 * the server's processor time at both, and then one line of JSON: answers, keys and latencies
 * between the two. An answer that is not as expected counts as failed: another HTTP status than 200, an
 * error of Redis, more or fewer elements than keys (over HTTP the lines of the body are counted, one a
 * key as in application/x-ndjson, when a request holds several keys). A nil of Redis is a missing key.
 * As `write`, 200 and 201 are expected, and whatever the body says counts for all keys.
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
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { connection_limit = 1024, buffer_size = 1 << 20, line_limit = 16384 };

struct request {
    const char *bytes;
    uint32_t size, keys;
};

/* An answer is taken in parts: what is skipped is counted, never kept. */
struct connection {
    int fd, busy;
    const struct request *request;
    size_t sent;
    int64_t due;
    int bad;
    int64_t skip;      /* bytes of the body, or of a bulk string, still to come */
    int64_t lines;     /* HTTP: line ends seen in the body; RESP: elements answered */
    int64_t awaited;   /* RESP: elements still to come, or -1 before the array's length */
    int64_t missing;
    size_t held;       /* bytes of an unfinished head or line */
    char head[line_limit];
};

static struct request *requests;
static size_t request_count, next_request;
static struct connection connections[connection_limit];
static int connection_count, is_resp, is_write, loop;
static char buffer[buffer_size];

/* What is measured. A latency goes to a bucket of 1/64 of its power of two: an error below 1.6 %. */
enum { sub = 64, bucket_count = 64 * sub };
static uint64_t buckets[bucket_count], answers, keys, missing, failed, bytes, late;
static int measuring;

static void fail(const char *what)
{
    fprintf(stderr, "drive: %s: %s\n", what, errno ? strerror(errno) : "not understood");
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int bucket(uint64_t ns)
{
    if (ns < sub)
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - 6;
    return (shift + 1) * sub + (int)((ns >> shift) - sub);
}

static double highest_us(int index)
{
    if (index < sub)
        return index / 1e3;
    int shift = index / sub - 1;
    return (double)(((uint64_t)(index % sub + sub + 1) << shift) - 1) / 1e3;
}

static double percentile(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)answers + 0.999999), seen = 0;
    for (int i = 0; i < bucket_count; i++)
        if ((seen += buckets[i]) >= wanted && seen > 0)
            return highest_us(i);
    return 0;
}

static void read_requests(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) < 0)
        fail(path);
    char *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (file == MAP_FAILED)
        fail(path);
    size_t room = 0;
    for (char *at = file; at < file + status.st_size;) {
        uint32_t numbers[2];
        memcpy(numbers, at, sizeof numbers);
        if (request_count == room) {
            room = room ? room * 2 : 1024;
            requests = realloc(requests, room * sizeof *requests);
            if (!requests)
                fail("memory");
        }
        requests[request_count++] = (struct request){at + 8, numbers[0], numbers[1]};
        at += 8 + numbers[0];
    }
    if (request_count == 0)
        fail(path);
}

static void connect_to(struct connection *c, const char *target)
{
    int one = 1;
    if (target[0] == '/') {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, target, sizeof address.sun_path - 1);
        c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail(target);
    } else {
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_port = htons((uint16_t)atoi(target));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail(target);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fail("epoll_ctl");
}

static void send_rest(struct connection *c)
{
    while (c->sent < c->request->size) {
        ssize_t sent = send(c->fd, c->request->bytes + c->sent, c->request->size - c->sent,
                            MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        if (sent < 0) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            epoll_ctl(loop, EPOLL_CTL_MOD, c->fd, &event);
            return;
        }
        c->sent += (size_t)sent;
    }
}

static void ask(struct connection *c, int64_t due)
{
    c->request = &requests[next_request];
    next_request = next_request + 1 == request_count ? 0 : next_request + 1;
    c->sent = 0, c->due = due, c->busy = 1;
    c->bad = 0, c->skip = c->lines = c->missing = 0, c->awaited = -1, c->held = 0;
    send_rest(c);
}

static void answered(struct connection *c)
{
    c->busy = 0;
    if (!measuring)
        return;
    int64_t latency = now() - c->due;
    buckets[bucket((uint64_t)(latency > 0 ? latency : 0))]++;
    answers++;
    keys += c->request->keys;
    if (c->bad || (!is_resp && !is_write && c->request->keys > 1 && c->lines != c->request->keys) ||
        (is_resp && c->request->keys != c->lines))
        failed++;
    missing += (uint64_t)c->missing;
}

/* Takes a head of HTTP that ends at `end`. */
static void take_head(struct connection *c, const char *end)
{
    char *line = c->head, *next;
    if (strncmp(line, "HTTP/1.1 200", 12) != 0 &&
        !(is_write && strncmp(line, "HTTP/1.1 201", 12) == 0))
        c->bad = 1;
    c->skip = -1;
    for (; line < end && (next = strstr(line, "\r\n")); line = next + 2) {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            c->skip = atoll(line + 15);
    }
    if (c->skip < 0) {
        errno = 0;
        fail("an answer without Content-Length");
    }
}

/* Takes a line of Redis's protocol; true when the answer is whole. */
static int take_line(struct connection *c)
{
    int64_t number = atoll(c->head + 1);
    c->held = 0;
    if (c->head[0] == '*' && c->awaited < 0) {
        c->awaited = number;
    } else if (c->head[0] == '$' && c->awaited > 0) {
        c->awaited--, c->lines++;
        if (number < 0)
            c->missing++;
        else
            c->skip = number + 2;
    } else {
        c->bad = 1;
        return 1;
    }
    return c->awaited == 0 && c->skip == 0;
}

/* Takes received bytes; true when the answer is whole. */
static int take(struct connection *c, const char *at, size_t size)
{
    const char *end = at + size;
    while (at < end) {
        if (c->skip > 0) {
            size_t part = (size_t)(end - at) < (size_t)c->skip ? (size_t)(end - at)
                                                               : (size_t)c->skip;
            if (!is_resp && c->request->keys > 1)
                for (const char *from = at; (from = memchr(from, '\n', (size_t)(at + part - from)));
                     from++)
                    c->lines++;
            at += part, c->skip -= (int64_t)part;
            if (c->skip == 0 && (is_resp ? c->awaited == 0 : 1))
                return 1;
            continue;
        }
        if (c->held == line_limit - 1) {
            errno = 0;
            fail("a line of an answer");
        }
        char byte = *at++;
        c->head[c->held++] = byte;
        if (byte != '\n')
            continue;
        c->head[c->held] = 0;
        if (is_resp) {
            if (take_line(c))
                return 1;
        } else if (c->held >= 4 && memcmp(c->head + c->held - 4, "\r\n\r\n", 4) == 0) {
            take_head(c, c->head + c->held - 2);
            if (c->skip == 0)
                return 1;
        }
    }
    return 0;
}

static int receive(struct connection *c)
{
    int whole = 0;
    for (;;) {
        ssize_t got = recv(c->fd, buffer, buffer_size, 0);
        if (got < 0 && errno == EAGAIN)
            return whole;
        errno = got == 0 ? ECONNRESET : errno;
        if (got <= 0 || !c->busy)
            fail("the server ended a connection, or sent more than it was asked");
        if (measuring)
            bytes += (uint64_t)got;
        whole = take(c, buffer, (size_t)got);
        if (whole || got < buffer_size)
            return whole;
    }
}

/* Runs until `until`. At a rate, requests are due at `*due`, `*due + gap`, and so on. */
static void run(int64_t until, int64_t *due, int64_t gap)
{
    struct epoll_event events[connection_limit];
    for (;;) {
        int64_t time = now();
        if (time >= until)
            return;
        if (gap > 0)
            for (int i = 0; i < connection_count && *due <= time; i++)
                if (!connections[i].busy) {
                    ask(&connections[i], *due);
                    *due += gap;
                }
        int64_t wait = until - time;
        if (gap > 0 && *due <= time)
            late += (uint64_t)measuring; /* All connections are busy: the next answer frees one. */
        else if (gap > 0 && *due - time < wait)
            wait = *due - time;
        struct timespec longest = {wait / 1000000000, wait % 1000000000};
        int ready = epoll_pwait2(loop, events, connection_limit, &longest, NULL);
        if (ready < 0 && errno != EINTR)
            fail("epoll_pwait2");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(loop, EPOLL_CTL_MOD, c->fd, &event);
                send_rest(c);
            }
            if ((events[i].events & ~(uint32_t)EPOLLOUT) && receive(c)) {
                answered(c);
                if (gap == 0)
                    ask(c, now());
            }
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 8) {
        fprintf(stderr, "usage: drive PORT|SOCKET http|write|resp REQUESTS CONNECTIONS WARM-UP SECONDS "
                        "RATE\n");
        return 2;
    }
    is_resp = strcmp(arguments[2], "resp") == 0;
    is_write = strcmp(arguments[2], "write") == 0;
    read_requests(arguments[3]);
    connection_count = atoi(arguments[4]);
    if (connection_count < 1 || connection_count > connection_limit)
        fail("CONNECTIONS");
    int64_t warm_up = (int64_t)(atof(arguments[5]) * 1e9);
    int64_t seconds = (int64_t)(atof(arguments[6]) * 1e9);
    double rate = atof(arguments[7]);
    loop = epoll_create1(0);
    for (int i = 0; i < connection_count; i++)
        connect_to(&connections[i], arguments[1]);

    int64_t start = now(), due = start, gap = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    if (gap == 0)
        for (int i = 0; i < connection_count; i++)
            ask(&connections[i], start);
    run(start + warm_up, &due, gap);
    puts("begin");
    fflush(stdout);
    measuring = 1;
    int64_t begin = now();
    run(begin + seconds, &due, gap);
    puts("end");
    fflush(stdout);
    double taken = (double)(now() - begin) / 1e9;
    /* What was due but never sent or answered must not be forgotten: it is as late as it is. */
    uint64_t unanswered = 0;
    for (int i = 0; gap > 0 && i < connection_count; i++)
        unanswered += (uint64_t)connections[i].busy;
    if (gap > 0 && due < begin + seconds)
        unanswered += (uint64_t)((begin + seconds - due) / gap);
    printf("{\"requests\":%lu,\"keys\":%lu,\"missing\":%lu,\"failed\":%lu,\"unanswered\":%lu,"
           "\"turns_late\":%lu,\"seconds\":%.6f,\"bytes\":%lu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"max_us\":%.1f}\n",
           answers, keys, missing, failed, unanswered, late, taken, bytes, percentile(0.5),
           percentile(0.99), percentile(0.999), percentile(1.0));
    return 0;
}
