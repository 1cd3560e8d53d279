#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
stress-ng with verification, class by class, in one guest: no stressor fails, and afterwards the kernel's own
counters are what they were before: no page, no task and no open file is lost. Connections in TIME-WAIT are counted
and known to have a size; a soak waits until they have ended, and then there is no excuse.
"""
import os, re, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, GUARD, SLOW, SOAK, add_test, hull, main, needs

SECONDS, MORE_SECONDS = 60 if SOAK else 2, 10
REST_KIB = 256 / 1024   # a connection in TIME-WAIT: struct tcp_rest
# One stressor with its number of workers, or several that make up the class: one after another in a soak.
CLASSES = {
    "cpu": ("--cpu 2", "--matrix 1"),
    "fork": ("--fork 2", "--vfork 1", "--exec 1", "--clone 1", "--zombie 1", "--spawn 1"),
    "futex": ("--futex 2",),
    "pipe": ("--pipe 2", "--fifo 1", "--splice 1", "--tee 1", "--vm-splice 1"),
    "signal": ("--signal 1", "--sigpending 1", "--sigsuspend 1", "--sigq 1", "--sigfd 1", "--sigsegv 1", "--sigrt 1", "--kill 1"),
    "mmap": ("--mmap 1 --mmap-bytes 32M", "--mremap 1 --mremap-bytes 16M", "--mmapfork 1", "--mprotect 1", "--brk 1", "--stack 1"),
    "switch": ("--switch 2", "--yield 1"),
    "sem": ("--sem 1", "--sem-sysv 1"),
    "shm": ("--shm 1", "--shm-sysv 1", "--msg 1", "--mq 1", "--memfd 1 --memfd-bytes 16M"),
    "timer": ("--timer 1", "--timerfd 1", "--itimer 1", "--nanosleep 1", "--clock 1"),
    "vm": ("--vm 2 --vm-bytes 48M",),
    "sock": ("--sock 1", "--sockpair 1", "--sockfd 1", "--sockmany 1", "--udp 1", "--sock 1 --sock-domain ipv6"),
    "poll": ("--poll 1", "--epoll 1 --epoll-domain unix", "--eventfd 1", "--inotify 1", "--flock 1"),
}
# In a soak: what the classes above do not touch.
MORE_CLASSES = {
    "files": ("--dentry 1", "--dir 1", "--link 1", "--rename 1", "--open 1", "--chdir 1", "--chmod 2", "--utime 1", "--xattr 1",
              "--access 1", "--fstat 2", "--dup 2", "--lockf 2", "--seek 1", "--sendfile 1", "--hdd 1 --hdd-bytes 64M",
              "--readahead 1 --readahead-bytes 32M"),
    "memory": ("--malloc 2", "--munmap 1", "--madvise 1", "--mincore 1", "--msync 1", "--fault 2", "--memcpy 2", "--cache 1"),
    "processes": ("--wait 2", "--session 2", "--pty 1", "--hrtimers 1", "--schedpolicy 2", "--affinity 2", "--pthread 2",
                  "--mutex 2", "--membarrier 1", "--rlimit 1", "--get 2", "--set 2", "--sysinfo 2", "--fp 2"),
    "devices": ("--full 2", "--null 2", "--zero 2", "--urandom 2", "--getrandom 2"),
}
QUICK_UNDER_TCG = ("fork", "pipe", "signal", "sock")
SCRIPT = r"""
case $(cat /proc/sys/kernel/version) in (*Hull*) ;; (*) echo 'not in a guest'; exit 2;; esac
counters() {
	local tasks=(/proc/[0-9]*/task/*)
	sync; echo 3 > /proc/sys/vm/drop_caches
	awk '/^(MemFree|Cached):/ { free += $2 } /^Slab:/ { slab = $2 } /^PageTables:/ { tables = $2 } /^AnonPages:/ { anonymous = $2 }
		END { printf "counters %d %d %d %d ", free, slab, tables, anonymous }' /proc/meminfo
	echo "$(cut -f1 /proc/sys/fs/file-nr) ${#tasks[@]} $(resting)"
}
# How many connections are in TIME-WAIT, a minute each.
resting() { awk '/^TCP:/ { print $7 }' /proc/net/sockstat; }
folder=$(mktemp -d) && chmod 777 "$folder" && cd "$folder" || exit
# stress-ng may kill who has just made a name in /dev/shm and has not told it yet: that name is its loss.
run() {
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		stress-ng --verify --timeout "$1" --temp-path "$folder" --metrics-brief $2 2>&1
	echo "status $? of $2"
	while pgrep -U 65534 > /dev/null; do sleep 0.1; done	# who was killed ends by himself, later the busier the machine is
	find "$folder" -mindepth 1 -delete; find /dev/shm -name 'stress-ng-*' -delete
}
wait=$1 seconds=$2; shift 2
settled() {
	local -a now=($(counters))
	((now[5] <= files && now[6] == tasks)) || { echo "not yet as before: ${now[*]:1}" >&2; return 1; }
}
run 1 "$1" > /dev/null; first=$(counters); echo "$first"; read -r _ _ _ _ _ files tasks _ <<< "$first"
for stressor in "$@"; do run "$seconds" "$stressor"; done
until settled; do sleep 0.5; done
while [ "$wait" ] && [ "$(resting)" != 0 ]; do sleep 1; done; echo "$(counters)"
ipcs -m | grep -c '^0x' ; ipcs -s | grep -c '^0x'; ipcs -q | grep -c '^0x'; ls /dev/shm /dev/mqueue 2>/dev/null | grep -c stress
"""

def stress(stressors, each):
    needs("stress-ng", "ipcs", "setpriv", "pgrep")
    options = ("-m", "1G", "-u", "0:0")
    result = hull("/bin/bash", "-c", SCRIPT, "stress", "wait" if SOAK else "", f"{each}s", *stressors, options=options,
                  timeout=GUARD + (each + 20) * (len(stressors) + 1) * SLOW)
    output = (result.stdout + result.stderr).decode(errors="replace")
    statuses = re.findall(r"status (\d+) of (.*)", output)
    assert len(statuses) == len(stressors), f"status {result.returncode}: {output[-2500:]}"
    wrong = [f"{stressor}: status {status}" for status, stressor in statuses if status not in ("0", "4")]
    wrong += [line for line in re.findall(r".*(?:fail:|error:).*", output) if "No stress workers" not in line]
    assert not wrong, "\n".join(wrong) + "\n" + output[-2500:]
    check_counters(output)


def check_counters(output):
    before, after = (list(map(int, row.split())) for row in re.findall(r"counters (.*)", output))
    more = [now - then for now, then in zip(after, before)]
    assert more[5] == 0, f"tasks: {before[5]} became {after[5]}"
    assert more[4] <= 0, f"open files: {before[4]} became {after[4]}"
    rest = more[6] * REST_KIB
    assert -more[0] - rest < 4096, f"pages: {-more[0]} KiB less are free, {rest:.0f} of them for TIME-WAIT: {before} {after}"
    assert more[1] - rest < 2048, f"slab: {more[1]} KiB more, {rest:.0f} of them for TIME-WAIT"
    assert more[2] < 256, f"page tables: {more[2]} KiB more"
    assert more[3] < 1024, f"anonymous memory: {more[3]} KiB more"
    left = re.findall(r"^\d+$", output, re.MULTILINE)[-4:]
    assert left == ["0"] * 4, f"left over: shared memory, semaphores, queues, names: {left}"


def together(stressors):
    """A short run has them at the same time; one that is there twice, with other options, is a run of its own."""
    at_once, alone = {}, []
    for stressor in stressors:
        name = stressor.split()[0]
        if name in at_once:
            alone.append(stressor)
        else:
            at_once[name] = stressor
    return (" ".join(at_once.values()), *alone)


for stress_class in CLASSES if SOAK or ACCEL == "kvm" else QUICK_UNDER_TCG:
    add_test(f"stress-ng {stress_class}", lambda name=stress_class: stress(CLASSES[name] if SOAK else together(CLASSES[name]), SECONDS))
for stress_class in MORE_CLASSES if SOAK else ():
    add_test(f"stress-ng {stress_class}", lambda name=stress_class: stress(MORE_CLASSES[name], MORE_SECONDS))

if __name__ == "__main__":
    main()
