"""How many readings the spool holds in how many bytes of heap. BYTES"""

import gc
import json
import sys

from plotpost.spool import Spool

gc.collect()
before = gc.mem_alloc()
spool = Spool(int(sys.argv[1]))
gc.collect()
print(json.dumps({"readings": spool.capacity, "heap": gc.mem_alloc() - before}))
