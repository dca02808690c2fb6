"""Tables of what was measured: as text, and as a page in Markdown."""

from statistics import median

import lanes

NOISE = 0.03  # a share of the server's core that went to others, from which on a run is marked


def by_lane(runs):
    found = {}
    for run in runs:
        found.setdefault(run["lane"], []).append(run)
    return found


UNITS = {lane.name: lane.unit for lane in lanes.LANES}
AT_A_RATE = ("rate-idle", "rate-loading")


def lane_tables(runs):
    """For each unit (request, key) a table, a row a lane: medians over the rounds; processor time
    also with its extremes."""
    tables = {}
    for name, of_lane in by_lane(runs).items():
        def middle(what):
            return median(run[what] for run in of_lane)
        cpu = [run["cpu_us"] for run in of_lane]
        noisy = sum(run["foreign_share"] + run["stolen_share"] > NOISE for run in of_lane)
        tables.setdefault(UNITS[name], []).append([
            name, f"{median(cpu):.2f}", f"{min(cpu):.2f}-{max(cpu):.2f}",
            f"{middle('per_second'):,.0f}", f"{middle('p50_us') / 1000:.2f}",
            f"{middle('p99_us') / 1000:.2f}", f"{middle('p999_us') / 1000:.2f}",
            f"{middle('bytes_per_reply'):.0f}", f"{middle('server_core_share'):.0%}",
            "-" if name in AT_A_RATE else f"{noisy} of {len(of_lane)}",
        ])
    return [([f"lane, by {unit}", "CPU us", "min-max", f"{unit}s/s", "p50 ms", "p99 ms",
              "p99.9 ms", "bytes", "core", "noisy"], rows) for unit, rows in tables.items()]


def rate_rows(runs):
    """Latency at a constant rate beside a load, against the same without."""
    of = by_lane(runs)
    if any(name not in of for name in AT_A_RATE):
        return None
    idle, loading = (of[name] for name in AT_A_RATE)
    more = (median(run["p99_us"] for run in loading)
            - median(run["p99_us"] for run in idle)) / 1000
    slowest = median(run["p999_us"] for run in loading) / 1000
    unanswered = sum(run["unanswered"] for run in loading)
    return (["look-ups at 30 % of capacity, beside a load", "median", "reach", "reached"],
            [["p99, ms more than without", f"{more:.2f}", "<= 5", "yes" if more <= 5 else "no"],
             ["p99.9, ms", f"{slowest:.2f}", "<= 20", "yes" if slowest <= 20 else "no"],
             ["failed, or unanswered at the end", f"{unanswered}", "-", "-"]])


def goal_rows(runs):
    """A row a goal: the median of the rounds' ratios, since a round's lanes ran close together."""
    rows = []
    of = {name: {run["round"]: run["cpu_us"] for run in of_lane}
          for name, of_lane in by_lane(runs).items()}
    for goal in lanes.GOALS:
        ours, theirs = of.get(goal.lane, {}), of.get(goal.peer, {})
        ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys()]
        if not ratios:
            continue
        middle, reach, verdict = median(ratios), "-", "-"
        if goal.at_most is not None:
            reach, verdict = f"<= {goal.at_most:.2f}", "yes" if middle <= goal.at_most else "no"
        rows.append([goal.what, f"{middle:.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}", reach,
                     verdict])
    return ["ratio of CPU", "median", "min-max", "reach", "reached"], rows


def text_table(head, rows):
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def tables(record):
    found = [*lane_tables(record["runs"]), goal_rows(record["runs"]), rate_rows(record["runs"])]
    return [table for table in found if table and table[1]]


def text(record):
    return "\n\n".join([text_table(*table) for table in tables(record)] + record["notes"])


def markdown(record):
    machine, settings = record["machine"], record["settings"]
    parts = [
        f"# Peers compared, {record['date']}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']:,} MB, "
        f"{machine['system']}, Linux {machine['kernel']}; governor: {machine['governor']}.",
        f"{record['cards']:,} cards. {settings['rounds']} rounds, every lane once a round, "
        f"{settings['seconds']} s each after {settings['warm_up']} s of warming up, "
        f"{settings['connections']} connections, closed loop, {settings['generator']}; servers on core "
        f"{settings['server_cores']}, load on core {settings['client_cores']}. "
        f"cardstatus at {record['revision']}.",
        "Again: `" + record["command"] + "`",
        *[markdown_table(*table) for table in tables(record)],
        "CPU is that of all processes of the server, for a request; core is the share of the "
        "server's core that they used; a run is noisy when others had more than "
        f"{NOISE:.0%} of it. Latency in a closed loop at full load says how the load was "
        "generated as much as how the server answers.",
    ]
    parts += record["notes"]
    parts.append("## Versions\n\n" + "\n".join(f"- {text}" for text in record["versions"]))
    return "\n\n".join(parts) + "\n"
