"""All groups, in the order in which they run."""

import lanes
import loads
import rates

GROUPS = (lanes.CONSTANT, lanes.WEBDIS, lanes.MEMCACHED, lanes.BATCH, rates.RATES, loads.LOADS)


def find(name):
    return next((group for group in GROUPS if group.name == name), None)
