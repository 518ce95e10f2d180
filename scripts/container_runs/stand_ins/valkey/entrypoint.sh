#!/bin/sh
# Runs the server as its own user; it answers other hosts without a password, as the official image's does.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown -R valkey:valkey /data
    exec setpriv --reuid valkey --regid valkey --init-groups /bin/sh "$0" "$@"
fi
exec "$@" --protected-mode no
