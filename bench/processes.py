# SPDX-License-Identifier: BSD-2-Clause
"""
What a process and all below it have used: processor time and memory, as /proc tells it (proc(5)). A guest is
such a tree: its CPUs are threads of hull's, or of the QEMU that hull or the bench started.

And how the bench starts what it measures, so that nothing of it is left behind: adopt() once, finished() for what
runs to its end, and end_all() after each part, whatever became of that.
"""
import contextlib, ctypes, glob, os, re, resource, signal, subprocess, time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36        # prctl(2)
CANNOT_START = 127                                      # as a shell says it
DAEMONS, LIMIT = 5, 30                                  # seconds to end by themselves; and when they were killed


def tree(pid):
    """Its number and those of its descendants. What ends meanwhile is left out."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                for child in file.read().split():
                    found += tree(int(child))
        except OSError:
            pass
    return found


def cpu_of(pids):
    """
    On a CPU, user and system, all threads that are alive (schedstat: to the nanosecond, where /proc/PID/stat
    counts hundredths of a second). Interrupts that are served meanwhile count for whom they interrupt.
    """
    total = 0
    for process in pids:
        for path in glob.glob(f"/proc/{process}/task/*/schedstat"):
            try:
                with open(path) as file:
                    total += int(file.read().split()[0])
            except OSError:
                pass
    return total


def cpu_ns(pid):
    return cpu_of(tree(pid))


def used_ns():
    """What all processes that this one started have used, ended or not (those that ended: once they were waited for)."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime + ended.ru_stime) * 1e9 + cpu_of(tree(os.getpid())[1:])


def resident_kib(pid):
    """Proportional resident memory."""
    total = 0
    for process in tree(pid):
        try:
            with open(f"/proc/{process}/smaps_rollup") as file:
                total += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.MULTILINE)[1])
        except (OSError, TypeError):
            pass
    return total


def slab_kib():
    """What this machine's kernel has in its own objects, such as sockets and files."""
    with open("/proc/meminfo") as file:
        return int(re.search(r"^Slab:\s+(\d+)", file.read(), re.MULTILINE)[1])


def adopt():
    """From here on a daemon that a descendant leaves behind is ours: counted, and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_us():
    """In a child: it ends at the latest with this process, even if that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def children():
    return {int(child) for path in glob.glob("/proc/self/task/*/children") for child in open(path).read().split()}


def settle(before):
    """Waits for the daemons that have become our children since, or ends them: only then is their time known."""
    end = time.monotonic() + DAEMONS
    for pid in children() - before:
        with contextlib.suppress(OSError):
            while os.waitpid(pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)


def finished(words, timeout=60, **more):
    """
    The command at its end, with that of the daemons it started, as subprocess.run() has it, text and all. What cannot
    be started, or has to be stopped, has a status that is not 0, and says why in stderr.
    """
    before = children()
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, errors="replace", start_new_session=True, preexec_fn=end_with_us, **more)
    except OSError as error:
        return subprocess.CompletedProcess(words, CANNOT_START, "", f"{words[0]}: {error.strerror}")
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        out, err = "", f"still running after {timeout} s: {' '.join(words)}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        process.stderr.close()
        settle(before)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def end_all():
    """Kills whatever is left of what this process started, and of what that started. The names of them."""
    names, end = [], time.monotonic() + LIMIT
    while (left := tree(os.getpid())[1:]) and time.monotonic() < end:
        for pid in left:
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm") as file:
                    names.append(file.read().strip())
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
    return sorted(set(names))
