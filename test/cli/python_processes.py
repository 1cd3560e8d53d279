#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
CPython's own tests of processes, threads, signals, terminals and events, unmodified: the guest fails none that
the host does not, and runs as many. Both sides run the same command on the same machine. What fails in the
guest alone is run once more by itself, on both sides: these tests have time limits of their own, and other
tests may keep the processors busy. A short run takes part of the long modules' tests, a soak all.
"""
import re
from harness import ACCEL, SOAK, Skip, add_test, execute, host, hull, main, needs

PYTHON = "/usr/bin/python3"
MODULES = ["test_subprocess", "test_multiprocessing_fork", "test_multiprocessing_spawn", "test_concurrent_futures",
           "test_signal", "test_threading", "test_os", "test_posix", "test_pty", "test_select", "test_epoll", "test_mmap",
           "test_shelve", "test_poll", "test_selectors", "test_fork1", "test_wait3", "test_wait4",
           "test_popen", "test_asyncio", "test_threadsignals", "test_openpty", "test_pipes",
           "test_tempfile", "test_shutil"]
# Part of the long ones: these take a minute and more on a host, too.
PART = {
    "test_multiprocessing_fork": ["WithProcessesTestProcess", "WithProcessesTestQueue", "WithProcessesTestLock",
                                  "WithProcessesTestSharedMemory"],
    "test_multiprocessing_spawn": ["WithProcessesTestLock", "WithProcessesTestValue"],
    "test_concurrent_futures": ["ProcessPoolForkAsCompletedTest", "ThreadPoolExecutorTest"],
    "test_asyncio": ["*SubprocessWatcher*", "*test_unix_events*", "*BaseEventLoopTests*"],
    "test_signal": ["PosixTests", "Wakeup*", "Siginterrupt*", "PendingSignalsTests", "PidfdSignalTest"],
    "test_subprocess": ["ProcessTestCase", "RunFuncTestCase"],
    "test_threading": ["ThreadTests", "ThreadJoinOnShutdown", "LockTests", "ConditionTests", "SemaphoreTests"],
}
SOAK_ONLY = ["test_popen", "test_shutil", "test_tempfile"]
QUICK_UNDER_TCG = ["test_fork1", "test_wait4", "test_posix", "test_pty", "test_select", "test_epoll"]
BROKEN = re.compile(r"^(?:FAIL|ERROR): (.*)$", re.MULTILINE)


def command_for(module, patterns):
    return [PYTHON, "-m", "test", "-v", *[word for pattern in patterns for word in ("-m", pattern)], module]


def text_of(result):
    return (result.stdout + result.stderr).decode(errors="replace")


def broken(text):
    return set(BROKEN.findall(text))


def number_of_tests(text):
    return sum(map(int, re.findall(r"^Ran (\d+) tests?", text, re.MULTILINE)))


def fail_again(module, names, seconds):
    """Which of them fail in the guest when nothing else of the module runs, and not on the host."""
    again = {}
    for name in names:
        identifier = re.search(r"\((\S+?)\)", name)
        command = command_for(module, [identifier[1] if identifier and "." in identifier[1] else name.split()[0]])
        output = text_of(hull(*command, timeout=seconds, options=("-m", "2G")))
        if broken(output) - broken(text_of(host(*command, timeout=seconds))):
            again[name] = output
    return again


def run_module(module):
    needs(PYTHON)
    if execute([PYTHON, "-c", "import test.test_os"], 30).returncode != 0:
        raise Skip("libpython3.11-testsuite is not installed")
    command, seconds = command_for(module, [] if SOAK else PART.get(module, [])), 1500 if SOAK else 300
    on_host = text_of(host(*command, timeout=seconds))
    output = text_of(hull(*command, timeout=seconds, options=("-m", "2G")))
    ran, ran_on_host = number_of_tests(output), number_of_tests(on_host)
    failed = broken(output) - broken(on_host)
    print(f"# {module}: ran {ran}, the host {ran_on_host}; failed at first: {sorted(failed)}", flush=True)
    assert ran == ran_on_host and ran > 0, f"ran {ran} tests, the host {ran_on_host}\n{output[-2500:]}"
    again = fail_again(module, sorted(failed), seconds)
    assert not again, "\n".join(again) + "\n" + "\n".join(text[-1500:] for text in again.values())


def modules():
    if SOAK:
        return MODULES
    if ACCEL == "tcg":
        return QUICK_UNDER_TCG
    return [module for module in MODULES if module not in SOAK_ONLY]


for name in modules():
    add_test(f"python3 -m test {name}", lambda module=name: run_module(module))

if __name__ == "__main__":
    main()
