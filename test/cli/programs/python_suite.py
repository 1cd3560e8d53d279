#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
CPython's own tests, unmodified and whole: the guest fails none that the host does not, and runs as many. Both
sides run the same command at the same time (the host once for all accelerators), and several modules do, for most of
it waits for time to pass.
What fails in the guest alone is run once more by itself, on both sides, when all else is over: these tests have
time limits of their own.
"""
import concurrent.futures, functools, os, re, sys
sys.path.append(os.path.dirname(sys.path[0]))
import dialogue
from harness import ACCEL, CPUS, GUARD, SLOW, SOAK, Skip, add_test, equal, execute, host, host_once, hull, main, needs, say

PYTHON = "/usr/bin/python3"
AT_ONCE = 6 if ACCEL == "kvm" else 2
# The longest first.
MODULES = ["test_multiprocessing_spawn", "test_concurrent_futures", "test_asyncio", "test_multiprocessing_fork",
           "test_subprocess", "test_signal", "test_socket", "test_selectors", "test_threading", "test_os",
           "test_queue", "test_decimal", "test_poll", "test_posix", "test_pty", "test_select", "test_epoll",
           "test_mmap", "test_shelve", "test_fcntl", "test_fork1", "test_wait3", "test_wait4",
           "test_threadsignals", "test_openpty", "test_pipes", "test_json", "test_re", "test_struct",
           "test_zlib", "test_thread", "test_time"]
# What talks over the network, here the loopback.
NETWORK = ["test_ssl", "test_imaplib", "test_xmlrpc", "test_ftplib", "test_httplib", "test_httpservers",
           "test_urllib2_localnet", "test_smtplib", "test_poplib", "test_nntplib", "test_socketserver", "test_asyncore",
           "test_asynchat", "test_telnetlib", "test_wsgiref", "test_docxmlrpc", "test_uuid"]
SOAK_ONLY = ["test_multiprocessing_forkserver", "test_multiprocessing_main_handling", "test_popen", "test_shutil",
             "test_tempfile", "test_smtpd", "test_urllib", "test_urllib2", "test_http_cookiejar", "test_robotparser",
             "test_ipaddress", "test_syslog"]
QUICK_UNDER_TCG = ["test_posix", "test_wait4", "test_fork1", "test_pty", "test_select", "test_epoll", "test_json",
                   "test_struct", "test_queue", "test_asyncore", "test_wsgiref"]
# What the number of CPUs may change.
SEVERAL_CPUS = ["test_multiprocessing_fork", "test_concurrent_futures", "test_subprocess", "test_signal",
                "test_threading", "test_selectors", "test_queue", "test_thread", "test_threadsignals", "test_fork1",
                "test_wait3", "test_wait4"]
# Part of it in a short run: the rest takes processor time, most of it to start Python hundreds of times.
PART = {
    "test_multiprocessing_spawn": ["WithProcessesTestLock", "WithProcessesTestValue", "WithProcessesTestQueue"],
}
PART_ON_SEVERAL_CPUS = {
    "test_multiprocessing_fork": ["WithProcessesTestProcess", "WithProcessesTestQueue", "WithProcessesTestLock",
                                  "WithProcessesTestSharedMemory"],
    "test_concurrent_futures": ["ProcessPoolForkAsCompletedTest", "ThreadPoolExecutorTest"],
}
# Not in a short run either: the same of them, started in other ways, by a hundred Pythons each.
IGNORED_IF_SHORT = {
    "test_concurrent_futures": [f"ProcessPool{how}{what}*" for how in ("Forkserver", "Spawn")
                                for what in ("ProcessPool", "ExecutorDeadlock", "Wait")],
}
IGNORED = {
    # A host may have vsock without a peer, and waits for it for ever; a guest has no UDP-Lite.
    "test_socket": ["*VSOCK*", "*UDPLITE*"],
}
# Its servers are on the loopback, but it wants to be asked.
RESOURCES = {"test_socketserver": ["-u", "network"]}
# What a host has anyway: it asks `ip` and `ifconfig` for the address of an Ethernet.
OPTIONS = {"test_uuid": ("--net", "user")}
# For slow machines: limits of half a minute become four minutes. A TLS client of test_asyncio that gives up leaves a
# server that waits for ever, on a slow host as well.
PATIENCE = ["--timeout", "9600"] if ACCEL == "tcg" else []
BROKEN = re.compile(r"^(?:FAIL|ERROR): (.*)$", re.MULTILINE)
SKIPPED = re.compile(r"^(\S+ \(\S+\)).* skipped ['\"](.*)", re.MULTILINE)
# What a test gives up for on a busy machine: either side may, or not.
BUSY = re.compile(r"timeout: likely cause|Timeout failure|detected itimer resolution|couldn't bind to|sporadic")
HANG = 1500


def ignored_of(module):
    return IGNORED.get(module, []) + ([] if SOAK else IGNORED_IF_SHORT.get(module, []))


def command_for(module, patterns):
    words = [word for pattern in patterns for word in ("-m", pattern)]
    ignored = [word for pattern in ignored_of(module) for word in ("-i", pattern)]
    return [PYTHON, "-m", "test", "-v", *PATIENCE, *RESOURCES.get(module, []), *words, *ignored, module]


def text_of(result):
    return (result.stdout + result.stderr).decode(errors="replace")


def broken(text):
    return set(BROKEN.findall(text))


def skipped(*texts):
    """Of each output which tests it skips, but for those that one of them skips for being busy."""
    found = [dict(SKIPPED.findall(text)) for text in texts]
    busy = {name for each in found for name, reason in each.items() if BUSY.match(reason)}
    return [sorted(set(each) - busy) for each in found]


def number_of_tests(text):
    return sum(map(int, re.findall(r"^Ran (\d+) tests?", text, re.MULTILINE)))


def on_both(module, patterns, on_host=host_once):
    """What each prints, in Hull and on the host."""
    command = command_for(module, patterns)
    with concurrent.futures.ThreadPoolExecutor(2) as pair:
        in_hull = pair.submit(hull, *command, timeout=HANG * SLOW, options=("-m", "2G", *OPTIONS.get(module, ())))
        expected = pair.submit(on_host, *command, timeout=HANG * SLOW)
        return text_of(in_hull.result()), text_of(expected.result())


def fail_again(module, names):
    """Which of them fail in the guest when nothing else of these runs, and not on the host."""
    again = {}
    for name in names:
        identifier = re.search(r"\((\S+?)\)", name)
        pattern = identifier[1] if identifier and "." in identifier[1] else name.split()[0]
        output, on_host = on_both(module, [pattern], host)
        if broken(output) - broken(on_host):
            again[name] = output
    return again


def compare(module):
    """What fails in the guest alone; all of its output."""
    part = {} if SOAK else PART_ON_SEVERAL_CPUS if CPUS else PART
    output, on_host = on_both(module, part.get(module, []))
    failed = broken(output) - broken(on_host)
    ran, ran_on_host = number_of_tests(output), number_of_tests(on_host)
    say(f"# {module}: ran {ran}, the host {ran_on_host}; failed at first: {sorted(failed)}")
    assert ran == ran_on_host and ran > 0, f"ran {ran} tests, the host {ran_on_host}\n{output[-2500:]}"
    equal("what is skipped", *skipped(output, on_host))
    return failed


@functools.cache
def installed():
    return execute([PYTHON, "-c", "import test.test_os"], GUARD).returncode == 0


def judge(module, running):
    needs(PYTHON)
    if not installed():
        raise Skip("libpython3.11-testsuite is not installed")
    failed = running[module].result()
    if failed:
        concurrent.futures.wait(running.values())
    again = fail_again(module, sorted(failed))
    assert not again, "\n".join(again) + "\n" + "\n".join(text[-1500:] for text in again.values())


def at_a_terminal():
    """test_ioctl is about /dev/tty."""
    def scene(terminal):
        status, text = terminal.status(), terminal.output.decode(errors="replace")
        return status, sorted(broken(text)), number_of_tests(text)
    status, _, ran = dialogue.on_both(scene, *command_for("test_ioctl", []), options=("-it",))
    equal("status", status, 0)
    assert ran > 0, f"ran {ran} tests"


def modules():
    if ACCEL == "tcg" and not SOAK:
        return QUICK_UNDER_TCG
    if CPUS and not SOAK:
        return SEVERAL_CPUS
    return MODULES + NETWORK + (SOAK_ONLY if SOAK else [])


def start():
    """The chosen ones begin, AT_ONCE at a time, in this order; the tests wait for them."""
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    running = {}
    for module in modules():
        name = f"python3 -m test {module}"
        add_test(name, lambda module=module: judge(module, running))
        if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
            running[module] = pool.submit(compare, module)


if __name__ == "__main__":
    add_test("python3 -m test test_ioctl at a terminal", at_a_terminal)
    start()
    main()
