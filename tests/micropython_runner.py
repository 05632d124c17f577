"""Runs on MicroPython: `micropython micropython_runner.py FOLDER MODULE` runs the tests of one file.

Tests are functions `test_..` with plain asserts. Prints `PASS name` for each, or its traceback and `FAIL name`.
"""

import gc
import sys

_, folder, name = sys.argv
sys.path.insert(0, folder)
module = __import__(name)

for test in sorted(key for key in dir(module) if key.startswith("test_")):
    gc.collect()
    try:
        getattr(module, test)()
    except Exception as error:
        sys.print_exception(error)
        print("FAIL", test)
    else:
        print("PASS", test)
