"""All groups, in the order in which they run."""

import lanes
import loads
import rates
import writes

GROUPS = (lanes.CONSTANT, lanes.WEBDIS, lanes.MEMCACHED, lanes.BATCH, rates.RATES, writes.WRITES,
          loads.LOADS)


def find(name):
    return next((group for group in GROUPS if group.name == name), None)
