#!/bin/sh
# apt.sh SUDO PACKAGE...: installs Debian packages without a question; SUDO is "" or "sudo -n". Silent unless it fails.
set -eu
sudo=$1
shift
quietly() { output=$("$@" 2>&1 </dev/null) || { echo "$output" >&2; exit 1; }; }
quietly $sudo apt-get update
quietly $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
