"""One life of the board: its start, the agent, until somebody ends it. Whatever is raised on the way resets the board, with a reason."""

from plotpost import crash, log, port, watchdog


def live(settings):
    """Live for what `settings()` gives, or None for nothing to do. True when somebody has ended the agent. Raises KeyboardInterrupt."""
    from plotpost import start

    run, boot, config, wifi = start.begin(settings)
    del start
    port.forget("plotpost.start")  # before the agent's modules come, which fill the room
    agent = None if config is None else made(config, boot, wifi)
    if agent is None:
        boot.over()
        return False
    return agent.live(run)


def made(config, boot, wifi):
    """The agent for `config`, in this `boot`, with a radio or None. None when there is nothing to read."""
    try:
        with watchdog.phase("start"):
            from plotpost.agent import Agent

            agent = Agent(config, boot, wifi)
    except KeyboardInterrupt:
        boot.over()
        raise
    except MemoryError:
        boot.reset("the memory does not suffice: make spool.ram smaller, or name fewer sensors, in config.json")
    except Exception as error:
        boot.reset(crash.describe(error))
    port.collect_often(False)
    if agent.channels:
        return agent
    log.error("agent", "no sensor that config.json names is on this machine: nothing to do")
    return None
