"""Start the agent. On a board, Ctrl-C ends it cleanly and gives the REPL."""

import sys

from plotpost import agent, config, log

try:
    agent.run(config.load())
except config.ConfigError as error:
    log.error("config", str(error))
    sys.exit(1)
