#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# nginx on a UNIX socket, once: what the machines' images run.
#     nginx_once.sh FOLDER       FOLDER: empty, writable; made if it is not there
set -eu
mkdir -p "$1/html" "$1/tmp"
cd "$1"
chmod 755 . html
seq 1 20000 > html/large.txt; echo "a page" > html/index.html
cat > nginx.conf <<END
pid $PWD/nginx.pid;
error_log $PWD/error.log warn;
worker_processes 2;
events { worker_connections 64; }
http {
	access_log $PWD/access.log;
	client_body_temp_path $PWD/tmp; proxy_temp_path $PWD/tmp; fastcgi_temp_path $PWD/tmp;
	uwsgi_temp_path $PWD/tmp; scgi_temp_path $PWD/tmp;
	proxy_max_temp_file_size 0;
	sendfile on;
	server {
		listen unix:$PWD/socket;
		root $PWD/html;
		location /back/ { proxy_pass http://unix:$PWD/socket:/; }
		location = /status { return 204; }
	}
}
END
server() { nginx -p "$PWD" -c "$PWD/nginx.conf" -e "$PWD/error.log" "$@"; }
get() { curl -sS --unix-socket "$PWD/socket" "$@"; }
server
get http://localhost/; get http://localhost/large.txt | md5sum; get http://localhost/back/large.txt | md5sum
get -r 100-199 http://localhost/large.txt | md5sum
get -o /dev/null -w '%{http_code}\n' http://localhost/none; get -o /dev/null -w '%{http_code}\n' http://localhost/status
for i in {1..8}; do get http://localhost/back/ & done; wait
pid=$(< nginx.pid)
server -s quit
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
[[ -e nginx.pid ]] || echo "no pid file"
wc -l < access.log
