#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# PostgreSQL over its UNIX socket, from initdb to a restart: what it prints must not depend on the machine.
#     postgres.sh FOLDER SCALE SECONDS      FOLDER: empty, its owner runs this (never root)
set -eu
folder=$1 scale=$2 seconds=$3
bin=$(echo /usr/lib/postgresql/*/bin)
data=$folder/data log=$folder/log
export PATH=$bin:$PATH PGHOST=$folder PGDATABASE=postgres PGUSER=tester LC_ALL=C.UTF-8 TZ=UTC HOME=$folder
cd "$folder"

control() { pg_ctl -D "$data" -l "$log" -w -t 600 -s "$@"; }
query() { psql -X -A -t -q -v ON_ERROR_STOP=1 "$@"; }

echo "initdb"
initdb -D "$data" -U tester -A trust -N --locale=C.UTF-8 > "$folder/initdb.out" 2>&1 || { cat "$folder/initdb.out"; exit 1; }
cat >> "$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
shared_buffers = 32MB
max_connections = 40
log_min_messages = warning
END
echo "start"
control start
query -c "select count(*) > 100 from pg_class" -c "show listen_addresses"

echo "pgbench -i"
pgbench -i -q -s "$scale" > "$folder/init.out" 2>&1 || { cat "$folder/init.out"; exit 1; }
query -c "select count(*), sum(abalance) from pgbench_accounts" -c "select count(*) from pgbench_branches"

echo "pgbench -c 8 -j 2"
bench() { pgbench -c 8 -j 2 "$@" > "$folder/bench.out" 2> "$folder/bench.err" || { cat "$folder/bench.err"; exit 1; }; }
bench -t 20; awk '/number of failed/ { print "failed", $5 } /number of transactions actually/ { print "done", $NF }' "$folder/bench.out"
# How much is done in a time is not known, and may be nothing. -n: the history stays.
bench -n -T "$seconds"; awk '/number of failed/ && $5 > 0 { print "failed", $5 }' "$folder/bench.out"
awk '/^tps/ { print "# tps", $3 }' "$folder/bench.out" >&2
echo "the books balance"
query <<'END'
select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
       (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history),
       (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history);
END

echo "SQL"
query <<'END'
create table words(id serial primary key, word text unique, n numeric);
insert into words(word, n) select md5(i::text), i * 1.5 from generate_series(1, 20000) i;
create index on words(n);
begin; delete from words where id % 2 = 0; rollback;
delete from words where id % 10 = 0;
vacuum full analyze words;
select count(*), sum(n), max(word), min(id) from words;
select avg(length(word)) from words where n between 100 and 200;
with recursive f(a, b) as (select 0::numeric, 1::numeric union all select b, a + b from f where b < 1e20) select max(b) from f;
set max_parallel_workers_per_gather = 2; set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;
select count(*), sum(length(word)) from words where word like '%a%';
copy (select word from words order by id limit 3) to stdout;
END
echo "two sessions and a lock"
query -c "begin; lock table words; select pg_sleep(0.5); update words set n = 1 where id = 1; commit;" > /dev/null &
locks="select count(*) from pg_locks where relation = 'words'::regclass and mode = 'AccessExclusiveLock' and granted"
while kill -0 $! 2> /dev/null && [[ $(query -c "$locks") == 0 ]]; do sleep 0.02; done
query -c "select n from words where id = 1"
wait
query -c "select pg_terminate_backend(pg_backend_pid())" 2>&1 | grep -c terminating || true
query -c "select pg_cancel_backend(pg_backend_pid())" 2>&1 | grep -c cancel || true
query -c "set statement_timeout = 100; select pg_sleep(10)" 2>&1 | grep -c timeout || true
pg_dump -t words --data-only | wc -l

echo "stop"
control stop -m smart
echo "restart"
control start
query -c "select count(*), sum(n) from words"
until ! pgrep -f "^postgres: tester" -P "$(head -1 "$data/postmaster.pid")" > /dev/null; do sleep 0.02; done	# the last client's process
control stop -m immediate
echo "recovery after an immediate stop"
control start
query -c "select count(*), sum(n) from words" -c "select count(*) from pgbench_branches"
control stop -m smart
pg_controldata "$data" | grep 'cluster state'
echo "log"	# but for what autovacuum says when it has to make way: whether it runs depends on the time
grep -E 'PANIC|FATAL|ERROR|LOG: .*(crash|terminated by signal)|could not' "$log" | grep -v autovacuum |
	sed 's/^.* \(PANIC\|FATAL\|ERROR\|LOG\): */\1 /' | sort | uniq -c
ls "$folder" | grep -c PGSQL || true
