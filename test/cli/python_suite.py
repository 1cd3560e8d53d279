#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
CPython's own tests, unmodified and whole: the guest fails none that the host does not, and runs as many. Both
sides run the same command at the same time, and several modules do, for most of it waits for time to pass.
What fails in the guest alone is run once more by itself, on both sides, when all else is over: these tests have
time limits of their own.
"""
import concurrent.futures, functools, re, sys
import dialogue
from harness import ACCEL, CPUS, SLOW, SOAK, Skip, add_test, equal, execute, host, hull, main, needs

PYTHON = "/usr/bin/python3"
AT_ONCE = 6 if ACCEL == "kvm" else 2
# The longest first.
MODULES = ["test_multiprocessing_spawn", "test_concurrent_futures", "test_asyncio", "test_multiprocessing_fork",
           "test_subprocess", "test_signal", "test_socket", "test_selectors", "test_threading", "test_os",
           "test_queue", "test_decimal", "test_poll", "test_posix", "test_pty", "test_select", "test_epoll",
           "test_mmap", "test_shelve", "test_fcntl", "test_fork1", "test_wait3", "test_wait4",
           "test_threadsignals", "test_openpty", "test_pipes", "test_json", "test_re", "test_struct",
           "test_zlib", "test_thread", "test_time"]
SOAK_ONLY = ["test_popen", "test_shutil", "test_tempfile"]
QUICK_UNDER_TCG = ["test_posix", "test_wait4", "test_fork1", "test_pty", "test_select", "test_epoll", "test_json",
                   "test_struct", "test_queue"]
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
IGNORED = {
    # A host may have vsock without a peer, and waits for it for ever; a guest has no UDP-Lite, and its
    # interfaces no numbers.
    "test_socket": ["*VSOCK*", "*UDPLITE*", "testInterfaceNameIndex", "*scopeid_symbolic"],
}
if ACCEL == "tcg":
    # TLS with 25 clients at once gives each 30 s, which emulation does not keep; a client that gave up leaves
    # a server that waits for ever.
    IGNORED["test_asyncio"] = ["test.test_asyncio.test_ssl.*"]
BROKEN = re.compile(r"^(?:FAIL|ERROR): (.*)$", re.MULTILINE)
SKIPPED = re.compile(r"^(\S+ \(\S+\)).* skipped '", re.MULTILINE)
HANG = 1500


def command_for(module, patterns):
    words = [word for pattern in patterns for word in ("-m", pattern)]
    ignored = [word for pattern in IGNORED.get(module, []) for word in ("-i", pattern)]
    return [PYTHON, "-m", "test", "-v", *words, *ignored, module]


def text_of(result):
    return (result.stdout + result.stderr).decode(errors="replace")


def broken(text):
    return set(BROKEN.findall(text))


def number_of_tests(text):
    return sum(map(int, re.findall(r"^Ran (\d+) tests?", text, re.MULTILINE)))


def on_both(command):
    """What each prints, in Hull and on the host."""
    with concurrent.futures.ThreadPoolExecutor(2) as pair:
        in_hull = pair.submit(hull, *command, timeout=HANG, options=("-m", "2G"))
        on_host = pair.submit(host, *command, timeout=HANG * SLOW)
        return text_of(in_hull.result()), text_of(on_host.result())


def fail_again(module, names):
    """Which of them fail in the guest when nothing else of these runs, and not on the host."""
    again = {}
    for name in names:
        identifier = re.search(r"\((\S+?)\)", name)
        command = command_for(module, [identifier[1] if identifier and "." in identifier[1] else name.split()[0]])
        output, on_host = on_both(command)
        if broken(output) - broken(on_host):
            again[name] = output
    return again


def compare(module):
    """What fails in the guest alone; all of its output."""
    part = {} if SOAK else PART_ON_SEVERAL_CPUS if CPUS else PART
    command = command_for(module, part.get(module, []))
    output, on_host = on_both(command)
    failed = broken(output) - broken(on_host)
    ran, ran_on_host = number_of_tests(output), number_of_tests(on_host)
    print(f"# {module}: ran {ran}, the host {ran_on_host}; failed at first: {sorted(failed)}", flush=True)
    assert ran == ran_on_host and ran > 0, f"ran {ran} tests, the host {ran_on_host}\n{output[-2500:]}"
    equal("what is skipped", sorted(set(SKIPPED.findall(output))), sorted(set(SKIPPED.findall(on_host))))
    return failed


@functools.cache
def installed():
    return execute([PYTHON, "-c", "import test.test_os"], 30).returncode == 0


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
        status, text = terminal.status(60), terminal.output.decode(errors="replace")
        return status, sorted(broken(text)), number_of_tests(text)
    status, _, ran = dialogue.on_both(scene, *command_for("test_ioctl", []), options=("-it",))
    equal("status", status, 0)
    assert ran > 0, f"ran {ran} tests"


def modules():
    if ACCEL == "tcg" and not SOAK:
        return QUICK_UNDER_TCG
    if CPUS and not SOAK:
        return SEVERAL_CPUS
    return MODULES + (SOAK_ONLY if SOAK else [])


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
