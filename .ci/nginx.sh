#!/bin/sh
# Sees to an nginx for tests/test_nginx.py: the machine's own, else Debian's, unpacked into .venv. Installing it would start a web server.
set -eu
folder=.venv/nginx
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null && exit 0
[ -x $folder/usr/sbin/nginx ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "nginx: not here, and there is no apt-get to fetch it: the tests behind it are left out"
    exit 0
fi
echo "Fetching nginx"
if [ "$(id -u)" = 0 ]; then
    apt-get update >/dev/null 2>&1 </dev/null || true
fi
mkdir -p $folder
cd $folder
if apt-get download nginx >/dev/null 2>&1 && dpkg -x nginx_*.deb . && ./usr/sbin/nginx -v 2>/dev/null; then
    rm -f nginx_*.deb
else
    echo "nginx could not be fetched (sudo apt install nginx): the tests behind it are left out"
    rm -rf usr nginx_*.deb
fi
