#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The network of language runtimes: servers and clients of one program (test/linux/programs/network.*) on the loopback,
in a guest and in a network namespace of the host, where lo is alone too. Both must print the same.
"""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from content import write_certificate
from harness import GUARD, TOP, Skip, equal, execute, hull, main, needs, program, scratch, test

SOURCES = f"{TOP}/test/linux/programs"
PASSWORD = "secret"     # as Network.java has it


def alike(*command, prepare=lambda folder: None):
    """The command, with a folder behind it in which there is a certificate, and what prepare adds."""
    needs("unshare", "ip", "openssl", command[0])
    if execute(["unshare", "-n", "true"], GUARD).returncode != 0:
        raise Skip("no network namespaces for this user")
    alone = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    with scratch() as folder:
        os.mkdir(f"{folder}/files")
        write_certificate(f"{folder}/files")
        prepare(f"{folder}/files")
        words = [*command, f"{folder}/files"]
        # In the guest first: what it makes in the folder is gone with it.
        result = hull(*words, options=("-m", "2G"), timeout=GUARD)
        expected = execute([*alone, *words], GUARD)
    equal("output", result.stdout.decode().splitlines(), expected.stdout.decode().splitlines())
    equal("status and errors", (result.returncode, result.stderr[-1500:]), (0, expected.stderr))
    assert expected.returncode == 0 and expected.stdout, expected


@test
def node_serves_and_asks():
    alike("/usr/bin/node", f"{SOURCES}/network.js")


@test
def go_serves_and_asks():
    alike(program("network-go"))


@test
def a_jvm_serves_and_asks():
    needs("java", "javac")

    def both(folder):
        result = execute(["openssl", "pkcs12", "-export", "-in", f"{folder}/cert.pem", "-inkey", f"{folder}/key.pem", "-name", "1",
                          "-passout", f"pass:{PASSWORD}", "-out", f"{folder}/both.p12"], GUARD)
        assert result.returncode == 0, result.stderr
    alike("/usr/bin/java", "-cp", os.path.dirname(program("Network.class")), "Network", prepare=both)


@test
def perl_serves_and_asks():
    alike("/usr/bin/perl", f"{SOURCES}/network.pl")


@test
def ruby_serves_and_asks():
    alike("/usr/bin/ruby", f"{SOURCES}/network.rb")


if __name__ == "__main__":
    main()
