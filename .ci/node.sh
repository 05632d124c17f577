#!/bin/sh
# Sees to Node and npm, for the emulated boards and for the tests with Plotly's JavaScript clients: the machine's own, else Debian's.
set -eu
missing=
command -v node >/dev/null || missing=nodejs
command -v npm >/dev/null || missing="${missing:+$missing }npm"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # words
.ci/want.sh "the tests that need Node" $missing
