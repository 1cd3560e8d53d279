#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
CPython's own tests of processes, threads, signals, terminals and events, unmodified: the guest fails none that
the host does not, and runs as many. Both sides run the same command on the same machine, one after the
other. Networks are left out on both sides. A short run takes part of the modules' tests, a soak all.
"""
import re
from harness import ACCEL, SOAK, Skip, add_test, execute, host, hull, main, needs

PYTHON = "/usr/bin/python3"
# What a guest without a network cannot do, on both sides. (All of test_epoll connects to 127.0.0.1.)
NETWORK = ["*Socket*TCP*", "*_inet*", "*IPv6*", "*tcp*", "*UDP*", "*ssl*", "*SSL*", "*Datagram*", "*sock_connect*", "*getaddrinfo*",
           "*create_server*", "*test_invalid_socket*", "*wakeup_fd_socket_result*", "*TestSendfile*", "*create_connection*", "*RemoteManager*", "*TestRemoteManager*", "*test_connection_family*"]
MODULES = ["test_subprocess", "test_multiprocessing_fork", "test_multiprocessing_spawn", "test_concurrent_futures",
           "test_signal", "test_threading", "test_os", "test_posix", "test_pty", "test_select", "test_mmap",
           "test_shelve", "test_poll", "test_selectors", "test_fcntl", "test_fork1", "test_wait3", "test_wait4",
           "test_popen", "test_asyncio", "test_threadsignals", "test_openpty", "test_pipes", "test_ioctl",
           "test_tempfile", "test_shutil"]
# Part of the long ones: these take a minute and more on a host, too.
PART = {
    "test_multiprocessing_fork": ["WithProcessesTestProcess", "WithProcessesTestQueue", "WithProcessesTestLock",
                                  "WithProcessesTestSharedMemory", "WithProcessesTestPool"],
    "test_multiprocessing_spawn": ["WithProcessesTestLock", "WithProcessesTestValue"],
    "test_concurrent_futures": ["ProcessPoolForkAsCompletedTest", "ThreadPoolExecutorTest", "ProcessPoolForkWaitTest"],
    "test_asyncio": ["*SubprocessWatcher*", "*Unix*", "*BaseEventLoopTests*"],
    "test_subprocess": ["ProcessTestCase", "RunFuncTestCase"],
}
QUICK_UNDER_TCG = ["test_fork1", "test_wait4", "test_posix", "test_pty", "test_select"]
SOAK_ONLY = ["test_asyncio", "test_concurrent_futures", "test_multiprocessing_spawn", "test_selectors", "test_shutil",
             "test_signal", "test_tempfile", "test_threading"]
BROKEN = re.compile(r"^(?:FAIL|ERROR): (.*)$", re.MULTILINE)


def command_for(module):
    words = [PYTHON, "-m", "test", "-v"]
    words += [word for pattern in NETWORK for word in ("-i", pattern)]
    if not SOAK:
        words += [word for pattern in PART.get(module, []) for word in ("-m", pattern)]
    return [*words, module]


def text_of(result):
    return (result.stdout + result.stderr).decode(errors="replace")


def run_module(module):
    needs(PYTHON)
    if execute([PYTHON, "-c", "import test.test_os"], 30).returncode != 0:
        raise Skip("libpython3.11-testsuite is not installed")
    command, seconds = command_for(module), 1500 if SOAK else 200
    expected = host(*command, timeout=seconds)
    result = hull(*command, timeout=seconds, options=("-m", "2G"))
    on_host, output = text_of(expected), text_of(result)
    failed = set(BROKEN.findall(output)) - set(BROKEN.findall(on_host))
    ran, ran_on_host = (sum(map(int, re.findall(r"^Ran (\d+) tests?", text, re.MULTILINE))) for text in (output, on_host))
    print(f"# {module}: ran {ran}, the host {ran_on_host}", flush=True)
    assert not failed, "\n".join(sorted(failed)) + "\n" + output[-1500:]
    assert result.returncode == expected.returncode, f"status {result.returncode}\n{output[-2500:]}"
    assert ran == ran_on_host and ran > 0, f"ran {ran} tests, the host {ran_on_host}"


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
