"""Look-ups as fast as they go: lanes (a server and what it is asked) and their groups."""

import http.client
import itertools
import json
import os
import struct
import urllib.parse

import measure
import servers
from debian import Unavailable
from group import Goal, Group

CHECKED = 200


def by_identifier(card):
    return "/api/cards/" + card["card_id"]


def by_phone(card):
    # Only phones that no other card has: an answer of many cards would be another question.
    return "/api/cards?phone=" + urllib.parse.quote(card["phone"]) if card["single"] else None


def by_webdis(card):
    # webdis takes what follows the last dot for a file type.
    return "/GET/" + card["card_id"].replace(".", "%2e") + "?type=application/json"


class Lane:
    """Random keys asked of one server with GET, one connection's request after the other."""

    unit = "request"
    shows_noise = True
    rounds_max = None

    def __init__(self, name, server, path=by_identifier, describes=None, key=False, constant=False):
        self.name, self.server, self.path = name, server, path
        self.describes = describes or server.describes
        self.key, self.constant = key, constant

    def headers(self, cards):
        return {"X-API-Key": cards.key()} if self.key else {}

    def paths(self, cards):
        """The file of paths to ask for, in random order."""
        if self.server is servers.HAProxy and cards.count > servers.HAPROXY_CARDS:
            # `values` is in the order of IDs, so the map's cards are those up to its last.
            last, _ = next(itertools.islice(cards.lines(), servers.HAPROXY_CARDS - 1, None))
            return cards.paths("haproxy", lambda card: by_identifier(card)
                               if card["card_id"].encode() <= last else None)
        return cards.paths(self.path.__name__, self.path)

    def check(self, server, cards):
        """Compares whole answers for some keys, so that nothing wrong is ever timed."""
        with open(self.paths(cards)) as file:
            paths = {line.rstrip("\n") for line in itertools.islice(file, CHECKED)}
        constant = cards.median_line()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for card in cards.first(50 * CHECKED):
            path = self.path(card)
            if path not in paths:
                continue
            connection.request("GET", path, headers=self.headers(cards))
            answer = connection.getresponse()
            body = answer.read()
            wanted = constant if self.constant else card["line"]
            right = wanted in body if self.path is by_phone else wanted == body
            if answer.status != 200 or not right:
                raise SystemExit(f"{self.name} answers {path} with {answer.status} "
                                 f"{body[:500]!r}, not with {wanted!r}. If {cards.folder} was made "
                                 "by another cardstatus, remove it.")
        connection.close()

    def requests(self, cards):
        """The same, rendered for drive.c."""
        paths = self.paths(cards)
        records = paths.replace("paths-", "requests-") + ("-key" if self.key else "")
        if not os.path.exists(records):
            headers = "".join(f"{name}: {text}\r\n" for name, text in self.headers(cards).items())
            with open(paths) as file:
                render(records, ((f"GET {line.rstrip()} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"
                                  .encode(), 1) for line in file))
        return records

    def measure(self, bench, server, cards):
        if bench.generator == "wrk":
            return measure.closed(bench, self, server, cards)
        return measure.driven(bench, self, server, self.requests(cards), "http",
                              bench.connections)


def render(records, requests):
    """Writes the file that drive.c reads: for each request its size, its keys, its bytes."""
    with open(records + ".new", "wb") as file:
        for request, keys in requests:
            file.write(struct.pack("=II", len(request), keys) + request)
    os.rename(records + ".new", records)


class BatchLane:
    """Many random keys in one request, all of which exist."""

    keys = 1000
    connections = 8
    shows_noise = True
    rounds_max = None

    def __init__(self, name, server, protocol, describes):
        self.name, self.server, self.protocol = name, server, protocol
        self.describes = describes
        self.unit = "key"

    def requests(self, cards):
        records = os.path.join(cards.folder, f"requests-{self.name}")
        if not os.path.exists(records):
            render(records, map(self.request, self.batches(cards)))
        return records

    def batches(self, cards):
        with open(cards.sample, "rb") as file:
            while len(lines := list(itertools.islice(file, self.keys))) == self.keys:
                yield [line[12:line.index(b'"', 12)] for line in lines]

    def request(self, batch):
        if self.protocol == "resp":
            return (b"*%d\r\n$4\r\nMGET\r\n" % (len(batch) + 1)
                    + b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in batch), len(batch))
        body = b"\n".join(batch) + b"\n"
        return (b"POST /api/cards/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body, len(batch))

    def check(self, server, cards):
        """Compares every answer of one request. Raises Unavailable when there is no such call."""
        if self.protocol == "resp":
            return  # Counted while it is measured: none may be missing.
        wanted = cards.first(self.keys)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", "/api/cards/batch", "".join(c["card_id"] + "\n" for c in wanted),
                           {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        lines = answer.read().splitlines()
        connection.close()
        if answer.status in (404, 405):
            raise Unavailable("this cardstatus has no batch look-ups")
        if answer.status != 200 or len(lines) != len(wanted):
            raise SystemExit(f"{self.name}: {answer.status}, {len(lines)} lines for "
                             f"{len(wanted)} keys: {lines[:1]}")
        for line, card in zip(lines, wanted):
            told = json.loads(line)
            if any(told.get(name) != card[name] for name in ("card_id", "status", "updated_at")):
                raise SystemExit(f"{self.name} answers {card['card_id']} with {line!r}")

    def measure(self, bench, server, cards):
        return measure.driven(bench, self, server, self.requests(cards), self.protocol,
                              self.connections)


GET = Lane("get", servers.CardStatus, describes="cardstatus, GET by card ID, metrics on")

CONSTANT = Group(
    "constant", "single look-ups beside constant replies, and a map of a million",
    lanes=(
        GET,
        Lane("phone", servers.CardStatus, by_phone, "cardstatus, GET by the phone of one card"),
        Lane("get-key", servers.CardStatusWithKey, describes="the same as get, an API key checked",
             key=True),
        Lane("get-2-workers", servers.CardStatusTwoWorkers,
             describes="the same as get, two workers"),
        Lane("bare-microhttpd", servers.BareMicroHTTPD, constant=True),
        Lane("bare-microhttpd-cached", servers.BareMicroHTTPDCached, constant=True),
        Lane("bare-epoll", servers.BareEpoll, constant=True),
        Lane("nginx-return", servers.Nginx, constant=True),
        Lane("haproxy-map", servers.HAProxy),
    ),
    goals=(
        Goal("GET by ID / bare libmicrohttpd", "get", "bare-microhttpd", at_most=1.05),
        Goal("GET with a key / bare libmicrohttpd", "get-key", "bare-microhttpd", at_most=1.05),
        Goal("GET by ID / nginx return 200", "get", "nginx-return", at_most=1.00),
        Goal("GET with a key / nginx return 200", "get-key", "nginx-return", at_most=1.00),
        Goal("GET by ID / HAProxy map", "get", "haproxy-map"),
        Goal("GET by phone / GET by ID", "phone", "get", at_most=1.05),
        Goal("two workers / one worker", "get-2-workers", "get", at_most=1.10),
    ))

WEBDIS = Group(
    "webdis", "beside Redis with all cards behind webdis",
    lanes=(GET, Lane("webdis-redis", servers.Webdis, by_webdis)),
    goals=(Goal("GET by ID / webdis + Redis", "get", "webdis-redis", at_most=0.40),))

MEMCACHED = Group(
    "memcached", "beside memcached with all cards behind nginx",
    lanes=(GET, Lane("nginx-memcached", servers.NginxMemcached)),
    goals=(Goal("GET by ID / nginx + memcached", "get", "nginx-memcached", at_most=0.33),))

BATCH = Group(
    "batch", "a thousand keys a request, beside Redis",
    lanes=(
        BatchLane("batch", servers.CardStatus, "http",
                  "cardstatus, POST /api/cards/batch, 1,000 card IDs in text/plain"),
        BatchLane("redis-mget", servers.Redis, "resp", "Redis over TCP, MGET of 1,000 keys"),
    ),
    goals=(Goal("a key of a batch / of Redis MGET (3 times as many)", "batch", "redis-mget",
                at_most=1 / 3),))
