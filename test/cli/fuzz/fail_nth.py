#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Every allocation fails once: the programs test/linux/fail_*.c in a kernel of their own (images/fault.mk, with
lock checks and poisoning), in which a program makes its n-th allocation fail. One case by hand:

    make O=build/fault IMAGE=fault DEBUG=1 kernel
    hull run --verbose --kernel build/fault/hull-kernel-fault.elf build/test/linux/fail_ipc epoll

says which allocation it was (fail-nth: lines, innermost first).
"""
import fcntl, glob, os, re, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import SLOW, SOAK, TOP, add_test, hull, main, needs, scratch

BUILD = os.path.join(TOP, os.environ.get("O", "build"))
KERNEL = os.path.join(BUILD, "fault", "hull-kernel-fault.elf")
# Half the time to compile it. With -O1 gcc does not see all that makes a variable set; with -O2 it does.
QUICKLY = ("KOPT=-O1 -Wno-maybe-uninitialized", "COLD=")


def kernel():
    """The kernel, made when it is first needed, by one process at a time."""
    needs("make", "gcc")
    os.makedirs(os.path.dirname(KERNEL), exist_ok=True)
    with open(os.path.join(BUILD, "fault", ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", f"O={BUILD}/fault",
                                 "IMAGE=fault", "DEBUG=1", *QUICKLY, "kernel"], cwd=TOP, capture_output=True, text=True)
    assert result.returncode == 0 and os.path.exists(KERNEL), result.stderr[-2000:]
    return ("--kernel", KERNEL)


def run(program, options, env={}):
    """FAIL_LONG: leaks are looked for after minutes too, when what TCP leaves behind has gone."""
    more = {**os.environ, **env, **({"FAIL_LONG": "1"} if SOAK else {})}
    result = hull(program, options=(*kernel(), *options), timeout=900 * SLOW, env=more)
    text = (result.stdout + result.stderr).decode(errors="replace")
    wrong = re.findall(r"^FAIL .*", text, re.MULTILINE)
    assert "panic" not in text and not wrong, "\n".join(wrong) or text[-3000:]
    counted = re.findall(r": (\d+) allocations$", text, re.MULTILINE)
    assert re.search(r"^\d+ checks, 0 failed$", text, re.MULTILINE) and sum(map(int, counted)) > 0, text[-2000:]


def on_a_volume():
    """Files of the host, which cost a request each."""
    with scratch() as folder:
        os.chmod(folder, 0o777)
        run(os.path.join(BUILD, "test", "linux", "fail_files"), ("-v", f"{folder}:/vol"),
            env={"FAIL_DIR": "/vol"})


for path in sorted(glob.glob(f"{BUILD}/test/linux/fail_*")):
    if os.access(path, os.X_OK) and "." not in os.path.basename(path):
        for cpus in ("1", "2", "4") if SOAK else ("2",):
            add_test(f"{os.path.basename(path)} with {cpus} CPUs",
                     lambda path=path, cpus=cpus: run(path, ("-c", cpus)))
add_test("fail_files on a volume", on_a_volume)

if __name__ == "__main__":
    main()
