#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
stress-ng with verification, class by class, in one guest: no stressor fails, and afterwards the kernel's own
counters are what they were before: no page, no task and no open file is lost.
"""
import os, re
from harness import ACCEL, SOAK, add_test, hull, main, needs

SECONDS = 60 if SOAK else 2
# One stressor with its number of workers, or several that make up the class.
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
    "sock": ("--sock 1", "--sockpair 1", "--sockfd 1", "--udp 1", "--sock 1 --sock-domain ipv6"),
    "poll": ("--poll 1", "--epoll 1 --epoll-domain unix", "--eventfd 1", "--inotify 1", "--flock 1"),
}
QUICK_UNDER_TCG = ("fork", "pipe", "signal", "sock")
SCRIPT = r"""
counters() {
	local tasks=(/proc/[0-9]*/task/*)
	sync
	awk '/^(MemFree|Cached):/ { free += $2 } /^Slab:/ { slab = $2 } /^PageTables:/ { tables = $2 }
		END { printf "counters %d %d %d ", free, slab, tables }' /proc/meminfo
	echo "$(cut -f1 /proc/sys/fs/file-nr) ${#tasks[@]}"
}
mkdir -p /tmp/stress && cd /tmp/stress
run() { stress-ng --verify --timeout "$1" --temp-path /tmp/stress --metrics-brief $2 2>&1; echo "status $? of $2"; }
run 1 "$2" > /dev/null; rm -rf /tmp/stress/*; counters
shift_first=$1; shift
for stressor in "$@"; do run "$shift_first" "$stressor"; rm -rf /tmp/stress/*; done
sleep 0.5; counters
ipcs -m | grep -c '^0x' ; ipcs -s | grep -c '^0x'; ipcs -q | grep -c '^0x'; ls /dev/shm /dev/mqueue 2>/dev/null | grep -c stress
"""

def stress(name):
    needs("stress-ng", "ipcs")
    each = SECONDS if SOAK else max(1, SECONDS)
    stressors = CLASSES[name]
    options = ("-m", "1G") + (("-u", "nobody:nogroup") if os.getuid() == 0 else ())
    result = hull("/bin/bash", "-c", SCRIPT, "stress", f"{each}s", *stressors, options=options,
                  timeout=30 + (each + 20) * (len(stressors) + 1))
    output = (result.stdout + result.stderr).decode(errors="replace")
    statuses = re.findall(r"status (\d+) of (.*)", output)
    assert len(statuses) == len(stressors), f"status {result.returncode}: {output[-2500:]}"
    wrong = [f"{stressor}: status {status}" for status, stressor in statuses if status not in ("0", "4")]
    wrong += [line for line in re.findall(r".*(?:fail:|error:).*", output) if "No stress workers" not in line]
    assert not wrong, "\n".join(wrong) + "\n" + output[-2500:]
    check_counters(output)


def check_counters(output):
    before, after = (list(map(int, row.split())) for row in re.findall(r"counters (.*)", output))
    assert after[4] == before[4], f"tasks: {before[4]} became {after[4]}"
    assert after[3] <= before[3], f"open files: {before[3]} became {after[3]}"
    assert before[0] - after[0] < 8192, f"pages: {before[0] - after[0]} KiB less are free: {before} {after}"
    assert after[1] - before[1] < 2048, f"slab: {after[1] - before[1]} KiB more"
    left = re.findall(r"^\d+$", output, re.MULTILINE)[-4:]
    assert left == ["0"] * 4, f"left over: shared memory, semaphores, queues, names: {left}"


for stress_class in CLASSES if SOAK or ACCEL == "kvm" else QUICK_UNDER_TCG:
    add_test(f"stress-ng {stress_class}", lambda name=stress_class: stress(name))

if __name__ == "__main__":
    main()
