"""Start the agent. On a board, Ctrl-C ends it cleanly and gives the REPL."""

import gc

from plotpost import log, port, watchdog

port.collect_often(True)


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
    try:
        watchdog.arm()  # before anything that may hang
        from plotpost import life

        return life.live(settings)
    except KeyboardInterrupt:
        log.info("agent", "interrupted before it began")
        return True
    finally:
        watchdog.release()  # whoever is at the REPL now is not bitten


if not main():
    port.fail()
