#!/bin/sh
# Sees to Node and npm, for the emulated boards and for the tests with Plotly's JavaScript clients: the machine's own, else Debian's.
set -eu
missing=
command -v node >/dev/null || missing=nodejs
command -v npm >/dev/null || missing="${missing:+$missing }npm"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "$missing: not here, and there is no apt-get to install it: the tests that need Node are left out"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then sudo=
elif sudo -n true 2>/dev/null; then sudo="sudo -n"
else
    echo "Not here (sudo apt install $missing): the tests that need Node are left out"
    exit 0
fi
echo "Installing $missing"
# shellcheck disable=SC2086 # words
.ci/apt.sh "$sudo" $missing
