"""Start the agent. On a board, Ctrl-C ends it cleanly and gives the REPL."""

import gc
import sys

from plotpost import config, log, port

try:
    settings = config.load()
except config.ConfigError as error:
    log.error("config", str(error))
    sys.exit(1)
del config
port.forget("plotpost.config", "plotpost.units", "plotpost.url")  # 7 KB that are needed once
gc.collect()

from plotpost import agent  # noqa: E402  its modules fill the room that became free

if not agent.run(settings):
    sys.exit(1)
