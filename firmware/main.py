"""Start the agent. On a board, Ctrl-C ends it cleanly and gives the REPL."""

import gc

from plotpost import log, port

port.collect_often(True)

if port.warm():  # the watchdog of the life before may be running, and this one may end before it has begun
    from plotpost import watchdog

    watchdog.arm()
    watchdog.hold()


def settings():
    """What the agent is to do, or None. The code that reads it, 7 KB, is needed once."""
    from plotpost import config

    try:
        return config.load()
    except config.ConfigError as error:
        log.error("config", str(error))
    finally:
        del config
        port.forget("plotpost.config", "plotpost.units", "plotpost.url")
        gc.collect()


def main():
    """True when the agent has run, and was ended."""
    found = settings()
    if found is None:
        return False
    from plotpost import agent  # its modules fill the room that became free

    return agent.run(found)


if not main():
    port.fail()
