"""Tables of what was measured: as text, and as a page in Markdown."""

from statistics import median

import lanes

NOISE = 0.03  # a share of the server's core that went to others, from which on a run is marked


def by_lane(runs):
    found = {}
    for run in runs:
        found.setdefault(run["lane"], []).append(run)
    return found


def lane_rows(runs):
    """A row a lane: medians over the rounds; processor time also with its extremes."""
    rows = []
    for name, of_lane in by_lane(runs).items():
        def middle(what):
            return median(run[what] for run in of_lane)
        cpu = [run["cpu_us"] for run in of_lane]
        noisy = sum(run["foreign_share"] + run["stolen_share"] > NOISE for run in of_lane)
        rows.append([
            name, f"{median(cpu):.2f}", f"{min(cpu):.2f}-{max(cpu):.2f}",
            f"{middle('per_second'):,.0f}", f"{middle('p50_us') / 1000:.2f}",
            f"{middle('p99_us') / 1000:.2f}", f"{middle('p999_us') / 1000:.2f}",
            f"{middle('bytes_per_reply'):.0f}", f"{middle('server_core_share'):.0%}",
            f"{noisy} of {len(of_lane)}",
        ])
    return (["lane", "CPU us", "min-max", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "bytes",
             "core", "noisy"], rows)


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
        if goal.at_least is not None:
            reach, verdict = f">= {goal.at_least:.2f}", "yes" if middle >= goal.at_least else "no"
        rows.append([goal.what, f"{middle:.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}", reach,
                     verdict])
    return ["ratio of CPU per request", "median", "min-max", "reach", "reached"], rows


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


def text(record):
    parts = [text_table(*lane_rows(record["runs"]))]
    head, rows = goal_rows(record["runs"])
    if rows:
        parts.append(text_table(head, rows))
    return "\n\n".join(parts + record["notes"])


def markdown(record):
    machine, settings = record["machine"], record["settings"]
    head, rows = goal_rows(record["runs"])
    parts = [
        f"# Peers compared, {record['date']}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']:,} MB, "
        f"{machine['system']}, Linux {machine['kernel']}; governor: {machine['governor']}.",
        f"{record['cards']:,} cards. {settings['rounds']} rounds, every lane once a round, "
        f"{settings['seconds']} s each after {settings['warm_up']} s of warming up, "
        f"{settings['connections']} connections, closed loop; servers on core "
        f"{settings['server_cores']}, load on core {settings['client_cores']}. "
        f"cardstatus at {record['revision']}.",
        "Again: `" + record["command"] + "`",
        markdown_table(*lane_rows(record["runs"])),
        "CPU is that of all processes of the server, for a request; core is the share of the "
        "server's core that they used; a run is noisy when others had more than "
        f"{NOISE:.0%} of it. Latency in a closed loop at full load says how the load was "
        "generated as much as how the server answers.",
    ]
    if rows:
        parts.append(markdown_table(head, rows))
    parts += record["notes"]
    parts.append("## Versions\n\n" + "\n".join(f"- {text}" for text in record["versions"]))
    return "\n\n".join(parts) + "\n"
