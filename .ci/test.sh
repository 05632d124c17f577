#!/bin/sh
# All tests. Those on the emulated boards mostly wait for a board's own time-outs, so they run beside the others, in two rows.
set -u
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
agent=tests/emulated/test_agent.py

.venv/bin/pytest $agent >"$logs/agent" 2>&1 &
row1=$!
.venv/bin/pytest tests/emulated --ignore=$agent >"$logs/tools" 2>&1 &
row2=$!
trap 'kill $row1 $row2 2>/dev/null' INT TERM

.venv/bin/pytest --ignore=tests/emulated
status=$?
echo "Waiting for the emulated boards"
wait $row1 || status=1
wait $row2 || status=1
cat "$logs/agent" "$logs/tools"
exit $status
