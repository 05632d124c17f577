#!/bin/sh
# All tests. Those on the emulated boards mostly wait for a board's own time-outs, so they run beside the others, in three rows;
# one of these takes the two minutes of chaos, too.
#
# What fails is run once more when nothing runs beside it, and both results are shown, as CPython's own suite does (regrtest --rerun).
set -u
cache=.pytest_cache logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
agent=tests/emulated/test_agent.py chaos=tests/faults/test_chaos.py
rm -rf $cache

again() { # again ROW: what failed in it. A reading that was lost once is lost: chaos that names its seed gets no second chance.
    [ -f "$cache/$1/v/cache/lastfailed" ] && ! grep -q PLOTPOST_CHAOS_SEED= "$logs/$1" 2>/dev/null || return 1
    echo "UNSTEADY, or broken: what failed in the row '$1' runs once more, alone"
    .venv/bin/pytest -o cache_dir="$cache/$1" --last-failed --last-failed-no-failures none
}

.venv/bin/pytest -o cache_dir=$cache/agent $agent -k "not esp32" $chaos >"$logs/agent" 2>&1 &
row1=$!
.venv/bin/pytest -o cache_dir=$cache/tools tests/emulated -k "not esp32" --ignore=$agent >"$logs/tools" 2>&1 &
row2=$!
.venv/bin/pytest -o cache_dir=$cache/esp32 tests/emulated -k esp32 >"$logs/esp32" 2>&1 &
row3=$!
trap 'kill $row1 $row2 $row3 2>/dev/null' INT TERM

failed=
.venv/bin/pytest -o cache_dir=$cache/host --ignore=tests/emulated --ignore=$chaos || failed=host
echo "Waiting for the emulated boards"
wait $row1 || failed="$failed agent"
wait $row2 || failed="$failed tools"
wait $row3 || failed="$failed esp32"
cat "$logs/agent" "$logs/tools" "$logs/esp32"

status=0
for row in $failed; do
    again "$row" || status=1
done
exit $status
