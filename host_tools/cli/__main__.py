"""`python -m host_tools.cli` is `plotpost`."""

from host_tools.cli import main

main()
