"""What is measured: lanes (a server and what it is asked) and goals (ratios of lanes)."""

import http.client
import itertools
import urllib.parse

import servers

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
                                 f"{body[:500]!r}, not with {wanted!r}")
        connection.close()


LANES = (
    Lane("get", servers.CardStatus, describes="cardstatus, GET by card ID, metrics on"),
    Lane("phone", servers.CardStatus, by_phone, "cardstatus, GET by the phone of one card"),
    Lane("get-key", servers.CardStatusWithKey, describes="the same as get, an API key checked",
         key=True),
    Lane("get-2-workers", servers.CardStatusTwoWorkers, describes="the same as get, two workers"),
    Lane("bare-microhttpd", servers.BareMicroHTTPD, constant=True),
    Lane("bare-microhttpd-cached", servers.BareMicroHTTPDCached, constant=True),
    Lane("bare-epoll", servers.BareEpoll, constant=True),
    Lane("nginx-return", servers.Nginx, constant=True),
    Lane("webdis-redis", servers.Webdis, by_webdis),
    Lane("nginx-memcached", servers.NginxMemcached),
    Lane("haproxy-map", servers.HAProxy),
)


class Goal:
    """A ratio of two lanes' medians, and the most (or, for batches, the least) it should be."""

    def __init__(self, what, lane, peer, at_most=None, at_least=None):
        self.what, self.lane, self.peer = what, lane, peer
        self.at_most, self.at_least = at_most, at_least


GOALS = (
    Goal("GET by ID / bare libmicrohttpd", "get", "bare-microhttpd", at_most=1.05),
    Goal("GET with a key / bare libmicrohttpd", "get-key", "bare-microhttpd", at_most=1.05),
    Goal("GET by ID / nginx return 200", "get", "nginx-return", at_most=1.00),
    Goal("GET with a key / nginx return 200", "get-key", "nginx-return", at_most=1.00),
    Goal("GET by ID / webdis + Redis", "get", "webdis-redis", at_most=0.40),
    Goal("GET by ID / nginx + memcached", "get", "nginx-memcached", at_most=0.33),
    Goal("GET by ID / HAProxy map", "get", "haproxy-map"),
    Goal("GET by phone / GET by ID", "phone", "get", at_most=1.05),
    Goal("two workers / one worker", "get-2-workers", "get", at_most=1.10),
)
