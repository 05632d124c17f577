#!/bin/sh
# Sees to a Chromium for the tests of the live page, and to what Playwright needs to drive it: the machine's own, else Debian's.
set -eu
missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=chromium
.venv/bin/playwright --version >/dev/null 2>&1 || missing="${missing:+$missing }libatomic1"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "$missing: not here, and there is no apt-get to install it: the tests in a browser are left out"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then sudo=
elif sudo -n true 2>/dev/null; then sudo="sudo -n"
else
    echo "Not here (sudo apt install $missing): the tests in a browser are left out"
    exit 0
fi
echo "Installing $missing"
# shellcheck disable=SC2086 # words
.ci/apt.sh "$sudo" $missing
