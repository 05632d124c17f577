#!/bin/sh
# fuzz.sh PYTHON [OPTION...]: makes up new cases for the ingest; with atheris, which finds its way by coverage, where that installs.
set -eu
python=$1
shift
"$python" -c 'import atheris' 2>/dev/null ||
    "$python" -m pip install -qq --disable-pip-version-check --only-binary :all: --constraint .ci/constraints.txt atheris 2>/dev/null ||
    echo "atheris does not install here: cases are made by chance"
exec "$python" -m tests.fuzz "$@"
