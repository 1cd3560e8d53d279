#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
hull scan: the static answer against what strace(1) sees in test runs (scan_programs.py), the recorder of --trace against
strace and as nothing that a program can tell, and the command's forms and errors.
"""
import contextlib, functools, json, os, pty, select, shutil, signal, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
import scan_programs
from harness import GUARD, HULL, Skip, add_test, equal, execute, main, needs, program, scratch, test, wait_until

# Whose runs must not fall away unnoticed: of each group those that are installed.
PROGRAMS = {
    "coreutils": "ls cat cp mv rm sort uniq wc head tail dd df du stat touch mkdir ln date sleep nohup env id tee sha256sum",
    "text": "timeout grep sed find xargs mawk gawk bc jq diff file tclsh vim ps top", "archives": "tar gzip xz bzip2 zstd git make rsync",
    "busybox": "busybox", "shells": "bash dash busybox", "network tools": "openssl curl wget ssh ssh-keygen ip ss dig ping",
    "databases": "sqlite3", "languages": "/usr/bin/python3 perl ruby lua5.4 node gcc", "compiled": "", "redis": "redis-server redis-cli",
    "nginx": "nginx", "caches and proxies": "memcached haproxy socat", "network servers": "dnsmasq iperf3",
    "system tools": "dpkg lsof gpg mkfs.ext4 mkfs.erofs qemu-img", "development": "gdb clang cmake ninja go", "terminals": "tmux",
    "java": "java", "postgres": "/usr/lib/postgresql/15/bin/postgres",
}
# Nothing in these depends on time, on threads or on who of two processes is first: two runs make the same calls.
STEADY = ("coreutils", "busybox", "databases")
VDSO = {"clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu"}


def hull_scan(*words, **more):
    return execute([HULL, "scan", *words], GUARD, **more)


def answer(*words, status=0, **more):
    """The JSON of a scan."""
    result = hull_scan("--json", *words, **more)
    equal(f"status of scan {' '.join(words)}: {result.stderr!r}", result.returncode, status)
    return json.loads(result.stdout)


def refused(*words, status, says, **more):
    """The command fails with one message that has these words."""
    result = hull_scan(*words, **more)
    equal(f"status of scan {' '.join(words)}: {result.stderr!r}", result.returncode, status)
    text = result.stderr.decode()
    assert text.startswith("hull: ") and all(word in text for word in says), f"{text!r} does not have all of {says}"


def compile_c(folder, name, text, *options, compiler="gcc"):
    needs(compiler)
    with open(f"{folder}/{name}.c", "w") as file:
        file.write(text)
    result = execute([compiler, "-O1", "-o", f"{folder}/{name}", f"{folder}/{name}.c", *options], GUARD)
    assert result.returncode == 0, result.stderr.decode()
    return f"{folder}/{name}"


# ---- the static answer against runs ----

def table(rows):
    return "\n".join(f"{path:40} static {static:4} traced {traced:4} whole files {whole:4} not resolved {unresolved:3} "
                     f"{'MISSED ' + ' '.join(missed) if missed else ''}" for path, static, traced, whole, unresolved, missed in rows)


def covers(group):
    needs("strace", "unshare")
    if group in scan_programs.SERVER_GROUPS and execute(["unshare", "-n", "true"], GUARD).returncode != 0:
        raise Skip("no network namespaces for this user")
    seen = scan_programs.run_all([group])
    path = scan_programs.environment()["PATH"]
    wanted = {os.path.realpath(found) for name in PROGRAMS[group].split() if (found := shutil.which(name, path=path))}
    gone = {elf for elf in wanted if scan_programs.elf_of(elf, "/")} - set(seen)
    assert not gone, f"these did not run: {sorted(gone)}"
    rows = list(scan_programs.rows(seen, scan_programs.answers(seen)))
    assert not any(row[-1] for row in rows), "calls that a run made are not in the answer\n" + table(rows)


for group_name in scan_programs.GROUPS:
    add_test(f"every call of a run is in the answer: {group_name}", functools.partial(covers, group_name))


def makes_few(name, most, text, *options, compiler="gcc"):
    with scratch() as folder:
        found = answer(compile_c(folder, name, text, *options, compiler=compiler))
    assert len(found["calls"]) <= most and found["programs"][0]["unresolved_sites"] == 0, found["calls"]


@test
def return_0_with_static_musl_has_at_most_9_calls():
    makes_few("return0", 9, "int main(void) { return 0; }\n", "-static", compiler="musl-gcc")


@test
def an_answer_is_the_same_twice():
    words = ("--json", shutil.which("ls"), shutil.which("bash"))
    equal("JSON", hull_scan(*words).stdout, hull_scan(*words).stdout)


@test
def each_program_of_several_has_its_own_answer():
    programs = [os.path.realpath(shutil.which(name)) for name in ("cat", "bash", "true")]
    together = answer(*programs)
    alone = [answer(path) for path in programs]
    equal("programs", together["programs"], [found["programs"][0] for found in alone])
    equal("calls", set(together["calls"]), set().union(*(found["calls"] for found in alone)))


# ---- what the answer says of sites, libraries and scripts ----

SYSCALL = """#include <unistd.h>
#include <sys/syscall.h>
#include <stdlib.h>
int main(int argc, char **argv) { return argc > 1 ? (int)syscall(%s) : 0; }
"""


@test
def a_wrappers_argument_is_found():
    with scratch() as folder:
        found = answer(compile_c(folder, "wrapped", SYSCALL % "SYS_quotactl, 1, 2, 3"))["programs"][0]
        call = next(call for call in found["calls"] if call["name"] == "quotactl")
        equal("certainty", call["certainty"], "argument")
        assert any(origin["function"] == "main" for origin in call["origins"]), call


@test
def a_site_that_cannot_be_told_is_named():
    with scratch() as folder:
        path = compile_c(folder, "unknown", SYSCALL % "atoi(argv[1])", "-static")
        found = answer(path)["programs"][0]
        sites = [site for site in found["sites"] if "unresolved" in site]
        equal("sites", len(sites), found["unresolved_sites"])
        assert any(site["function"] == "syscall" and site.get("lost_at", {}).get("function") == "main" for site in sites), sites
        result = hull_scan("--unresolved", path)
        assert result.returncode == 1 and b"syscall" in result.stdout and b"main" in result.stdout, result
        result = hull_scan("--list", path)
        assert result.returncode == 0 and b"not resolved" in result.stderr, result
        result = hull_scan(path)
        assert result.returncode == 0 and b"not resolved" in result.stdout, result


@test
def int_0x80_is_told_apart():
    with scratch() as folder:
        path = compile_c(folder, "old", """int main(int argc, char **argv) { long r = 20; (void)argv;
if (argc > 1) __asm__ volatile("int $0x80" : "+a"(r)); return (int)r; }\n""", "-static")
        sites = [site for site in answer(path)["programs"][0]["sites"] if site["door"] == "int 0x80"]
        equal("sites", [site["function"] for site in sites], ["main"])


@test
def a_library_counts_with_also():
    with scratch() as folder:
        library = compile_c(folder, "libplug.so", "#include <unistd.h>\n#include <sys/syscall.h>\n"
                            "long plug(void) { return syscall(SYS_acct, 0); }\n", "-shared", "-fPIC")
        path = compile_c(folder, "host", "#include <dlfcn.h>\n#include <stdio.h>\nint main(int n, char **v) "
                         '{ void *h = dlopen(v[1], RTLD_NOW); long (*f)(void) = (long (*)(void))dlsym(h, "plug"); return n > 9 ? (int)f() : 0; }\n')
        before, after = answer(path), answer("--also", library, path)
        assert "acct" not in before["calls"] and before["programs"][0]["uses_dlopen"], before["calls"]
        assert set(after["calls"]) > set(before["calls"]) and "acct" in after["calls"], after["calls"]
        refused("--also", f"{folder}/none.so", path, status=1, says=["none.so", "--also"])


@test
def a_missing_library_is_named_with_who_wants_it():
    with scratch() as folder:
        for name, needs_it in (("libinner.so", []), ("libouter.so", ["-linner"])):
            compile_c(folder, name, f"int {name[3:8]}(void) {{ return 0; }}\n", "-shared", "-fPIC", "-Wl,--no-as-needed",
                      f"-L{folder}", *needs_it)
        path = compile_c(folder, "needing", "int main(void) { return 0; }\n", "-Wl,--no-as-needed", f"-L{folder}",
                         f"-Wl,-rpath,{folder}", "-Wl,--allow-shlib-undefined", "-louter", f"-Wl,-rpath-link,{folder}")
        os.unlink(f"{folder}/libinner.so")
        refused("--list", path, status=1, says=["libinner.so", f"{folder}/libouter.so"])
        missing = answer(path, status=1)["programs"][0]["missing"]
        equal("missing", missing, [{"name": "libinner.so", "wanted_by": f"{folder}/libouter.so"}])


@test
def a_root_has_its_own_libraries():
    program_path, name = shutil.which("sort"), "sort"
    on_host = answer(program_path)["programs"][0]
    with scratch() as root:
        paths = {program_path, "/lib64/ld-linux-x86-64.so.2", *(file["path"] for file in on_host["files"])}
        for path in paths:
            os.makedirs(f"{root}/real{os.path.dirname(path)}", exist_ok=True)
            shutil.copy2(path, f"{root}/real{path}")
        for top in {path.split("/")[1] for path in paths}:
            os.symlink(f"/real/{top}", f"{root}/{top}")      # absolute: it leads to the root's own
        inside = answer("--root", root, name)["programs"][0]
        equal("calls", [call["name"] for call in inside["calls"]], [call["name"] for call in on_host["calls"]])
        shutil.rmtree(f"{root}/real/lib", ignore_errors=True)
        shutil.rmtree(f"{root}/real/lib64", ignore_errors=True)
        refused("--root", root, "--list", name, status=1, says=["libc.so.6", name])
        refused("--root", root, "nothing", status=127, says=["nothing"])


def script(folder, name, text):
    with open(f"{folder}/{name}", "w") as file:
        file.write(text)
    os.chmod(f"{folder}/{name}", 0o755)
    return f"{folder}/{name}"


@test
def a_script_is_its_interpreter_and_its_modules():
    needs("/usr/bin/python3", "/usr/bin/perl")
    with scratch() as folder:
        script(folder, "inner.py", "def f():\n\timport mmap\n")
        direct = answer(script(folder, "a.py", "#!/usr/bin/python3\nfrom inner import (f,\n g)\n"))["programs"]
        equal("programs", [os.path.realpath(p["path"]) for p in direct], [os.path.realpath("/usr/bin/python3")])
        assert any("/mmap." in module for module in direct[0]["modules"]), direct[0]["modules"]
        by_env = answer(script(folder, "b.py", "#!/usr/bin/env -S PYTHONHASHSEED=0 python3 -u\nimport inner\n"),
                        env={**os.environ, "PATH": "/usr/bin"})["programs"]
        equal("env and its program", [os.path.basename(p["path"]) for p in by_env], ["env", "python3"])
        equal("modules", set(by_env[1]["modules"]), set(direct[0]["modules"]))
        plain = answer("/usr/bin/python3", script(folder, "c.py", "import inner\n"))["programs"]
        equal("an interpreter before its script", set(plain[0]["modules"]), set(direct[0]["modules"]))
        perl = answer(script(folder, "d.pl", "#!/usr/bin/perl -w\nuse strict;\nuse Socket;\n"))["programs"][0]
        assert any(module.endswith("/auto/Socket/Socket.so") for module in perl["modules"]), perl["modules"]


TRY = "try:\n    {}\nexcept ImportError: pass\n"
PYTHON_FORMS = ["import ext_a", "import os as x, ext_b as y", "from pkg import ext_c", "from pkg.sub import (one as z,\n  ext_d)",
                "import json; import ext_e", "import \\\n        ext_f", "from pkg import inner", "__import__('ext_h')",
                "import importlib; importlib.import_module('pkg.ext_i')"]
IMPORTS = {     # language: texts; of each, every ext_* that a run opens must be found, and never ext_z
    "python": {"run": "#!/usr/bin/python3\n" + "".join(map(TRY.format, PYTHON_FORMS)), "pkg/__init__.py": "", "pkg/sub/__init__.py": "one = 1\n",
               "pkg/inner.py": "if 1: from . import ext_g\ndef f():\n    from ..pkg.sub import ext_j\n",
               **{f"{d}ext_{c}.so": None for d, letters in (("", "abefhz"), ("pkg/", "cgi"), ("pkg/sub/", "dj")) for c in letters}},
    "lua5.4": {"run": "#!/usr/bin/lua5.4\npackage.cpath = './?.so' package.path = './?.lua'\n"
                      "for _, f in ipairs { function() require 'ext_a' end, function() require(\"sub.ext_b\") end, function() require [[inner]] end }"
                      " do pcall(f) end\n", "inner.lua": "local x = require('ext_c').open\n",
               **{name: None for name in ("ext_a.so", "sub/ext_b.so", "ext_c.so", "ext_z.so")}},
    "perl": {"run": "#!/usr/bin/perl\nuse lib '.'; use strict; eval { require ext_a; }; eval q{use parent 'Sub::ext_b'}; eval q{use Inner};\n",
             "ext_a.pm": "package ext_a; use XSLoader; eval { XSLoader::load('ext_a') }; 1;\n",
             "Sub/ext_b.pm": "package Sub::ext_b; use XSLoader; eval { XSLoader::load('Sub::ext_b') }; 1;\n",
             "Inner.pm": "package Inner;\n\n=pod\n\nuse ext_z\n\n=cut\n\nuse ext_c; 1;\n",
             "ext_c.pm": "package ext_c; require DynaLoader; our @ISA = 'DynaLoader'; eval { bootstrap ext_c }; 1;\n",
             **{f"auto/{name}.so": None for name in ("ext_a/ext_a", "Sub/ext_b/ext_b", "ext_c/ext_c", "ext_z/ext_z")}},
    "ruby": {"run": "#!/usr/bin/ruby -I.\n%w[].each { |x| }\nbegin; require 'ext_a'; rescue LoadError; end\n"
                    "begin; require \"sub/ext_b.so\"; rescue LoadError; end\nrequire_relative 'sub/inner'\n",
             "sub/inner.rb": "begin; require('ext_c'); rescue LoadError; end\n",
             **{name: None for name in ("ext_a.so", "sub/ext_b.so", "ext_c.so", "ext_z.so")}},
}


def imports_are_found(language):
    needs("strace", "gcc", f"/usr/bin/{language}" if language != "python" else "/usr/bin/python3")
    with scratch() as folder:
        library = compile_c(folder, "empty.so", "int empty(void) { return 0; }\n", "-shared", "-fPIC")
        for name, text in IMPORTS[language].items():
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            if text is None:
                shutil.copy(library, f"{folder}/{name}")
            else:
                script(folder, name, text)
        execute(["strace", "-f", "-o", "log", "-e", "trace=openat", "./run"], GUARD, cwd=folder)
        with open(f"{folder}/log") as file:
            opened = {os.path.basename(line.split('"')[1]) for line in file if "/ext_" in line and '.so"' in line and line.split()[-1].isdigit()}
        modules = answer(f"{folder}/run")["programs"][-1]["modules"]
        found = {os.path.basename(module) for module in modules if "/ext_" in module}
        assert opened and opened <= found, f"the run opened {sorted(opened)}, the scan found {sorted(found)}"
        assert "ext_z.so" not in found, "what nothing imports was found"


for language_name in IMPORTS:
    add_test(f"imported extension modules are found: {language_name}", functools.partial(imports_are_found, language_name))


# ---- --trace ----

def traced(folder, *command, options=(), **more):
    log = f"{folder}/trace.json"
    result = hull_scan("--trace", *options, "-o", log, "--", *command, **more)
    with open(log) as file:
        return result, json.load(file)


def names(record, name):
    return {call["name"] for p in record["programs"] if os.path.basename(p["path"]) == name for call in p["calls"]}


def records_like_strace(group):
    needs("strace")
    seen, recorded = scan_programs.straced(group), scan_programs.recorded(group)
    equal("programs", sorted(recorded), sorted(seen))
    for path, (calls, by_vdso) in recorded.items():
        assert by_vdso <= VDSO, by_vdso
        equal(f"calls of {path}", sorted(calls - by_vdso), sorted(seen[path].calls - by_vdso))


for steady_name in STEADY:
    add_test(f"--trace records what strace sees: {steady_name}", functools.partial(records_like_strace, steady_name))


@test
def a_traced_program_is_as_it_is_alone():
    command = ["bash", "-c", "echo $PPID; cat; echo error >&2; ls /proc/self/fd | wc -l; trap; ps -o stat= -p $$; exit 7"]
    with scratch() as folder:
        alone = execute(command, GUARD, input=b"input\n")
        result = traced(folder, *command, input=b"input\n")[0]
    equal("status", result.returncode, alone.returncode)
    equal("stderr", result.stderr, alone.stderr)
    # The state of a traced process has a `t` where the other sleeps; all else is the same.
    equal("stdout", result.stdout.splitlines()[:-1], alone.stdout.splitlines()[:-1])


@test
def a_traced_program_ends_by_its_signal():
    with scratch() as folder:
        for number in ("SEGV", "TERM", "KILL"):
            result, record = traced(folder, "bash", "-c", f"kill -{number} $$")
            equal(number, result.returncode, -getattr(signal, f"SIG{number}"))
            assert "kill" in record["calls"], record["calls"]


@test
def threads_children_and_their_programs_are_recorded():
    with scratch() as folder:
        result, record = traced(folder, program("throw"))
        equal("status", (result.returncode, result.stderr), (0, b""))
        assert names(record, "throw") >= {"clone3", "futex"}, record["calls"]
        result, record = traced(folder, "bash", "-c", "mkdir x; (sync x) & wait", cwd=folder)
        assert "mkdir" in names(record, "mkdir") and "mkdir" not in names(record, "bash"), record
        assert "fsync" in names(record, "sync") and "execve" in names(record, "bash"), record


@test
def what_outlives_the_program_is_recorded_until_its_end():
    with scratch() as folder:
        os.mkfifo(f"{folder}/gate")
        command = ["bash", "-c", "(read line <gate; mkdir late) >/dev/null 2>&1 </dev/null & exit 3"]
        result, record = traced(folder, *command, cwd=folder)
        assert result.returncode == 3 and record["running"] > 0 and "mkdir" not in record["calls"], (result, record)
        with open(f"{folder}/gate", "w") as gate:
            gate.write("go\n")

        def is_whole():
            with open(f"{folder}/trace.json") as file:
                try:
                    record = json.load(file)
                except ValueError:
                    return False
            return record["running"] == 0 and "mkdir" in record["calls"]
        assert wait_until(is_whole), "the trace does not get the calls of what outlives the program"


@test
def calls_of_the_vdso_are_told():
    with scratch() as folder:
        path = compile_c(folder, "clock", "#include <time.h>\nint main(void) { struct timespec t; return clock_gettime(CLOCK_MONOTONIC, &t); }\n")
        record = traced(folder, path)[1]
        call = next(call for call in record["programs"][0]["calls"] if call["name"] == "clock_gettime")
        equal("made by the vDSO", call["by_vdso"], call["made"])
        equal("with the vDSO", "clock_gettime" in traced(folder, path, options=["--keep-vdso"])[1]["calls"], False)


@test
def calls_of_32_bit_programs_are_told_apart():
    needs("as", "ld")
    with scratch() as folder:
        with open(f"{folder}/a.s", "w") as file:
            file.write(".globl _start\n_start: mov $20, %eax\nint $0x80\nmov $1, %eax\nmov $5, %ebx\nint $0x80\n")
        for command in (["as", "--32", "-o", "a.o", "a.s"], ["ld", "-m", "elf_i386", "-o", "a", "a.o"]):
            result = execute(command, GUARD, cwd=folder)
            assert result.returncode == 0, result.stderr
        if execute([f"{folder}/a"], GUARD).returncode != 5:
            raise Skip("this host runs no 32-bit programs")
        result, record = traced(folder, f"{folder}/a")
        equal("status and calls", (result.returncode, record["calls"]), (5, ["i386:exit", "i386:getpid"]))
        refused(f"{folder}/a", status=126, says=[f"{folder}/a"])


@test
def a_traced_program_stops_and_goes_on():
    """Job control of an interactive shell: ^Z, fg and ^C reach the program as if nobody traced it."""
    with scratch() as folder:
        with contextlib.closing(Terminal(["bash", "--norc", "--noediting", "-i"])) as terminal:
            terminal.expect("ready> ")
            terminal.send(f"{HULL} scan --trace -o {folder}/t cat\n")
            assert wait_until(lambda: os.path.exists(f"{folder}/t") and terminal.children() == ["cat"]), terminal.children()
            terminal.send("first\n")
            terminal.expect("first\r\nfirst\r\n")
            terminal.send("\x1a")
            terminal.expect("Stopped")
            terminal.expect(f"{folder}/t cat\r\n")
            terminal.expect("ready> ")
            terminal.send("fg\n")
            terminal.expect(f"{folder}/t cat\r\n")     # the shell's word that it goes on in the foreground
            terminal.send("second\n")
            terminal.expect("second\r\nsecond\r\n")
            terminal.send("\x03")
            terminal.expect("ready> ")
            terminal.send("echo status $?\n")
            terminal.expect("status 130\r\n")


class Terminal:
    """A program on a terminal of its own."""
    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, "PS1": "ready> "})
        self.text = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            pids = file.read().split()
        comms = []
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:    # it may just have ended
                comms.append(file.read().strip())
        return comms

    def expect(self, text):
        end = time.monotonic() + GUARD
        while text not in self.text:
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"the terminal does not show {text!r}: {self.text!r}"
            self.text += os.read(self.fd, 4096).decode(errors="replace")
        self.text = self.text.split(text, 1)[1]

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@test
def a_trace_that_cannot_be_made_says_why():
    with scratch() as folder:
        refused("--trace", "nothing-of-this-name", status=127, says=["nothing-of-this-name", "PATH"])
        refused("--trace", "/etc/passwd", status=126, says=["/etc/passwd", "Permission denied"])
        refused("--trace", "-o", f"{folder}/none/t", "true", status=125, says=[f"{folder}/none/t", "No such file"])
        refused("--trace", "-o", "/dev/full", "true", status=0, says=["/dev/full", "No space left"])
        refused("--trace", status=2, says=["which program"])
        with open(f"{folder}/old", "w") as file:
            file.write("kept")
        refused("--trace", "-o", f"{folder}/old", "nothing-of-this-name", status=127, says=[])
        with open(f"{folder}/old") as file:
            equal("a file that nothing was written to", file.read(), "kept")


@test
def a_traced_program_under_a_tracer_says_so():
    needs("strace")
    result = execute(["strace", "-o", "/dev/null", HULL, "scan", "--trace", "true"], GUARD)
    assert result.returncode == 125 and b"traced" in result.stderr, result


# ---- forms and --diff ----

@test
def the_forms_say_the_same():
    path = shutil.which("cat")
    found = answer(path)
    calls = hull_scan("--list", path).stdout.decode().split()
    equal("list", calls, found["calls"])
    lines = hull_scan(path).stdout.decode().splitlines()
    equal("table", [line.split()[0] for line in lines[3:3 + len(calls)]], calls)
    with scratch() as folder:
        equal("to a file", (hull_scan("--json", "-o", f"{folder}/a", path).stdout, json.load(open(f"{folder}/a"))), (b"", found))


@test
def a_diff_takes_programs_answers_lists_and_traces():
    with scratch() as folder:
        path = shutil.which("cat")
        hull_scan("--json", "-o", f"{folder}/json", path)
        hull_scan("--list", "-o", f"{folder}/list", path)
        traced(folder, path, "/dev/null")
        for other in (f"{folder}/json", f"{folder}/list"):
            result = hull_scan("--diff", path, other)
            assert result.returncode == 0 and b"0 only in" in result.stdout, result
        result = hull_scan("--json", "--diff", f"{folder}/trace.json", "cat")
        sides = json.loads(result.stdout)["sides"]
        assert result.returncode == 1 and sides[1]["only"] and not set(sides[0]["only"]) - VDSO, sides
        with open(f"{folder}/list", "a") as file:
            file.write("acct, # more\nswapon\n")
        result = hull_scan("--diff", f"{folder}/list", path)
        equal("differences", (result.returncode, result.stdout.decode().splitlines()[:-1]), (1, ["< acct", "< swapon"]))


@test
def what_cannot_be_compared_is_named():
    with scratch() as folder:
        for name, text, says in (("a", "read\nrite\n", ["a:2", "'rite'"]), ("b", '{"calls":\n [}', ["b:2:", "JSON"]),
                                 ("c", "{}", ["c", "no answer"]), ("d", '{"hull_scan": 1, "calls": ["x"]}', ["calls[0]", "'x'"])):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
            refused("--diff", f"{folder}/{name}", "cat", status=2, says=says)
        refused("--diff", "cat", status=2, says=["--diff"])
        refused("--diff", folder, "cat", status=2, says=[folder, "directory"])


@test
def bad_use_and_bad_files_are_refused():
    with scratch() as folder:
        refused(status=2, says=["which program"])
        refused("--json", "--list", "ls", status=2, says=["--json"])
        refused("--trace", "--diff", "a", "b", status=2, says=["--trace"])
        refused("nothing-of-this-name", status=127, says=["nothing-of-this-name", "PATH"])
        refused(f"{folder}/none", status=127, says=[f"{folder}/none"])
        refused(folder, status=126, says=[folder, "directory"])
        refused("--root", f"{folder}/none", "ls", status=127, says=["ls"])
        refused(script(folder, "text", "only text\n"), status=126, says=["text", "#!"])
        refused(script(folder, "endless", f"#!{folder}/endless\n"), status=126, says=["endless"])
        refused(script(folder, "lost", "#!/nothing/here\n"), status=127, says=["/nothing/here"])
        refused("-o", "/dev/full", "true", status=125, says=["/dev/full", "No space left"])
        with open(shutil.which("true"), "rb") as file:
            whole = file.read()
        for length in (4, 63, 64, 200, len(whole) // 2):
            with open(f"{folder}/cut", "wb") as file:
                file.write(whole[:length])
            result = hull_scan(f"{folder}/cut")
            assert result.returncode in (0, 1, 126) and (result.returncode == 0 or b"cut" in result.stderr + result.stdout), result


if __name__ == "__main__":
    main(at_once=2)
