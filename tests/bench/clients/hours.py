"""The unmodified main.py for some minutes of simulated time (tests/simulated), then Ctrl-C: MINUTES

Prints the heap after collection at the end of each minute. Fails when a reading was not confirmed or an error was logged: an agent
that restarts its tasks for want of memory does not run.
"""

import gc
import json
import sys
import time

minutes = int(sys.argv[1])
account = []
errors = []


def each_minute(minute):
    if minute <= minutes:
        gc.collect()
        print(json.dumps({"minute": minute, "heap": gc.mem_alloc()}))
    if minute == minutes:
        raise KeyboardInterrupt


def write(line):
    print(line)
    if " E " in line:
        errors.append(line)
    if " stopped " in line:
        account.extend([int(field.split("=")[1]) for field in line.split() if "=" in field][:3])


time.each_minute = each_minute

from plotpost import log  # noqa: E402  after the time is simulated

log.write = write
__import__("main")
taken, settled, dropped = account
if errors or settled < taken or dropped:
    sys.exit(1)
