#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Redis on a UNIX socket: background save, rewriting of the log, restarts from both.
#     redis.sh FOLDER KEYS       FOLDER: empty, writable
# It waits as long as it takes: who runs it has an end to that.
set -eu
folder=$1 keys=$2
cd "$folder"
cli() { redis-cli -s "$folder/socket" "$@"; }
start() {
	redis-server --port 0 --unixsocket "$folder/socket" --dir "$folder" --daemonize yes --save '' --enable-debug-command yes \
		--pidfile "$folder/pid" --logfile "$folder/log" "$@" > /dev/null
	until [[ $(cli ping 2>/dev/null) == PONG ]]; do sleep 0.02; done
}
settle() {
	until cli info persistence | grep -q "^$1:0"; do sleep 0.02; done
}
stop() {
	pid=$(cat "$folder/pid")
	cli shutdown "$@" || true
	while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

echo "start"; start
seq 1 "$keys" | awk '{ printf "SET key:%d value-%d\r\n", $1, $1 * 7 }' | cli --pipe | tail -1
cli eval "for i = 1, $keys do redis.call('zadd', 'scores', i % 997, 'member' .. i) end return redis.call('zcard', 'scores')" 0
cli mget key:1 key:"$keys" key:none
cli incrby counter 41; cli incr counter; cli append text abc; cli strlen text; cli lpush list a b c; cli lrange list 0 -1
printf 'multi\nset t 1\nincr t\nexec\n' | cli

echo "BGSAVE while keys change"
cli bgsave
for i in $(seq 1 50); do cli set "during:$i" "$i"; done | sort | uniq -c
settle rdb_bgsave_in_progress
cli info persistence | tr -d '\r' | grep -E 'rdb_last_bgsave_status'
cli save; before=$(cli dbsize); digest=$(cli debug digest 2>&1 | cut -c1-8)

echo "restart from the dump"
stop nosave; start
[[ $(cli dbsize) == "$before" ]] && echo "all $before keys"
cli get key:77; cli zrange scores 0 2; [[ ${digest} == "$(cli debug digest 2>&1 | cut -c1-8)" ]] && echo "same digest"

echo "the append-only log"
cli config set appendonly yes; settle aof_rewrite_scheduled; settle aof_rewrite_in_progress
for i in $(seq 1 100); do echo "SET aof:$i $i"; done | cli | sort | uniq -c
cli bgrewriteaof; settle aof_rewrite_scheduled; settle aof_rewrite_in_progress
cli info persistence | tr -d '\r' | grep -E 'aof_last_bgrewrite_status|aof_last_write_status'
cli set last one
stop; start --appendonly yes
cli dbsize; cli get aof:100; cli get last

echo "subscribers and blocked clients"
(redis-cli -s "$folder/socket" blpop queue 0 > blocked.txt) &
until cli info clients | grep -q blocked_clients:1; do sleep 0.02; done
cli rpush queue item; wait; cat blocked.txt
redis-benchmark -s "$folder/socket" -q -n 2000 -c 20 -t set,get,lpush --csv | cut -d, -f1

echo "stop"; stop
grep -iE 'crash|signal: 11|failed|error ' "$folder/log" | grep -v 'overcommit' | sed 's/^.*[*#] //' | sort | uniq -c
ls -1 "$folder" | sort
