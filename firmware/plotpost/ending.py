"""The end of an agent that somebody has interrupted: what is left is sent, or goes to flash. Loaded when it comes."""

import gc

from plotpost import log
from plotpost.port import const

# mpremote waits for the REPL for ten seconds, and saving and the report take some of them
_FLUSH_S = const(6)
_FLUSH_FAILING_S = const(2)


def end(agent, run):
    """Send and confirm what is left, save the rest, and log what became of the readings. `run` runs a coroutine."""
    try:
        run(agent.finish(_FLUSH_FAILING_S if agent.failing() else _FLUSH_S))
    except KeyboardInterrupt:
        log.warning("agent", "interrupted again: not waiting")
    except Exception as error:  # whoever has interrupted it wants the REPL
        log.exception("agent", error)
    agent.save()
    _report(agent)
    if agent.tunnel is not None:
        agent.tunnel.leave()


def _report(agent):
    gc.collect()
    spool = agent.spool
    used, whole = _heap()
    counts = (spool.next, spool.settled, agent.dropped(), agent.delivery.skipped, agent.reconnects(), used, whole)
    log.info("agent", "stopped taken=%d settled=%d dropped=%d skipped=%d reconnects=%d heap_used=%d heap=%d" % counts)


def _heap():
    """Used and whole heap in bytes; CPython counts none."""
    if not hasattr(gc, "mem_alloc"):
        return 0, 0
    used = gc.mem_alloc()
    return used, used + gc.mem_free()
