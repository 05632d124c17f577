"""The agent of config.json from sampler to socket with the heap locked: whatever allocates raises MemoryError. COUNT

Then the same with the heap open and nothing collected: MicroPython puts the frame of a large function on the heap, but when that is
locked on the stack. Its ring must hold all readings, so that no request ends meanwhile: for each a head and an answer are made.
"""

import gc
import json
import sys
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

import micropython
from plotpost import boots, config, life

_EVERY_MS = 1000
_PATIENCE_MS = 10000

count = int(sys.argv[1])
board = life.made(config.load(), boots.count("", None), None)
sampler, uplink, spool, delivery = board.sampler, board._uplink, board.spool, board.delivery
delivery._proven = True  # as after a first request that was confirmed, which is short
now = ticks_ms()
written = 0


def turns(readings):
    """Take readings, one each second of a time of its own, and have the socket take them; True when it has taken the last."""
    global now
    last = spool.next + readings
    start = ticks_ms()
    while spool.next < last or delivery.cursor < last:
        if ticks_diff(ticks_ms(), start) > _PATIENCE_MS:
            return False
        if spool.next < last:
            now = ticks_add(now, _EVERY_MS)
            sampler.step(now)
        elif not uplink.step(now):
            sleep_ms(1)
        uplink.step(now)
    return True


if not turns(50):  # connected, each line written once
    sys.exit("nothing is sent")
done = False  # the name is there before the lock
micropython.heap_lock()
done = turns(count)
micropython.heap_unlock()
if not done:
    sys.exit("nothing is sent any more")
gc.collect()
gc.disable()
before = gc.mem_alloc()
done = turns(count)
grown = gc.mem_alloc() - before
print(json.dumps({"readings": count, "grown": grown}))
