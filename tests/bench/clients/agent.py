"""The whole agent of config.json in steady state, given readings as fast as it has room, until COUNT are confirmed.

COUNT COLLECTING
"""

import asyncio
import sys
from time import ticks_diff, ticks_ms

from plotpost import boots, config, life
from timing import Watch

_PATIENCE_MS = 30000
_WARM_UP = 400  # readings: the connection stands, and the first request has ended

count, collecting = [int(text) for text in sys.argv[1:]]
board = life.made(config.load(), boots.count("", None), None)


async def take():
    """Take readings as the sampler does, without waiting for a sensor, for ever."""
    spool, clock = board.spool, board.clock
    while True:
        room = spool.capacity - 1 - spool.in_ram()  # one place is left to the sensor of config.json
        for n in range(room):
            clock.tick()
            spool.put(0, n, clock)
        await asyncio.sleep_ms(0)  # the ring is never empty


async def settled(number):
    """Wait until all below `number` is settled; gives what is."""
    start = ticks_ms()
    while board.spool.settled < number:
        if ticks_diff(ticks_ms(), start) > _PATIENCE_MS:
            raise RuntimeError(f"{board.spool.settled} readings are confirmed, and no more")
        await asyncio.sleep_ms(1)
    return board.spool.settled


async def run():
    tasks = [asyncio.create_task(board.run()), asyncio.create_task(take())]
    first = await settled(_WARM_UP)
    watch = Watch(collecting)
    watch.tell(await settled(first + count) - first)
    for task in tasks:
        task.cancel()


asyncio.run(run())
if board.spool.dropped:
    raise RuntimeError(f"{board.spool.dropped} readings were dropped")
