"""What importing modules costs: bytes of heap after collection, beside what is built in or frozen into the firmware. MODULE..."""

import asyncio
import gc
import json
import sys

for name in ("errno", "io", "os", "random", "select", "socket", "struct", "time"):
    __import__(name)
asyncio.create_task  # frozen asyncio loads its parts when they are used
gc.collect()
before = gc.mem_alloc()
for name in sys.argv[1:]:
    __import__(name)
gc.collect()
print(json.dumps({"heap": gc.mem_alloc() - before}))
