#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
PostgreSQL as Debian ships it: initdb, start, pgbench with eight clients over the UNIX socket, clean stop,
restart, recovery; the books balance and its log is the host's. It runs as a user who is not root.
"""
import glob, os, shutil, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, SOAK, TOP, Skip, equal, hull, main, needs, host, scratch, test

TOP_SCRIPT = f"{TOP}/test/cli/scripts/postgres.sh"
USER = "nobody"
SCALE, SECONDS = ("5", "30") if SOAK else ("1", "5") if ACCEL == "kvm" else ("1", "3")


def as_user(command):
    return ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", *command] if os.getuid() == 0 else command


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    if os.getuid() == 0:
        shutil.chown(folder, USER, "nogroup")


def postgres_equals_the_hosts(options_of):
    if not glob.glob("/usr/lib/postgresql/*/bin/initdb"):
        raise Skip("postgresql is not installed")
    needs("setpriv")
    user = ("-u", f"{USER}:nogroup") if os.getuid() == 0 else ()
    with scratch() as parent:
        os.chmod(parent, 0o755)
        folder = f"{parent}/pg"
        empty(folder)
        command = ["/bin/bash", TOP_SCRIPT, folder, SCALE, SECONDS]
        expected = host(*as_user(command), cwd=parent)
        assert expected.returncode == 0, expected
        empty(folder)
        result = hull(*command, cwd=parent, options=("-m", "1G", *user, *options_of(folder)))
        equal("stdout", result.stdout.decode().splitlines(), expected.stdout.decode().splitlines())
        equal("status", (result.returncode, result.stderr[-1000:] if result.returncode else b""), (0, b""))
        for side, run in (("host", expected), ("hull", result)):
            print(f"# {side}: {run.stderr.decode().strip().splitlines()[-1:]}", flush=True)


@test
def in_the_overlay():
    postgres_equals_the_hosts(lambda folder: ())


@test
def in_a_volume():
    postgres_equals_the_hosts(lambda folder: ("-v", f"{folder}:{folder}"))


if __name__ == "__main__":
    main()
