#!/bin/sh
# Sees to a Chromium for the tests of the live page, and to what Playwright needs to drive it: the machine's own, else Debian's.
set -eu
missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=chromium
.venv/bin/playwright --version >/dev/null 2>&1 || missing="${missing:+$missing }libatomic1"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # words
.ci/want.sh "the tests in a browser" $missing
