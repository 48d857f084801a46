"""A peer that answers what it was asked, doubled."""

import sys

from benchmarks.peers.environment import read_message, write_message

settings, arrays = read_message(sys.argv[1])
if "fail" in settings:
    raise SystemExit(3)
write_message(sys.argv[2], {"asked": settings}, {name: 2 * array for name, array in arrays.items()})
