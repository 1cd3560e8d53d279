#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
CPython's own tests, unmodified: the guest fails none that the host does not. What starts another
process is left out on both sides, by name, below: a guest runs one process for now.
"""
import re
from harness import ACCEL, SOAK, Skip, add_test, execute, host, hull, main, needs

PYTHON = "/usr/bin/python3"
STARTS_PROCESSES = {
    "test_json": ["test.test_json.test_tool*"],
    "test_struct": ["*test_struct_cleans_up_at_runtime_shutdown*"],
    "test_re": ["*regression_gh94675*"],
    "test_thread": ["*TestForkInThread*"],
}
MODULES = ["test_json", "test_re", "test_struct", "test_decimal", "test_zlib", "test_mmap", "test_queue",
           "test_thread", "test_time"]
QUICK = ["test_json", "test_struct", "test_queue"]      # under emulation, unless this is a soak
BROKEN = re.compile(r"^(?:FAIL|ERROR): (.*)$", re.MULTILINE)


def run_module(module):
    needs(PYTHON)
    if execute([PYTHON, "-c", f"import test.{module}"], 30).returncode != 0:
        raise Skip("libpython3.11-testsuite is not installed")
    ignored = [word for pattern in STARTS_PROCESSES.get(module, []) for word in ("-i", pattern)]
    command = [PYTHON, "-m", "test", "-v", *ignored, module]
    expected, result = host(*command, timeout=300), hull(*command, timeout=300, options=("-m", "512M"))
    failed_on_host = set(BROKEN.findall((expected.stdout + expected.stderr).decode(errors="replace")))
    output = (result.stdout + result.stderr).decode(errors="replace")
    failed = set(BROKEN.findall(output)) - failed_on_host
    assert not failed, "\n".join(sorted(failed)) + "\n" + output[-1500:]
    assert result.returncode == expected.returncode, f"status {result.returncode}\n{output[-1500:]}"
    ran, ran_on_host = (re.findall(r"^Ran (\d+) tests?", text, re.MULTILINE)
                        for text in (output, (expected.stdout + expected.stderr).decode(errors="replace")))
    assert ran == ran_on_host, f"ran {ran} tests, the host {ran_on_host}"


for name in MODULES if SOAK or ACCEL != "tcg" else QUICK:
    add_test(f"python3 -m test {name}", lambda module=name: run_module(module))

if __name__ == "__main__":
    main()
