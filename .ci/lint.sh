#!/bin/sh
# Style and types: the host's code strictly, the firmware against MicroPython's published stubs.
set -eu
bin=.venv/bin
echo "Checking style"
$bin/ruff check --quiet .
$bin/ruff format --quiet --check .
echo "Checking types of host_tools and tests"
$bin/mypy --no-error-summary
