"""seats.py: which workers hold a request, by the memory they share."""

import struct
import time

SEAT = struct.Struct("<i4xqqq")  # pid, busy since, last beat, requests
RECENT_US = 600 * 10**6


def busy(shared, workers):
    """`shared`: the file's bytes.  A seat is known by its worker's pid and a
    heartbeat of late, wherever in the file the seats stand."""
    now = time.monotonic_ns() // 1000
    found = []
    for worker in workers:
        mark, at = struct.pack("<iI", worker, 0), -1
        while (at := shared.find(mark, at + 1)) >= 0:
            if at % 8 or at + SEAT.size > len(shared):
                continue
            _, since, beat, _ = SEAT.unpack_from(shared, at)
            if 0 <= now - beat < RECENT_US and 0 < since <= now:
                found.append(worker)
                break
    return found
