#!/bin/sh
# venv.sh PYTHON VENV WHAT: makes the folder VENV a virtual environment of PYTHON and installs WHAT ("." or ".[dev]") into it.
set -eu
python=$1 venv=$2 what=$3

fail() { echo "plotpost: $*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "there is no $python; install Python 3.11 or later"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; run make PYTHON=python3.11 (or later)"

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "$python has no venv module; install it (Debian, Ubuntu: sudo apt install python3-venv) and run make again"
    echo "Installing python3-venv"
    .ci/apt.sh "" python3-venv
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    echo "Creating $venv"
    "$python" -m venv --clear "$venv"
fi
echo "Installing the Python packages into $venv"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --constraint .ci/constraints.txt --editable "$what"
