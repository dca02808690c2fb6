"""One measured run: load on one server, and what its processes spent meanwhile."""

import json
import os
import subprocess

from machine import Cores, Usage


class Failed(Exception):
    """A run whose figures mean nothing, and why."""


def get(bench, lane, server, cards):
    """Warms up, then takes processor time and latencies of one closed-loop run of wrk."""
    wrk(bench, lane, server, cards, bench.warm_up)
    cores, usage = Cores(bench.server_cores), Usage(server.sessions())
    told = wrk(bench, lane, server, cards, bench.seconds)
    used = Usage(server.sessions()).seconds_since(usage)
    after = Cores(bench.server_cores)
    if told["failed"] or not told["requests"]:
        raise Failed(f"{lane.name}: {told['failed']} of {told['requests']} requests failed")
    return {
        "lane": lane.name,
        "requests": told["requests"],
        "seconds": told["seconds"],
        "cpu_seconds": used,
        "cpu_us": used / told["requests"] * 1e6,
        "per_second": told["requests"] / told["seconds"],
        "bytes_per_reply": told["bytes"] / told["requests"],
        "p50_us": told["p50_us"],
        "p99_us": told["p99_us"],
        "p999_us": told["p999_us"],
        "max_us": told["max_us"],
        "server_core_share": used / told["seconds"],
        # What else ran on the server's cores, and what the hypervisor took: both spoil latencies,
        # and little of either is what makes two rounds comparable.
        "foreign_share": max(0.0, after.busy - cores.busy - used) / told["seconds"],
        "stolen_share": (after.stolen - cores.stolen) / told["seconds"],
    }


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
