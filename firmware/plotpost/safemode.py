"""Safe mode: after five lives in a row that ended badly the agent waits ten minutes before it tries once more.

No watchdog is armed meanwhile, so that the board can be reached and given better files: a deploy ends safe mode.
"""

from plotpost import log, status
from plotpost.port import const, sleep_ms, ticks_ms

_TURNS = const(10)
_TURN_MS = const(60000)


async def wait(led, turn_ms=_TURN_MS):
    """Ten minutes of `turn_ms` in which only the LED at pin `led` (or None) works, and the log says why."""
    light = None if led is None else status.Led(led)
    for turn in range(_TURNS):
        log.error("boot", "safe mode: five lives in a row ended badly (crash.log); deploy anew, or wait {} min", _TURNS - turn)
        await _pass(light, turn_ms)


async def _pass(light, ms):
    while ms > 0:
        pause = ms if light is None else min(light.step(status.SAFE_MODE, ticks_ms()), ms)
        await sleep_ms(pause)
        ms -= pause
