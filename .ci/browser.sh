#!/bin/sh
# Sees to a Chromium for the tests of the live page: the machine's own, else Debian's package.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v $name >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
    echo "No Chromium here and no apt-get to install it: the tests in a browser are left out"; exit 0
fi
if [ "$(id -u)" = 0 ]; then sudo=
elif sudo -n true 2>/dev/null; then sudo="sudo -n"
else
    echo "No Chromium here (sudo apt install chromium): the tests in a browser are left out"; exit 0
fi
echo "Installing chromium"
.ci/apt.sh "$sudo" chromium
