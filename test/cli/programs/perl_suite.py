#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
perl's own tests of processes, signals, pipes, sockets, System V IPC, threads and clocks, unmodified: each line
of theirs says in the guest what it says on the host.

Debian has them in the source package only (apt-get source perl): PERL_SOURCE names its folder. The installed
perl runs them, from a tree that has the tests beside the installed modules. A shell starts each: the guest's
first process leads its session and adopts orphans, which some tests look at.
"""
import glob, os, re, shutil, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, SLOW, Skip, add_test, host, hull, main, needs, scratch

SOURCE = os.environ.get("PERL_SOURCE", "")
CORE = ["op/alarm", "op/die_exit", "op/exec", "op/fork", "op/getpid", "op/getppid", "op/kill0", "op/magic",
        "op/select", "op/setpgrpstack", "op/sigdispatch", "op/signame_canonical", "op/sigsystem", "op/sleep",
        "op/sselect", "op/threads", "op/waitpid", "io/argv", "io/closepid", "io/dup", "io/eintr", "io/eintr_print",
        "io/errnosig", "io/fflush", "io/fs", "io/msg", "io/open", "io/openpid", "io/pipe", "io/sem", "io/semctl",
        "io/shm", "io/socket", "io/socketpair"]
MODULES = ["ext/POSIX", "ext/IPC-Open3", "cpan/IPC-SysV", "cpan/IPC-Cmd", "dist/IO", "dist/Time-HiRes", "dist/threads",
           "dist/threads-shared", "dist/Thread-Queue"]
LINE = re.compile(r"^(ok|not ok) (\d+)|^(1\.\.\d+)", re.MULTILINE)


def make_tree(folder):
    """t/ and lib/ as perl's build has them, and each module's folder with its t/."""
    os.mkdir(f"{folder}/lib")
    listed = subprocess.check_output(["perl", "-e", "print join qq(\\n), @INC"], text=True).splitlines()
    for root in sorted(filter(os.path.isdir, {path for path in listed if path.startswith("/usr/")})):
        subprocess.run(["cp", "-rsL", "--update", f"{root}/.", f"{folder}/lib"], check=True)
    shutil.copytree(f"{SOURCE}/t", f"{folder}/t", symlinks=True)
    os.symlink(shutil.which("perl"), f"{folder}/t/perl")
    for module in MODULES:
        shutil.copytree(f"{SOURCE}/{module}/t", f"{folder}/{module}/t")
        shutil.copy(f"{SOURCE}/t/test.pl", f"{folder}/{module}/t")


def results(run, folder, command):
    """The numbers of the tests that passed and failed, and the plan."""
    result = run("/bin/sh", "-c", f'cd "$0" && {command}; exit $?', folder, timeout=GUARD * SLOW)
    text = (result.stdout + result.stderr).decode(errors="replace")
    return [" ".join(filter(None, found)) for found in LINE.findall(text)], text[-1500:]


def compare(folder, commands):
    total, different = 0, []
    for directory, command in commands:
        expected, _ = results(host, directory, command)
        got, text = results(hull, directory, command)
        total += len(got)
        if got != expected:
            different.append(f"{directory}: {command}: {sorted(set(got) ^ set(expected))}\n{text}")
    print(f"# {total} lines", flush=True)
    assert not different, "\n".join(different)


def with_tree(commands):
    def run():
        needs("perl")
        if not os.path.isfile(f"{SOURCE}/t/test.pl"):
            raise Skip("PERL_SOURCE does not name perl's source")
        with scratch() as folder:
            make_tree(folder)
            compare(folder, list(commands(folder)))
    return run


def switch(path):
    """What the script's first line asks for: taint checks must be on the command line, too."""
    with open(path, errors="replace") as file:
        return "-T" if "-T" in file.readline() else ""


def core_commands(folder):
    for name in CORE:
        yield f"{folder}/t", f"./perl -I../lib {switch(f'{folder}/t/{name}.t')} {name}.t"


def module_commands(module):
    def commands(folder):
        for path in sorted(glob.glob(f"{folder}/{module}/t/*.t")):
            yield f"{folder}/{module}", f"perl {switch(path)} t/{os.path.basename(path)}"
    return commands


add_test("the interpreter's tests", with_tree(core_commands))
for each in MODULES:
    add_test(f"{each}'s tests", with_tree(module_commands(each)))

if __name__ == "__main__":
    main()
