"""Tables of what was measured: as text, and as a page in Markdown."""

import groups
from group import NOISE


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
    """For each group that ran, its name, what it is, and its tables."""
    found = {}
    for run in record["runs"]:
        found.setdefault(run["group"], []).append(run)
    for name, runs in found.items():
        group = groups.find(name)
        yield name, group.describes, group.tables(runs)


def text(record):
    parts = []
    for name, describes, of_group in tables(record):
        parts += [f"{name}: {describes}", *(text_table(*table) for table in of_group)]
    return "\n\n".join(parts + record["notes"])


def markdown(record):
    machine, settings = record["machine"], record["settings"]
    parts = [
        f"# Peers compared, {record['date']}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']:,} MB, "
        f"{machine['system']}, Linux {machine['kernel']}; governor: {machine['governor']}.",
        f"{record['cards']:,} cards, {record['minutes']:.0f} minutes. Groups ran one after the "
        "other, each with its own servers only; ratios are within a group. "
        f"{settings['rounds']} rounds, every lane once a round, "
        f"{settings['seconds']} s each after {settings['warm_up']} s of warming up, "
        f"{settings['connections']} connections, closed loop, {settings['generator']}; servers on core "
        f"{settings['server_cores']}, load on core {settings['client_cores']}. "
        f"cardstatus at {record['revision']}.",
        "Again: `" + record["command"] + "`",
    ]
    for name, describes, of_group in tables(record):
        parts += [f"## {name}: {describes}", *(markdown_table(*table) for table in of_group)]
    parts += [
        "CPU is that of all processes of the server, for a request; core is the share of the "
        "server's core that they used; a run is noisy when others had more than "
        f"{NOISE:.0%} of it. Latency in a closed loop at full load says how the load was "
        "generated as much as how the server answers.",
    ]
    parts += record["notes"]
    parts.append("## Versions\n\n" + "\n".join(f"- {text}" for text in record["versions"]))
    return "\n\n".join(parts) + "\n"
