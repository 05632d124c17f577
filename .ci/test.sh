#!/bin/sh
# All tests. Those on the emulated boards mostly wait for a board's own time-outs, so they run beside the others.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
.venv/bin/pytest tests/emulated >"$log" 2>&1 &
emulated=$!
trap 'kill $emulated 2>/dev/null' INT TERM
.venv/bin/pytest --ignore=tests/emulated
status=$?
echo "Waiting for the emulated boards"
wait $emulated || status=1
cat "$log"
exit $status
