#!/bin/sh
# want.sh WHAT PACKAGE...: installs Debian packages where that is possible without a question, else says that WHAT is left out.
set -eu
what=$1
shift
if ! command -v apt-get >/dev/null; then
    echo "$*: not here, and there is no apt-get to install it: $what are left out"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then sudo=
elif sudo -n true 2>/dev/null; then sudo="sudo -n"
else
    echo "Not here (sudo apt install $*): $what are left out"
    exit 0
fi
echo "Installing $*"
.ci/apt.sh "$sudo" "$@"
