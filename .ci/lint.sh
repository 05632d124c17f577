#!/bin/sh
# Style and types: the host's code strictly, the firmware against MicroPython's published stubs of two ports.
set -u
bin=.venv/bin stubs=.venv/stubs status=0

check() { # check WHAT COMMAND...: goes on after a failure, so that one run shows everything
    echo "Checking $1"
    shift
    "$@" || status=1
}

fetch_stubs() {
    [ "$stubs/$1/.stamp" -nt .ci/constraints.txt ] && return
    rm -rf "${stubs:?}/$1"
    $bin/pip install -qq --disable-pip-version-check --constraint .ci/constraints.txt \
        --target "$stubs/$1" "micropython-$1-stubs" && touch "$stubs/$1/.stamp"
}

check "style" $bin/ruff check --quiet .
check "layout" $bin/ruff format --quiet --check .
check "types of host_tools and tests" $bin/mypy --no-error-summary
for port in rp2-rpi_pico_w esp32; do
    fetch_stubs $port || exit 1
    export MYPYPATH=$stubs/$port:firmware
    check "types of the firmware on $port" $bin/mypy --config-file .ci/firmware-mypy.ini --no-error-summary \
        --custom-typeshed-dir $stubs/$port --cache-dir .mypy_cache/$port firmware/main.py firmware/plotpost
done
exit $status
