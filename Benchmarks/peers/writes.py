"""Durable writes: events over HTTP, answered when they are on the disk."""

import http.client
import itertools
import json
import os
import random
import subprocess

import measure
import servers
from group import Group, lane_tables
from lanes import render
from statistics import median

HOT_CARDS = 100_000


def settle(store):
    """Has a store written to the disk and read from it again, page by page, as a server reads it.
    Else the system writes gigabytes of a copy while events are measured; and what was written in
    large pieces lies in memory in large pieces, in which a page costs more to write to."""
    os.sync()
    with open(os.path.join(store, "data.mdb"), "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for offset in range(0, os.fstat(file.fileno()).st_size, 1 << 20):
            os.posix_fadvise(file.fileno(), offset, 1 << 20, os.POSIX_FADV_WILLNEED)


class CardStatusForWrites(servers.CardStatus):
    """On a copy of the store, since writes change it."""

    name = "cardstatus-writes"
    describes = "cardstatus serve, on a copy of the store"
    shares_store = False

    def launch(self, cards):
        copy = os.path.join(self.folder, "store")
        if not os.path.exists(copy):
            subprocess.run(["cp", "-r", "--reflink=auto", cards.store, copy], check=True)
            settle(copy)
        self.store = copy
        super().launch(cards)


class CardStatusHot(servers.CardStatus):
    """On a store of few cards, all of which are written again and again."""

    name = "cardstatus-hot"
    describes = f"cardstatus serve, {HOT_CARDS:,} cards"
    shares_store = False

    def launch(self, cards):
        self.store = os.path.join(self.folder, "store")
        if not os.path.exists(self.store):
            files = os.path.join(self.folder, "files")
            subprocess.run([self.bench.program, "generate", "--cards", str(HOT_CARDS), files],
                           check=True, capture_output=True)
            subprocess.run([self.bench.program, "load", "--data-dir", self.store, files],
                           check=True, capture_output=True)
            settle(self.store)
        super().launch(cards)


class WebdisDurable(servers.Webdis):
    """Redis writes its log to the disk before it answers."""

    name = "webdis-redis-durable"
    describes = "webdis, one thread, with Redis, appendfsync always"

    def start_redis(self, port):
        self.redis = os.path.join(self.folder, "redis.sock")
        self.spawn(self.bench.debian.path("redis-server"), "--bind", "127.0.0.1", "--port",
                   str(port), "--unixsocket", self.redis, "--save", "", "--appendonly", "yes",
                   "--appendfsync", "always", "--dir", self.folder)
        self.await_socket(servers.socket.AF_UNIX, self.redis)

    def fill(self, cards):
        pass  # Every card is written in the first second.


def event(card, source):
    """One that nobody has said before."""
    return {
        "card_id": card, "status": source.choice(("picked_up", "delivered", "returned")),
        "occurred_at": f"20{source.randrange(20, 26)}-{source.randrange(1, 13):02}-"
                       f"{source.randrange(1, 29):02}T{source.randrange(24):02}:"
                       f"{source.randrange(60):02}:{source.randrange(60):02}Z",
        "phone": f"+97150{source.randrange(1_000_000, 10_000_000)}",
        "comment": "Left with the neighbour", "reference": f"{source.randrange(1 << 40):x}",
    }


def post(target, body, method="POST"):
    return (f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class WriteLane:
    """New events of random cards, so many a request, over so many connections."""

    unit = "event"
    shows_noise = False
    rounds_max = None

    def __init__(self, name, server, describes, items=1, connections=64, hot=False):
        self.name, self.server, self.describes = name, server, describes
        self.items, self.connections, self.hot = items, connections, hot

    def cards(self, cards):
        """Their IDs; of the hot ones, made up, the first are as good as others."""
        if self.hot:
            return [f"HOT{number:08}" for number in range(HOT_CARDS)]
        with open(cards.sample, "rb") as file:
            return [line[12:line.index(b'"', 12)].decode() for line in itertools.islice(file, 1_000_000)]

    def request(self, identifiers, source):
        events = [event(source.choice(identifiers), source) for _ in range(self.items)]
        return post("/api/events", json.dumps(events[0] if self.items == 1 else events)), self.items

    def check(self, server, cards):
        """Writes one event, and sees that it is there."""
        identifier = self.cards(cards)[0]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        new = event(identifier, random.Random())
        new["occurred_at"] = "2026-01-01T00:00:00Z"
        connection.request("POST", "/api/events", json.dumps(new),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.request("GET", f"/api/cards/{identifier}")
        seen = json.loads(connection.getresponse().read())
        if answer.status != 201 or told["accepted"] != 1 or seen["updated_at"] != new["occurred_at"]:
            raise SystemExit(f"{self.name}: {answer.status} {told}, then {seen}")
        connection.close()

    def measure(self, bench, server, cards):
        # Others each time: what is known already is not written again.
        source = random.Random()
        identifiers = self.cards(cards)
        # More than a round can take, for the file is read round and round.
        wanted = (bench.seconds + bench.warm_up) * (80_000 if self.items == 1 else 150_000)
        records = os.path.join(bench.scratch, f"requests-{self.name}")
        render(records, (self.request(identifiers, source)
                         for _ in range(max(wanted // self.items, 1))))
        run = measure.driven(bench, self, server, records, "write", self.connections)
        os.remove(records)
        run["store_mb"] = self.size_mb(server)
        return run

    def size_mb(self, server):
        path = os.path.join(server.store or server.folder, "data.mdb")
        return os.stat(path).st_blocks * 512 / 1e6 if os.path.exists(path) else 0


class WebdisSetLane(WriteLane):
    """SET of one card's JSON, of about an event's length, under its ID."""

    def request(self, identifiers, source):
        card = source.choice(identifiers)
        return post(f"/SET/{card}", json.dumps(event(card, source)), method="PUT"), 1

    def check(self, server, cards):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("PUT", "/SET/CHECK", '{"a":1}')
        told = connection.getresponse().read()
        connection.request("GET", "/GET/CHECK?type=application/json")
        seen = connection.getresponse().read()
        if b"true" not in told or seen != b'{"a":1}':
            raise SystemExit(f"{self.name}: {told}, then {seen}")
        connection.close()

    def size_mb(self, server):
        total = 0
        for folder, _, names in os.walk(server.folder):
            total += sum(os.path.getsize(os.path.join(folder, name)) for name in names
                         if name.endswith((".aof", ".rdb")))
        return total / 1e6


class WriteGroup(Group):
    """Whose figures are events a second."""

    least = {"write-one": 10_000, "write-array": 25_000}

    def tables(self, runs):
        return [*lane_tables(self.lanes, runs), self._reached(runs)]

    def _reached(self, runs):
        of = {}
        for run in runs:
            of.setdefault(run["lane"], {})[run["round"]] = run
        rows = []
        for name, least in self.least.items():
            if name in of:
                rate = median(run["per_second"] for run in of[name].values())
                rows.append([f"{name}, events a second", f"{rate:,.0f}", f">= {least:,}",
                             "yes" if rate >= least else "no"])
        ours, theirs = of.get("write-hot", {}), of.get("webdis-set", {})
        ratios = [ours[number]["per_second"] / theirs[number]["per_second"]
                  for number in ours.keys() & theirs.keys()]
        if ratios:
            ratio = median(ratios)
            rows.append(["write-hot / webdis-set", f"{ratio:.2f}", ">= 1.00",
                         "yes" if ratio >= 1 else "no"])
        for name, of_lane in of.items():
            size = max(run["store_mb"] for run in of_lane.values())
            rows.append([f"{name}, MB on the disk at the end", f"{size:,.0f}", "-", "-"])
        return ["durable writes", "median", "reach", "reached"], rows


WRITES = WriteGroup(
    "writes", "events over HTTP, on the disk when they are answered",
    lanes=(
        WriteLane("write-one", CardStatusForWrites, "cardstatus, one event a request, all cards"),
        WriteLane("write-array", CardStatusForWrites, "cardstatus, arrays of 1,000 events, all cards",
                  items=1000, connections=8),
        WriteLane("write-hot", CardStatusHot, f"cardstatus, one event a request, {HOT_CARDS:,} cards",
                  hot=True),
        WebdisSetLane("webdis-set", WebdisDurable,
                      f"webdis + Redis, appendfsync always, SET of one of {HOT_CARDS:,} cards", hot=True),
    ))
