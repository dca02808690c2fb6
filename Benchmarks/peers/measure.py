"""One measured run: load on one server, and what its processes spent meanwhile."""

import json
import os
import subprocess
import time

from machine import Cores, Usage


class Failed(Exception):
    """A run whose figures mean nothing, and why."""


class Meter:
    """What a server and its cores spend between two moments: when it is made, and `stop`."""

    def __init__(self, bench, server):
        self.bench, self.server = bench, server
        self.begin = self._read()

    def stop(self):
        self.end = self._read()

    def _read(self):
        return (time.monotonic(), Cores(self.bench.server_cores), Usage(self.server.sessions()))

    def record(self, lane, units, told):
        """The record of a run in which `units` requests or keys were answered. The shares are of the
        time between the two moments; wrk reads its script in it, and they come out too small."""
        (begin, cores_then, usage), (end, cores_now, usage_now) = self.begin, self.end
        used, seconds = usage_now.seconds_since(usage), end - begin
        return {
            "lane": lane.name,
            **told,
            "cpu_seconds": used,
            "cpu_us": used / units * 1e6,
            "per_second": units / told["seconds"],
            "bytes_per_reply": told["bytes"] / told["requests"],
            "server_core_share": used / seconds,
            # What else ran on the server's cores, and what the hypervisor took: little of either
            # is what makes two rounds comparable.
            "foreign_share": max(0.0, cores_now.busy - cores_then.busy - used) / seconds,
            "stolen_share": (cores_now.stolen - cores_then.stolen) / seconds,
        }


def closed(bench, lane, server, cards):
    """Warms up, then measures one closed-loop run of wrk."""
    wrk(bench, lane, server, cards, bench.warm_up)
    meter = Meter(bench, server)
    told = wrk(bench, lane, server, cards, bench.seconds)
    meter.stop()
    if told["failed"] or not told["requests"]:
        raise Failed(f"{lane.name}: {told['failed']} of {told['requests']} requests failed")
    return meter.record(lane, told["requests"], told)


def driven(bench, lane, server, records, protocol, connections, rate=0):
    """Measures one run of drive.c, between the two moments that it tells."""
    child = subprocess.Popen(
        [bench.compiled("drive"), str(server.port), protocol, records, str(connections),
         str(bench.warm_up), str(bench.seconds), f"{rate:.0f}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, bench.client_cores))
    try:
        begun = child.stdout.readline()
        meter = Meter(bench, server)
        ended = child.stdout.readline()
        meter.stop()
        if (begun, ended) != ("begin\n", "end\n"):
            raise Failed(f"{lane.name}: {child.stderr.read().strip()}")
        told = json.loads(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
    if not told["requests"]:
        raise Failed(f"{lane.name}: no answer in {bench.seconds} s")
    if told["failed"] or told["missing"]:
        raise Failed(f"{lane.name}: of {told['requests']} answers {told['failed']} failed, "
                     f"{told['missing']} of {told['keys']} keys were missing")
    return meter.record(lane, told["keys"], told)


def wrk(bench, lane, server, cards, seconds):
    header = [text for pair in lane.headers(cards).items() for text in pair]
    command = [bench.debian.path("wrk"), "--threads", "1", "--connections",
               str(bench.connections), "--duration", f"{seconds}s", "--timeout", "5s", "--latency",
               "--script", os.path.join(bench.sources, "keys.lua"),
               f"http://127.0.0.1:{server.port}", "--", lane.paths(cards), *header]
    done = subprocess.run(command, capture_output=True, text=True,
                          env=bench.debian.environment(), timeout=seconds + 120,
                          preexec_fn=lambda: os.sched_setaffinity(0, bench.client_cores))
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise Failed(f"wrk: {(done.stderr or done.stdout).strip()}")
    return json.loads(lines[-1])
