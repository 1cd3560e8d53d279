#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Redis and nginx as Debian ships them, each driven by a script that runs as the guest's program, over a UNIX
socket: what it prints is what it prints on the host.
"""
import os, shutil, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, SOAK, TOP, add_test, equal, host, hull, main, needs, scratch

KEYS = "200000" if SOAK else "20000" if ACCEL == "kvm" else "3000"
SERVERS = {
    "redis": (("redis-server", "redis-cli", "redis-benchmark"), [KEYS]),
    "nginx": (("/usr/sbin/nginx", "curl", "pgrep"), []),
}


def server_equals_the_hosts(name, in_volume):
    programs, arguments = SERVERS[name]
    needs(*programs)
    with scratch() as parent:
        os.chmod(parent, 0o755)
        folder = f"{parent}/{name}"
        os.mkdir(folder)
        command = ["/bin/bash", f"{TOP}/test/cli/scripts/{name}.sh", folder, *arguments]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        expected = host(*command, env=environment)
        assert expected.returncode == 0, expected
        shutil.rmtree(folder)
        os.mkdir(folder)
        options = ["-m", "1G"] + (["-v", f"{folder}:{folder}"] if in_volume else [])
        result = hull(*command, env=environment, options=options)
        equal("stdout", result.stdout.decode().splitlines(), expected.stdout.decode().splitlines())
        equal("status and errors", (result.returncode, result.stderr[-1500:]), (0, expected.stderr))


for server in SERVERS:
    add_test(f"{server} in the overlay", lambda name=server: server_equals_the_hosts(name, False))
    add_test(f"{server} in a volume", lambda name=server: server_equals_the_hosts(name, True))

if __name__ == "__main__":
    main()
