"""Freezes plotpost into a build of MicroPython: put include("/path/to/firmware/manifest.py") into the manifest of the board.

main.py is not frozen. It stays a file on the board, so that it can be changed or taken away without a new build.
"""
# ruff: noqa: F821  (MicroPython's build defines these functions)

metadata(description="Reads sensors and streams them to a live plot", version="0.1.0", license="MIT")
require("requests")
package("plotpost")
