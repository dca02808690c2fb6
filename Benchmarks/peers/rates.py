"""Look-ups at a constant rate while the server, or another process, does something large."""

import http.client
import os
import random
import threading
import time
from statistics import median

import measure
import servers
import writes
from debian import Unavailable
from group import Group, by_lane, lane_tables
from lanes import Lane, render


class RateLane(Lane):
    """GET by card ID at 30 % of what the server can, with nothing beside it."""

    share = 0.3
    shows_noise = False  # What runs beside the look-ups on their core is the point.
    # Not a multiple of 128: libmicrohttpd 0.9.75 reads events 128 at a time, and when exactly as many
    # connections are ready it waits for another event before it answers any (daemon.c, MHD_epoll).
    connections = 100

    def __init__(self, name, describes):
        super().__init__(name, servers.CardStatusForRates, describes=describes)

    def measure(self, bench, server, cards):
        if not hasattr(server, "capacity"):
            server.capacity = measure.driven(bench, self, server, self.requests(cards), "http",
                                             bench.connections)["per_second"]
        self.begin(bench, server, cards)
        try:
            run = measure.driven(bench, self, server, self.requests(cards), "http",
                                 self.connections, rate=self.share * server.capacity)
            if not self.goes_on(server):
                run["work_ended"] = True
            # Whole answers, while it still goes on.
            self.check(server, cards)
        finally:
            self.end(server)
        run["capacity"] = server.capacity
        return run

    def begin(self, bench, server, cards):
        """Starts what the look-ups are measured beside."""

    def goes_on(self, server):
        return True

    def end(self, server):
        pass


class ReadingLane(RateLane):
    """Beside a load that reads its files. It goes on for the lane behind."""

    def begin(self, bench, server, cards):
        server.begin_load(cards)

    def goes_on(self, server):
        return server.loader.poll() is None


class LoadingLane(ReadingLane):
    """Beside the transactions of that load."""

    def begin(self, bench, server, cards):
        if server.loader is None or server.loader.poll() is not None:
            server.begin_load(cards)
        before = server.cards_in_memory()
        while server.cards_in_memory() == before and server.loader.poll() is None:
            time.sleep(0.2)

    def end(self, server):
        server.end_load()


class CardStatusForWrittenRates(servers.CardStatusForRates):
    """On another store, since its cards' states change."""

    name = "cardstatus-written-rates"


class WritingLane(RateLane):
    """Events at a constant rate, each answered when it is on the disk, with nothing beside them."""

    per_second = 100
    connections = 16
    unit = "event"

    def __init__(self, name, describes):
        Lane.__init__(self, name, CardStatusForWrittenRates, describes=describes)
        self._lane = writes.WriteLane(name, CardStatusForWrittenRates, describes)

    def check(self, server, cards):
        self._lane.check(server, cards)

    def measure(self, bench, server, cards):
        identifiers, source = self._lane.cards(cards), random.Random()
        records = os.path.join(bench.scratch, f"requests-{self.name}")
        wanted = 2 * (bench.seconds + bench.warm_up) * self.per_second
        render(records, (self._lane.request(identifiers, source) for _ in range(wanted)))
        self.begin(bench, server, cards)
        try:
            run = measure.driven(bench, self, server, records, "write", self.connections,
                                 rate=self.per_second)
            if not self.goes_on(server):
                run["work_ended"] = True
        finally:
            self.end(server)
            os.remove(records)
        return run


class WritingBesideReadingLane(ReadingLane, WritingLane):
    """The same beside a load that reads its files. It goes on for the lane behind."""


class WritingBesideLoadingLane(LoadingLane, WritingLane):
    """The same beside the transactions of that load."""


class FillingLane(RateLane):
    """From the start on, while the index is filled and answers come from the store."""

    def begin(self, bench, server, cards):
        server.stop()
        # From memory: look-ups that wait for the disk are another question.
        with open(os.path.join(server.store, "data.mdb"), "rb") as file:
            while file.read(1 << 20):
                pass
        server.launch_unfilled()

    def goes_on(self, server):
        return not server.answers_from_memory()

    def end(self, server):
        server.await_memory()


class ReloadingLane(RateLane):
    """While the index is built anew beside the one that answers, again and again."""

    def begin(self, bench, server, cards):
        self._failure, self._stopping, self._reloads = None, False, 0
        self._thread = threading.Thread(target=self._reload, args=(server.port,))
        self._thread.start()

    def _reload(self, port):
        while not self._stopping:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            try:
                connection.request("POST", "/api/admin/reload?scope=index")
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 409:
                    time.sleep(0.1)  # A fill after a start is still under way.
                elif answer.status not in (200, 201, 202):
                    self._failure = f"reload answers {answer.status} {text[:200]!r}"
                    return
                else:
                    self._reloads += 1
            except OSError as error:
                self._failure = f"reload: {error}"
                return
            finally:
                connection.close()

    def end(self, server):
        self._stopping = True
        self._thread.join()
        if self._failure:
            raise Unavailable(self._failure)


class RateGroup(Group):
    """Whose figures are latencies."""

    def tables(self, runs):
        looked_up = [run for run in runs if not run["lane"].startswith("write-rate")]
        return [*lane_tables(self.lanes, runs), *self._beside(looked_up), *self._writes(runs)]

    def _writes(self, runs):
        """Latency of writes, beside a load and without."""
        rows = []
        for name, of_lane in by_lane(runs).items():
            if name.startswith("write-rate"):
                slowest = median(run["p99_us"] for run in of_lane) / 1000
                rows.append([name, f"{median(run['p50_us'] for run in of_lane) / 1000:.2f}",
                             f"{slowest:.2f}",
                             f"{max(run['max_us'] for run in of_lane) / 1000:.2f}",
                             "yes" if slowest <= 300 else "no"])
        head = ["durable writes at a constant rate", "p50 ms", "p99 ms (<= 300)", "max ms", "reached"]
        return [(head, rows)] if rows else []

    def _beside(self, runs):
        """Latency beside each kind of work, against the same without."""
        of = by_lane(runs)
        idle = of.get(self.lanes[0].name)
        if not idle or len(of) < 2:
            return []
        rows = []
        for name, of_lane in of.items():
            if of_lane is idle:
                continue
            more = (median(run["p99_us"] for run in of_lane)
                    - median(run["p99_us"] for run in idle)) / 1000
            slowest = median(run["p999_us"] for run in of_lane) / 1000
            failed = sum(run["failed"] for run in of_lane)
            reached = more <= 5 and slowest <= 20 and failed == 0
            rows.append([name, f"{more:.2f}", f"{slowest:.2f}", f"{failed}",
                         f"{sum(run['unanswered'] for run in of_lane)}",
                         "yes" if reached else "no"])
        return [(["at 30 % of capacity, beside", "p99 - idle, ms (<= 5)", "p99.9, ms (<= 20)",
                  "failed (0)", "on their way at the end", "reached"], rows)]


RATES = RateGroup(
    "rates", "look-ups at 30 % of capacity beside large work on the same core",
    lanes=(
        RateLane("rate-idle", "cardstatus, GET at 30 % of capacity, nothing beside"),
        ReadingLane("rate-reading", "the same beside `cardstatus load` reading its files"),
        LoadingLane("rate-loading", "the same beside its transactions"),
        WritingLane("write-rate-idle", "100 events a second, one a request, nothing beside"),
        WritingBesideReadingLane("write-rate-reading", "the same beside a load reading its files"),
        WritingBesideLoadingLane("write-rate-loading", "the same beside its transactions"),
        ReloadingLane("rate-reloading", "the same beside reloads of the index, one after another"),
        FillingLane("rate-filling", "the same from the store while the index is filled"),
    ))
