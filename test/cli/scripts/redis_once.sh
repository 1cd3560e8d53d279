#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Redis on a UNIX socket, once: what the machines' images run.
#     redis_once.sh FOLDER       FOLDER: empty, writable; made if it is not there
set -eu
mkdir -p "$1"
cd "$1"
cli() { redis-cli --raw -s "$PWD/socket" "$@"; }
redis-server --port 0 --unixsocket "$PWD/socket" --dir "$PWD" --daemonize yes --save '' --pidfile "$PWD/pid" \
	--logfile "$PWD/log" > /dev/null
until [[ $(cli ping 2>/dev/null) == PONG ]]; do sleep 0.05; done
cli set key value; cli get key; cli get none; cli incrby counter 41; cli incr counter
cli rpush list a b c; cli lrange list 0 -1
cli eval "for i = 1, 1000 do redis.call('zadd', 'scores', i % 97, 'member' .. i) end return redis.call('zcard', 'scores')" 0
cli zrange scores 0 2
printf 'multi\nset t 1\nincr t\nexec\n' | cli
cli save; cli dbsize
pid=$(< pid)
cli shutdown
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
redis-server --port 0 --unixsocket "$PWD/socket" --dir "$PWD" --daemonize yes --pidfile "$PWD/pid" --logfile "$PWD/log" > /dev/null
until [[ $(cli ping 2>/dev/null) == PONG ]]; do sleep 0.05; done
cli get key; cli zcard scores; cli shutdown nosave
