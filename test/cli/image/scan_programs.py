# SPDX-License-Identifier: BSD-2-Clause
"""
Programs in test runs, for test/cli/image/scan.py and the bench: what strace(1) sees each make, and what `hull scan` says.

A group is a shell script, or a server with its clients; every program that it executes is a program of the test, and
the calls count for the program that made them.
"""
import collections, contextlib, functools, json, os, re
from harness import GUARD, HULL, PROGRAMS, SOAK, TOP, execute, scratch

IMAGE = os.path.join(os.path.dirname(HULL), "hull-image")
Seen = collections.namedtuple("Seen", "calls libraries")   # sets: names of calls; libraries that were loaded
MODULE = re.compile(r"/(python3|perl|perl5|ruby|lua)/|/python3\.")     # of a language: hull scan finds them by the script
PYTHON_SCRIPT = """#!/usr/bin/python3
import ctypes, decimal, hashlib, json, mmap, multiprocessing, os, queue, re, select, signal, socket, sqlite3, ssl
import subprocess, tempfile, threading, time, zlib
db = sqlite3.connect("python.db")
db.execute("create table t(a, b)")
db.executemany("insert into t values(?, ?)", [(i, i * i) for i in range(1000)])
db.commit()
left, right = socket.socketpair()
def serve():
    while data := right.recv(100):
        right.sendall(data.upper())
threads = [threading.Thread(target=serve)] + [threading.Thread(target=lambda n=n: sum(range(n))) for n in range(4)]
[t.start() for t in threads]
left.sendall(b"hello")
print(left.recv(100), subprocess.run(["true"]).returncode)
left.close()
[t.join(10) for t in threads]
with tempfile.TemporaryFile() as file:
    file.write(bytes(5000))
    file.flush()
    print(len(mmap.mmap(file.fileno(), 5000)), ssl.OPENSSL_VERSION)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(len, ["a", "bb"]))
for poller in (select.epoll(), select.poll()):
    poller.register(0, select.EPOLLIN if isinstance(poller, select.epoll) else select.POLLIN)
    poller.poll(0)
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.02)
os.sched_yield(), os.getloadavg(), os.listdir("."), os.stat("."), os.statvfs("."), os.uname()
print(hashlib.sha256(zlib.compress(b"x" * 100000)).hexdigest(), decimal.Decimal(2).sqrt())
"""
PERL_SCRIPT = """#!/usr/bin/perl
use strict; use warnings;
use POSIX qw(floor strftime :sys_wait_h); use Socket; use IO::Socket::UNIX; use Time::HiRes qw(usleep); use List::Util qw(sum);
use File::Temp qw(tempfile); use Digest::SHA qw(sha256_hex); use Storable qw(dclone); use Encode;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC);
my $pid = fork(); if (!$pid) { syswrite $b, encode("UTF-8", "hi"); exit 3 } waitpid $pid, 0; sysread $a, my $x, 10;
my ($fh, $name) = tempfile(); print $fh sha256_hex("a" x 1000); close $fh; unlink $name; usleep 1000;
print sum(1..10), floor(2.5), strftime("%Y", gmtime 0), $x, $? >> 8, `true`, scalar(@{dclone([1,2])}), "\\n";
$SIG{ALRM} = sub {}; alarm 1; alarm 0; opendir my $d, "."; readdir $d; utime 1, 1, "a"; mkdir "perl.d"; rmdir "perl.d";
"""
RUBY_SCRIPT = """#!/usr/bin/ruby
require "json"; require "socket"; require "digest"; require "tempfile"; require "zlib"
t = 3.times.map { |n| Thread.new { (1..n * 1000).sum } }
puts t.map(&:value).to_json, Digest::SHA256.hexdigest("x"), `echo sub`
a, b = UNIXSocket.pair; a.write "hi"; a.close; puts b.read
Tempfile.create("x") { |f| f.write("y"); f.flush; puts f.size }
puts Zlib::Deflate.deflate("x" * 1000).size; pid = fork { exit 2 }; Process.wait pid; puts $?.exitstatus; sleep 0.01
"""
LUA_SCRIPT = """#!/usr/bin/lua5.4
local t = {} for i = 1, 1000 do t[i] = i * i end
local f = io.open("lua.txt", "w") f:write(#t) f:close() for l in io.lines("lua.txt") do print(l) end
print(os.time() > 0, os.clock() >= 0, os.getenv("HOME"), os.tmpname(), os.execute("true"), os.rename("lua.txt", "l2"))
local p = io.popen("echo sub") print(p:read("a")) p:close() os.remove("l2")
"""
NODE_SCRIPT = """#!/usr/bin/node
const { Worker } = require("worker_threads"), fs = require("fs"), net = require("net"), os = require("os");
const crypto = require("crypto"), { execFile } = require("child_process"), zlib = require("zlib");
fs.writeFileSync("node.txt", zlib.gzipSync("x".repeat(1000))); fs.readdirSync("."); fs.statSync("node.txt"); fs.unlinkSync("node.txt");
new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true }).on("message", console.log);
const server = net.createServer(c => c.end("bye")).listen("node.sock", () =>
  net.connect("node.sock").on("data", d => console.log(String(d))).on("close", () => server.close()));
execFile("true", () => console.log("child")); setTimeout(() => console.log("timer"), 5);
crypto.pbkdf2("a", "b", 1000, 16, "sha256", (e, key) => console.log(key.toString("hex"))); console.log(os.cpus().length > 0);
"""
FILES = {"run.py": PYTHON_SCRIPT, "run.pl": PERL_SCRIPT, "run.rb": RUBY_SCRIPT, "run.lua": LUA_SCRIPT, "run.js": NODE_SCRIPT,
         "Makefile": "all: b\n\techo made\nb: a\n\tcp a b\n"}

SHELL_GROUPS = {
    "coreutils": """
seq 1 5000 >a; cat a a >b; sort -n -r a | uniq -c >u; tail -n 2 a; tail -c 10 b; wc a b; ls -laR . /etc/apt; ls -l --color=always /dev
cp -a a c; cp -r . ../copy; mv c d; rm -rf ../copy d; mkdir -p x/y; rmdir x/y; touch -d @1 x/z; ln -s a l; ln a h; readlink -f l; realpath l
stat a l x; stat -f .; du -sh .; df . ; chmod 600 a; chown "$(id -u)" a; truncate -s 100 b; dd if=/dev/zero of=e bs=4k count=3 conv=fsync
tee t <a | tr 1 2 | cut -c 1-3 | paste - - | fold -w 5 | nl | tac >/dev/null; od -c a | head -2; split -n 3 a; csplit a 10; shuf a >f
sha256sum a; md5sum a; cksum a; b2sum a; base64 a | base64 -d >/dev/null; factor 12345678; expr 3 + 4; test -f a; printf '%s\\n' a; echo b
date; date +%s -d 2020-01-01; sleep 0.01; nice -n 1 true; nohup true; env -i A=b env; id; whoami; groups; uname -a; hostname
nproc; uptime; who; tty; pwd; basename a/b; dirname a/b; mktemp; mkfifo p; join a a >/dev/null; comm a a >/dev/null; diff a b >/dev/null
install -m 644 a i; shred -u i; sync a; tsort </dev/null; numfmt 1000; stdbuf -o0 echo x; logname; users; pathchk a; dircolors; vdir; true; false
kill -0 $$; mknod q p; chgrp "$(id -g)" a; runcon; chroot / true; link a k; unlink k; ptx a; fmt a; pr a; expand a; unexpand a; sum a; arch
""",
    "text": """
seq 1 5000 >a; grep -r 77 . ; grep -E '^9+$' a; sed -i s/1/2/ a; sed -n 5,9p a; find / -maxdepth 2 -name 'p*' -exec echo {} +
find . -type f -delete; timeout 5 true; seq 1 100 >a; ls | xargs -P 2 -n 1 echo; mawk '{ s += $1 } END { print s; system("true") }' a
gawk 'BEGIN { print strftime("%Y", 0), systime() > 0; "date" | getline x; while (("cat a" | getline l) > 0) n++; print n | "cat" }'
echo '2^200; scale=20; 4*a(1)' | bc -lq; echo '{"a":[1,2]}' | jq -c '.a | add, now > 0'; diff -u a /etc/passwd; file a /bin/ls; cmp a a; tclsh </dev/null
vim -es -u NONE -c 'r /etc/passwd' -c '%p' -c 'wq! v'; less a; ps aux; ps -ef --forest; pgrep sh; top -b -n 1; free; uptime; vmstat
""",
    "archives": """
seq 1 50000 >a; mkdir d; cp a d; tar czf t.tgz d; tar xzf t.tgz -C d; tar cJf t.txz a; tar tvf t.txz; gzip -k a; gzip -dc a.gz | wc -c; zcat a.gz | head -1
xz -k -T2 a; xz -dc a.xz | wc; bzip2 -k a; bzip2 -dc a.bz2 | wc; zstd -q -T2 a -o a.zst; zstd -qdc a.zst | wc; zip -q a.zip a; unzip -o -q a.zip
ar rc l.a a; strip --version >/dev/null; objdump -h /bin/true; readelf -h /bin/true; nm -D /bin/true; rsync --version; make; git init -q g; cd g
git config user.email a@b; git config user.name a; cp ../a .; git add a; git commit -q -m m; git log -p | head -3; git gc -q; git status; git clone -q . ../h
""",
    "busybox": """
B=/bin/busybox; $B seq 1 500 >a; $B sort a | $B head -2; $B ls -la /; $B cp a b; $B mv b c; $B rm c; $B grep 7 a; $B sed s/1/2/ a; $B awk '{s+=$1} END {print s}' a
$B tar cf t a; $B gzip a; $B zcat a.gz | $B wc; $B find . ; $B sha256sum a.gz; $B ps; $B id; $B date; $B df; $B du; $B mount; $B ip a; $B ifconfig; $B netstat -an
$B sh -c 'for i in 1 2; do (echo $i); done; trap "" INT; kill -0 $$; cd /; set -- $(echo a)'; $B vi --help; $B dd if=/dev/zero of=z count=2; $B stat z
$B free; $B uptime; $B sleep 0.01; $B mkfifo f
""",
    "shells": """
bash -c 'trap "echo t" USR1; kill -USR1 $$; for i in {1..3}; do (echo $i; exit 3) & done; wait; echo $((2**10)) ${BASH_VERSION:0:1}; cat <<<here; diff <(echo a) <(echo a)
ulimit -n; umask; cd /; pushd /tmp; popd; time true; read -t 0.01 x; exec 5</dev/null; type ls; [[ -w /etc/passwd ]]; printf "%(%Y)T\\n" 0; echo /etc/h*; coproc cat; test -t 0'
bash -ic 'set -m; sleep 0.01 & fg; jobs' ; dash -c 'x=$(echo a); trap "" HUP; (exit 2); echo $?; read y </dev/null; cat <<E
here
E
umask; ulimit -n; cd /; kill -0 $$; true & wait; test -r /etc/passwd'; busybox timeout 3 /bin/true
busybox sh -c 'for i in 1 2; do (echo $i) & done; wait'
""",
    "network tools": """
openssl version -a; echo x | openssl dgst -sha256; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a -keyout k.pem -out c.pem
openssl rand -hex 8; openssl speed -seconds 1 -bytes 16 md5 ; openssl s_client -connect 127.0.0.1:1 </dev/null; curl -sS "file://$PWD/k.pem"; curl -sS http://127.0.0.1:1/
curl -sS --unix-socket nothing http://a/; wget -q -O- http://127.0.0.1:1/; ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -l -f key; ssh -o BatchMode=yes -p 1 127.0.0.1 true
ip addr; ip -6 route; ss -tanp; dig +time=1 +tries=1 @127.0.0.1 -p 1 localhost; ping -c 1 127.0.0.1; nproc; netstat -an; ifconfig; tcpdump --version; getent hosts localhost
getent passwd root; host -W 1 localhost 127.0.0.1
B=/bin/busybox; $B nslookup localhost 127.0.0.1; $B wget -T 1 -q http://127.0.0.1:1/; $B ping -c 1 127.0.0.1
""",
    "databases": """
sqlite3 s.db "create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i+1 from n where i<2000) insert into t select i, hex(i) from n;"
sqlite3 s.db "pragma journal_mode=wal; begin; update t set b=a; commit; select count(*), sum(a) from t; vacuum;"; sqlite3 s.db ".dump" | sqlite3 t.db; sqlite3 t.db ".backup u.db"
""",
    "languages": """
./run.py; ./run.pl; ./run.rb; ./run.lua; node run.js; lua5.4 -v; echo 'int main(void){return 0;}' >m.c; gcc -O1 -o m m.c; ./m
""",
    "compiled": """
for p in hello hello-static hello-static-pie hello-no-pie hello-musl hello-minimal throw openmp stencil hello-go hello-rust goroutines
do "$PROGRAMS/$p" a b; done; "$PROGRAMS/network-go" .
""",
}


# Large ones, for a soak.
SOAK_GROUPS = {
    "system tools": """
dpkg -l; dpkg -S /bin/ls; dpkg-query -W bash; dpkg-deb --version; apt-cache policy bash; lsof -p $$; lscpu; lsblk; lsns; lsipc; lslocks; flock l true
setsid true; hexdump -C /etc/hostname; col </dev/null; getopt ab -- -a; prlimit; ipcs; chrt -m; taskset -p $$; ionice; nsenter --version; unshare -n true
mount; losetup -a; findmnt; systemctl --version; pstree; fuser .; slabtop -o; pmap $$; pidof sh; sysctl -a; tput -T xterm clear; infocmp xterm; last; w
tc qdisc; bridge link; ldconfig -p; dd if=/dev/zero of=disk bs=1M count=8; mkfs.ext4 -q disk; e2fsck -fn disk; dumpe2fs disk; sgdisk -p disk; blkid disk
wipefs disk; mkdir d; cp run.py d; mkfs.erofs e.img d; fsck.erofs e.img; xorriso -as mkisofs -o i.iso d; qemu-img create -q -f qcow2 q 10M; qemu-img info q
gpg --homedir . --batch --passphrase '' --quick-gen-key a; gpg --homedir . -K; gpgconf --homedir . --kill all; convert -size 9x9 xc:red x.png; identify x.png
""",
    "development": """
printf 'int f(int);int main(void){return f(0);}\n' >m.c; printf 'int f(int x){return x;}\n' >f.c; gcc -g -c m.c; gcc -g -c f.c; gcc -o m m.o f.o; clang -o m2 m.c f.c
gdb -batch -ex 'b main' -ex run -ex bt -ex c ./m; strings m; strip m2; objcopy -S m m3; addr2line -e m 0x1139; readelf -a m; c++filt _Z1fv; size m; ld -r -o r.o m.o f.o
printf 'cmake_minimum_required(VERSION 3.10)\nproject(x C)\nadd_executable(x m.c f.c)\n' >CMakeLists.txt; cmake -G Ninja -B bd .; ninja -C bd; cmake -B bm .
make -C bm -j2; cp f.c g.c; echo x >>g.c; diff -u f.c g.c >p; patch f.c p; go version; cargo --version; xmllint --noout p
strace -o s.log true; stress-ng --cpu 1 --pipe 1 -t 1; psql --version
""",
    "terminals": """
export TMUX_TMPDIR=$PWD HOME=$PWD TERM=xterm; printf q | script -qc 'less /etc/group' o1; watch -n 1 -g date & sleep 1.2; kill $!; wait
script -qc 'tmux -f /dev/null new-session -d "sleep 1"; tmux list-sessions; tmux split-window cat; tmux send-keys a Enter; tmux kill-server' o2 </dev/null
""",
    "java": 'java -version; java -cp "$PROGRAMS" Threads',
    "postgres": """
mkdir pg; chown nobody pg; setpriv --reuid=nobody --regid=nogroup --clear-groups bash "$SCRIPTS/postgres.sh" "$PWD/pg" 1 1
""",
}
# Each on a loopback of its own. up FILE: until the server that was started last has made it.
SERVER_HEAD = 'ip link set lo up; up() { while [ ! -e "$1" ] && kill -0 $!; do sleep 0.05; done; }\n'
SERVER_GROUPS = {
    "redis": """
redis-server --port 0 --unixsocket redis.sock --dir . --appendonly yes --save '1 1' >out & up redis.sock; alias cli='redis-cli -s redis.sock'
cli set a 1; cli incr a; cli bgsave; cli info; seq 1 200 | sed 's/.*/lpush l &/' | cli --pipe; cli bgrewriteaof; sleep 0.3; cli debug sleep 0
redis-benchmark -s redis.sock -n 500 -c 5 -q -t set,get; cli shutdown; wait
redis-server --port 6379 --io-threads 2 --daemonize yes --pidfile "$PWD/redis.pid" --dir "$PWD" && while [ ! -e redis.pid ]; do sleep 0.05; done; redis-cli get a; redis-cli shutdown; wait
""",
    "nginx": """
nginx -p ./ -c nginx.conf -e error.log & up nginx.sock; alias get='curl -sS --unix-socket nginx.sock'
get http://a/run.py; get http://a/none; kill -HUP $!; sleep 0.2; get -T run.py http://a/x; get --compressed http://a/proxy/; kill -USR1 $!; sleep 0.1
kill -QUIT $!; wait; nginx -t -p ./ -c nginx.conf -e error.log
""",
    "caches and proxies": """
memcached -s memcached.sock -u root -t 2 & up memcached.sock
printf 'set a 0 0 1\r\nx\r\nget a\r\nstats\r\nquit\r\n' | socat - UNIX-CONNECT:memcached.sock; kill $!; wait
haproxy -f haproxy.cfg & up haproxy.sock; curl -sS --unix-socket haproxy.sock http://a/; curl -sS --unix-socket haproxy.sock http://a/b; kill $!; wait
socat UNIX-LISTEN:socat.sock,fork EXEC:cat & up socat.sock; echo hello | socat -t 1 - UNIX-CONNECT:socat.sock; kill $!; wait
""",
    "network servers": """
dnsmasq -k -C /dev/null -p 5391 --listen-address=127.0.0.1 --bind-interfaces -x "$PWD/dnsmasq.pid" --address=/a.test/10.1.2.3 --user=root --no-resolv & up dnsmasq.pid
dig +time=2 +tries=1 @127.0.0.1 -p 5391 a.test; dig +tcp +time=2 +tries=1 @127.0.0.1 -p 5391 b.test; kill $!; wait
iperf3 -s -1 -p 5392 -I "$PWD/iperf.pid" & up iperf.pid; until iperf3 -c 127.0.0.1 -p 5392 -t 1 -P 2 || ! kill -0 $!; do sleep 0.05; done; wait
iperf3 -s -1 -p 5393 -I "$PWD/iperf2.pid" & up iperf2.pid; until iperf3 -c 127.0.0.1 -p 5393 -t 1 -u -Z || ! kill -0 $!; do sleep 0.05; done; wait
""",
}
GROUPS = {**SHELL_GROUPS, **{name: SERVER_HEAD + script for name, script in SERVER_GROUPS.items()},
          **(SOAK_GROUPS if SOAK else {})}


NGINX = """worker_processes 2; pid nginx.pid; daemon off; events { worker_connections 64; }
http { access_log access.log; gzip on; gzip_min_length 1; sendfile on; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi; server { listen unix:nginx.sock; root .; location /proxy/ { proxy_pass http://unix:nginx.sock:/run.lua; } } }
"""
HAPROXY = """global
 nbthread 2
defaults
 mode http
 timeout connect 1s
 timeout client 2s
 timeout server 2s
frontend f
 bind unix@haproxy.sock
 http-request return status 200 content-type text/plain string hello if { path / }
 default_backend b
backend b
 server s 127.0.0.1:1
"""
def strace_lines(text):
    """
    (task, call, arguments and result) of each call; one that another task interrupted is put together again.
    A task is its number and how many had that before.
    """
    begun, ended = {}, collections.Counter()
    for line in text.splitlines():
        match = re.match(r"(\d+) +(<\.\.\. )?(\w+)(?:\(| resumed>)(.*)", line)
        if not match:
            ended.update(re.findall(r"^(\d+) +\+\+\+ (?:exited|killed)", line))
            continue
        number, is_rest, name, rest = match.groups()
        task = number, ended[number]
        if is_rest:
            rest = begun.pop(task, "") + rest
        if rest.endswith("<unfinished ...>"):
            begun[task] = rest.removesuffix(" <unfinished ...>")
        yield task, name, rest


def seen_by(text):
    """{path: Seen} from strace -f -o: what a task does counts for what it has executed."""
    program, parent, opened = {}, {}, {}
    seen = collections.defaultdict(lambda: Seen(set(), set()))
    lines = list(strace_lines(text))
    born = collections.Counter(number for (number, _), _, _ in lines[:1])
    for task, name, rest in lines:
        result = re.search(r"= (\d+)(?: |$)", rest[-40:])
        if name in ("clone", "clone3", "fork", "vfork") and result:
            parent[result[1], born[result[1]]] = task
            born[result[1]] += 1
    for task, name, rest in lines:
        if task not in program and parent.get(task) in program:
            program[task] = program[parent[task]]
        if task in program and name != "restart_syscall":
            now = seen[program[task]]
            now.calls.add(name)
            library = re.match(r'AT_FDCWD, "(/(?:usr/)?lib/[^"]*\.so[.\d]*)", .* = (\d+)', rest)
            if name == "openat" and library and not MODULE.search(library[1]):
                opened[task, library[2]] = os.path.realpath(library[1])
            mapped = re.search(r"MAP_DENYWRITE, (\d+), ", rest) if name == "mmap" else None     # the loader, and no other
            if mapped and (task, mapped[1]) in opened:
                now.libraries.add(opened[task, mapped[1]])
        if name == "execve" and rest.endswith("= 0"):
            program[task] = re.match(r'"(.*?)"', rest)[1]
    return seen


def elf_of(path, folder, cache={}):
    """The ELF file that an execve of this path runs: the interpreter of a script; None: it is gone."""
    if path not in cache:
        cache[path] = None
        with contextlib.suppress(OSError):
            with open(os.path.join(folder, path), "rb") as file:
                first = file.readline(200)
            if first.startswith(b"#!"):
                cache[path] = elf_of(first[2:].split()[0].decode(), folder)
            elif first.startswith(b"\x7fELF") and path.startswith("/"):    # not what the run itself has made
                cache[path] = os.path.realpath(path)
    return cache[path]


def prepare(folder):
    for name, text in {**FILES, "nginx.conf": NGINX, "haproxy.cfg": HAPROXY}.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", 0o755 if name.startswith("run.") else 0o644)


def environment():
    return {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "PROGRAMS": PROGRAMS, "SCRIPTS": f"{TOP}/test/cli/scripts",
            "LC_ALL": "C.UTF-8"}


def run_group(name, tracer, folder):
    """Runs a group's script behind the words of the tracer."""
    prepare(folder)
    alone = ["unshare", "-n"] if name in SERVER_GROUPS else []
    return execute([*alone, *tracer, "dash", "-c", GROUPS[name]], GUARD, cwd=folder, env={**environment(), "HOME": folder})


def by_elf(seen, folder):
    """The same by the programs' ELF files."""
    found = collections.defaultdict(lambda: Seen(set(), set()))
    for path, (calls, libraries) in seen.items():
        elf = elf_of(path, folder)
        if elf:
            found[elf].calls.update(calls)
            found[elf].libraries.update(libraries)
    return found


@functools.cache
def straced(name):
    """{ELF file: Seen} of a group."""
    with scratch() as parent:
        folder, log = f"{parent}/run", f"{parent}/log"
        os.mkdir(folder)
        os.chmod(parent, 0o755)
        run_group(name, ["strace", "-f", "-o", log], folder)
        with open(log, errors="replace") as file:
            return by_elf(seen_by(file.read()), folder)


def recorded(name):
    """{ELF file: (calls, those that the vDSO would answer)} of a group, by hull scan --trace."""
    with scratch() as parent:
        folder, log = f"{parent}/run", f"{parent}/log"
        os.mkdir(folder)
        os.chmod(parent, 0o755)
        run_group(name, [IMAGE, "scan", "--trace", "-o", log, "--"], folder)
        with open(log) as file:
            programs = json.load(file)["programs"]
    return {os.path.realpath(p["path"]): ({c["name"] for c in p["calls"]},
                                          {c["name"] for c in p["calls"] if c.get("by_vdso") == c["made"]})
            for p in programs if not p["path"].startswith(parent)}


SCRIPTS = {"/usr/bin/python3.11": "run.py", "/usr/bin/perl": "run.pl", "/usr/bin/ruby3.1": "run.rb", "/usr/bin/lua5.4": "run.lua"}


def scan(programs, also=()):
    """{ELF file: what hull scan says of it}, of all in one process."""
    with scratch() as folder:
        prepare(folder)
        words = [word for path in programs
                 for word in (path, *([f"{folder}/{SCRIPTS[path]}"] if path in SCRIPTS else []))]
        result = execute([IMAGE, "scan", "--json", *[w for library in also for w in ("--also", library)], *words], GUARD)
        assert result.returncode == 0, result.stderr.decode()
        return {os.path.realpath(p["path"]): p for p in json.loads(result.stdout)["programs"]}


def answers(seen):
    """What hull scan says of each program, with --also of the libraries that its runs have opened beside its own."""
    found, more = scan(sorted(seen)), collections.defaultdict(list)
    for path, answer in found.items():
        also = seen[path].libraries - {os.path.realpath(file["path"]) for file in answer["files"]}
        if also:
            more[tuple(sorted(also))].append(path)
    for also, programs in more.items():
        found.update(scan(programs, also))
    return found


def run_all(groups=GROUPS):
    """{ELF file: Seen} of all groups."""
    seen = collections.defaultdict(lambda: Seen(set(), set()))
    for name in groups:
        for path, (calls, libraries) in straced(name).items():
            seen[path].calls.update(calls)
            seen[path].libraries.update(libraries)
    return dict(seen)


def rows(seen, found):
    """(program, calls of the static answer, traced, at any site of its files, sites not resolved, missed calls)."""
    for path in sorted(seen):
        calls = {call["name"] for call in found[path]["calls"]}
        yield (path, len(calls), len(seen[path].calls), len(found[path]["whole_files"]), found[path]["unresolved_sites"],
               sorted(seen[path].calls - calls))
