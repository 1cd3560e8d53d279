#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# nginx on a UNIX socket: its master and two workers start, serve, reload while they serve, and stop.
#     nginx.sh FOLDER            FOLDER: empty, writable
# It waits as long as it takes: who runs it has an end to that.
set -eu
folder=$1
cd "$folder"
mkdir -p html tmp; chmod 755 . html
seq 1 50000 > html/large.txt; echo "version 1" > html/index.html
configure() {
	cat > nginx.conf <<END
pid $folder/nginx.pid;
error_log $folder/error.log warn;
worker_processes $1;
worker_shutdown_timeout 600s;
events { worker_connections 128; }
http {
	access_log $folder/access.log;
	client_body_temp_path $folder/tmp; proxy_temp_path $folder/tmp; fastcgi_temp_path $folder/tmp;
	uwsgi_temp_path $folder/tmp; scgi_temp_path $folder/tmp;
	proxy_max_temp_file_size 0;
	sendfile on;
	server {
		listen unix:$folder/socket;
		root $folder/html;
		add_header X-Workers $1;
		location /back/ { proxy_pass http://unix:$folder/socket:/; }
		location = /status { return 204; }
	}
}
END
}
server() { nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log" "$@"; }
get() { curl -sS --unix-socket "$folder/socket" "$@"; }
workers() { pgrep -c -P "$(cat nginx.pid)" || true; }
until_true() { until "$@"; do sleep 0.02; done; }
has_workers() { [[ $(workers) == "$1" ]]; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }
# Each worker has the new log: the master has made it before.
reopened() { for each in $(pgrep -P "$master"); do readlink "/proc/$each/fd/"* | grep -q '/access\.log$' || return; done; }

echo "-t"; configure 2; server -t 2>&1 | sed "s|$folder|FOLDER|"
echo "nonsense;" >> nginx.conf; server -t 2>&1 | sed "s|$folder|FOLDER|;s|^.*\[emerg\] [0-9#: ]*||" || true; configure 2
echo "start"; server; until_true test -s nginx.pid; master=$(cat nginx.pid); until_true has_workers 2; echo "$(workers) workers"
get http://localhost/; get -i http://localhost/ | tr -d '\r' | grep -E '^(HTTP|X-Workers|Content-Length)'
get http://localhost/large.txt | md5sum; get -o /dev/null -w '%{http_code}\n' http://localhost/none
get http://localhost/back/large.txt | md5sum; get -r 100-199 http://localhost/large.txt | md5sum
get -o /dev/null -w '%{http_code}\n' http://localhost/status
for i in {1..40}; do get http://localhost/back/ & done | sort | uniq -c; wait

echo "reload while it serves"
configure 3
(for i in {1..60}; do get -o /dev/null -w '%{http_code}\n' http://localhost/large.txt; done > codes.txt) & load=$!
server -s reload; wait $load; sort codes.txt | uniq -c
until_true has_workers 3; echo "$(workers) workers"; get -i http://localhost/ | tr -d '\r' | grep X-Workers
[[ $(cat nginx.pid) == "$master" ]] && echo "same master"

echo "a worker that dies is replaced"
oldest=$(pgrep -o -P "$master"); kill -KILL "$oldest"; until_true is_gone "$oldest"	# its master has seen it
until_true has_workers 3; echo "$(workers) workers"; get http://localhost/
echo "reopen"; mv access.log old.log; server -s reopen; until_true reopened
get http://localhost/ > /dev/null; until_true test -s access.log; wc -l < access.log
echo "quit"; server -s quit; until_true is_gone "$master"; [[ -e nginx.pid ]] || echo "no pid file"; [[ -e socket ]] || echo "no socket"
echo "start and stop"; server; until_true test -s nginx.pid; second=$(cat nginx.pid); until_true has_workers 3; get http://localhost/; server -s stop; until_true is_gone "$second"
echo "log"; sed 's/^[^[]*\[\([a-z]*\)\] [0-9]*#[0-9]*: /\1 /;s/[0-9][0-9]* exited/PID exited/' error.log | grep -v 'exited on signal 9' | sort | uniq -c
sed 's/\[.*\]/TIME/' old.log | sort | uniq -c | awk '{ print $7, $8, $10 }' | sort -u
