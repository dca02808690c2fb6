"""Groups of lanes that are compared with each other, and the tables of their figures."""

from statistics import median

NOISE = 0.03  # a share of the server's core that went to others, from which on a run is marked


class Goal:
    """Ratio of two lanes' figures, and the most that it should be."""

    def __init__(self, what, lane, peer, at_most=None, of="cpu_us"):
        self.what, self.lane, self.peer, self.at_most, self.of = what, lane, peer, at_most, of


class Group:
    """Lanes that run in turns, round after round, while nothing else is filled or running: what other
    servers hold makes cache misses dearer, and so distorts ratios. Ratios are taken within a group."""

    needs_cards = True  # Whether its servers are filled with the cards that look-ups ask for.

    def __init__(self, name, describes, lanes, goals=()):
        self.name, self.describes, self.lanes, self.goals = name, describes, lanes, goals

    def only(self, names):
        """The same with these lanes only."""
        lanes = tuple(lane for lane in self.lanes if lane.name in names)
        return type(self)(self.name, self.describes, lanes, self.goals)

    def tables(self, runs):
        """Tables of these runs: a head and rows each."""
        found = [*lane_tables(self.lanes, runs), goal_rows(self.goals, runs)]
        return [table for table in found if table[1]]


def by_lane(runs):
    found = {}
    for run in runs:
        found.setdefault(run["lane"], []).append(run)
    return found


def lane_tables(lanes, runs):
    """For each unit (request, key) a table, a row a lane: medians over the rounds; processor time
    also with its extremes."""
    of, tables = by_lane(runs), {}
    for lane in lanes:
        of_lane = of.get(lane.name)
        if not of_lane:
            continue

        def middle(what):
            return median(run[what] for run in of_lane)
        cpu = [run["cpu_us"] for run in of_lane]
        noisy = sum(run["foreign_share"] + run["stolen_share"] > NOISE for run in of_lane)
        tables.setdefault(lane.unit, []).append([
            lane.name, f"{median(cpu):.2f}", f"{min(cpu):.2f}-{max(cpu):.2f}",
            f"{middle('per_second'):,.0f}", f"{middle('p50_us') / 1000:.2f}",
            f"{middle('p99_us') / 1000:.2f}", f"{middle('p999_us') / 1000:.2f}",
            f"{middle('bytes_per_reply'):.0f}", f"{middle('server_core_share'):.0%}",
            f"{noisy} of {len(of_lane)}" if lane.shows_noise else f"- of {len(of_lane)}",
        ])
    return [([f"lane, by {unit}", "CPU us", "min-max", f"{unit}s/s", "p50 ms", "p99 ms",
              "p99.9 ms", "bytes", "core", "noisy"], rows) for unit, rows in tables.items()]


def goal_rows(goals, runs):
    """A row a goal: the median of the rounds' ratios, since a round's lanes ran close together."""
    rows = []
    of = by_lane(runs)
    for goal in goals:
        ours, theirs = ({run["round"]: run[goal.of] for run in of.get(name, ())}
                        for name in (goal.lane, goal.peer))
        ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys()]
        if not ratios:
            continue
        middle, reach, verdict = median(ratios), "-", "-"
        if goal.at_most is not None:
            reach, verdict = f"<= {goal.at_most:.2f}", "yes" if middle <= goal.at_most else "no"
        rows.append([goal.what, f"{middle:.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}", reach,
                     verdict])
    of_what = {"cpu_us": "CPU", "seconds": "time", "peak_mb": "memory"}
    what = " and ".join(dict.fromkeys(of_what[goal.of] for goal in goals))
    return [f"ratio of {what}", "median", "min-max", "reach", "reached"], rows
