#!/bin/sh
# Runs a command in a network namespace of its own, where nothing but the loopback interface exists, for go test -exec:
# DynamoDB Local listens on every interface there is and has no option for less.
set -eu
exec unshare --map-root-user --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
