#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What hull build says when it cannot: the message names what is wrong and where, the status is not 0, and there is no
image, nor half of one.
"""
import contextlib, os, shutil, signal, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, HULL, Skip, execute, main, needs, program, scratch, test


def refused(folder, *arguments, says, status=1, **more):
    """hull build fails with a message that has each of these in it, and leaves no image and no other file."""
    before = sorted(os.listdir(folder))
    result = execute([HULL, "build", "-q", "-o", os.path.join(folder, "image"), *arguments], GUARD, **more)
    text = result.stderr.decode()
    assert result.returncode == status, (arguments, result)
    for part in says:
        assert part in text, f"'{part}' is not in: {text}"
    after = sorted(os.listdir(folder))
    assert before == after, f"left behind: {set(after) - set(before)}"


def refused_yaml(text, *says):
    with scratch() as folder:
        path = os.path.join(folder, "hull.yaml")
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        refused(folder, "-f", path, says=[f"{path}:" + says[0], *says[1:]])


@test
def yaml_that_is_none():
    refused_yaml("program: [a\nargs: b\n", "2:5: ")
    refused_yaml("program: 'a\n", "2:1: ")
    refused_yaml("a\tb: \x01\n".encode(), "1:")
    refused_yaml(b"\xff\xfe\x00\x00\x01", "1:")
    refused_yaml("", " it is empty")
    refused_yaml("- program\n", "1:1: ", "key: value")


@test
def yaml_with_a_wrong_key():
    refused_yaml("program: /bin/echo\nprogam: x\n", "2:1: ", "'progam'", "'program' is meant")
    refused_yaml("program: /bin/echo\nnetwork:\n  adress: x\n", "3:3: ", "'address' is meant")
    refused_yaml("program: /bin/echo\nzzzzzzzzz: x\n", "2:1: ", "hull init")
    refused_yaml("program: /bin/echo\nargs: a\nargs: b\n", "3:1: ", "twice")


@test
def yaml_with_a_wrong_value():
    start = "program: /bin/echo\n"
    for line, column, what in (("memory: 12Q", 9, "size"), ("memory: [1]", 9, "one value"), ("cpus: 0", 7, "CPUs"),
                               ("cpus: 65", 7, "CPUs"), ("target: floppy", 9, "elf, disk or iso"),
                               ("read-only: perhaps", 12, "true or false"), ("network: maybe", 10, "dhcp"),
                               ("network: {address: 1.2.3/8}", 20, "ADDRESS/BITS"), ("network: {ports: [x]}", 19, "ports"),
                               ("volumes: data", 10, "HOST:GUEST"), ("env: {a: {b: c}}", 10, "one value"),
                               ("files: [{to: /x}]", 9, "'from'"), ("files: [rel]", 9, "rel:/PATH"),
                               ("files: ['a:b']", 9, "absolute path"), ("args: *x", 7, "alias")):
        refused_yaml(start + line + "\n", f"2:{column}: ", what)
    refused_yaml(start + "args: &a [b]\nenv: *a\n", "", "alias")


@test
def yaml_that_names_no_program():
    with scratch() as folder:
        with open(os.path.join(folder, "hull.yaml"), "w") as file:
            file.write("args: [x]\n")
        refused(folder, "-f", os.path.join(folder, "hull.yaml"), says=["names no program"], status=2)
        refused(folder, "-f", os.path.join(folder, "none.yaml"), says=["none.yaml", "No such file", "hull init"])


@test
def a_program_that_is_not_there():
    with scratch() as folder:
        refused(folder, "no-such-program-here", says=["no-such-program-here", "not found along PATH"])
        refused(folder, "/nowhere/prog", says=["/nowhere/prog", "not found"])
        path = os.path.join(folder, "text")
        with open(path, "w") as file:
            file.write("just text\n")
        os.chmod(path, 0o755)
        refused(folder, path, says=["neither an ELF program nor a script"])
        with open(path, "w") as file:
            file.write("#!/nowhere/interpreter -x\n")
        refused(folder, path, says=["/nowhere/interpreter", "No such file"])


@test
def a_library_that_is_missing():
    needs("gcc")
    with scratch() as folder:
        for name, text in (("inner.c", "int inner(void) { return 1; }"),
                           ("outer.c", "int inner(void); int outer(void) { return inner(); }"),
                           ("prog.c", "int outer(void); int main(void) { return outer(); }")):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text + "\n")
        for command in ("gcc -shared -fPIC -o libinner.so inner.c", "gcc -shared -fPIC -o libouter.so outer.c -L. -linner",
                        "gcc -o prog prog.c -L. -louter -Wl,-rpath-link,."):
            subprocess.run(command.split(), cwd=folder, check=True)
        prog, away = os.path.join(folder, "prog"), os.path.join(folder, "away")
        refused(folder, prog, says=["libouter.so", f"wanted by {prog}", "not found"])
        os.mkdir(away)
        shutil.move(os.path.join(folder, "libinner.so"), away)
        refused(folder, "--library-path", folder, prog, says=["libinner.so", "wanted by", "libouter.so"])
        result = execute([HULL, "build", "-q", "-o", os.path.join(folder, "image"), "--library-path", f"{folder}:{away}", prog],
                         GUARD)
        assert result.returncode == 0, result


@test
def files_that_are_not_there():
    with scratch() as folder:
        refused(folder, "--files", f"{folder}/*.none", "/bin/echo", says=[f"{folder}/*.none", "no file matches"])
        refused(folder, "--preset", "cobol", "/bin/echo", says=["'cobol'", "python3"])
        path = os.path.join(folder, "hull.yaml")
        with open(path, "w") as file:
            file.write("program: /bin/echo\nfiles:\n  - /etc/hostname\n  - none/*:/x\n")
        refused(folder, "-f", path, says=[f"{path}:4:5: ", "none/*", "no file matches"])


@test
def links_that_lead_out_of_the_image():
    with scratch() as folder:
        link, image = os.path.join(folder, "tree/link"), os.path.join(folder, "image")
        os.makedirs(os.path.dirname(link))
        os.symlink("/usr/share/doc", link)
        result = execute([HULL, "build", "-o", image, "--files", os.path.dirname(link), "/bin/echo"], GUARD)
        assert result.returncode == 0 and f"{link} -> /usr/share/doc".encode() in result.stdout, result
        assert execute([HULL, "build", "-o", image, "/bin/echo"], GUARD).stdout.count(b"note:") == 0


@test
def a_user_that_is_not_there():
    with scratch() as folder:
        refused(folder, "-u", "nobody-knows", "/bin/echo", says=["nobody-knows", "/etc/passwd"])


@test
def what_is_found_out_late_has_its_place_too():
    refused_yaml("program: /bin/echo\nuser: nobody-knows\n", "2:7: ", "/etc/passwd")
    refused_yaml("program: /bin/echo\npresets: [cobol]\n", "2:10: ", "'cobol'")
    with scratch() as folder:
        refused(folder, "/bin/echo", says=["SOURCE_DATE_EPOCH", "'today'"], env={**os.environ, "SOURCE_DATE_EPOCH": "today"})


@test
def a_disk_that_is_full():
    needs("unshare")
    with scratch() as folder:
        script = (f"mount -t tmpfs -o size=1m tmpfs {folder}\n"
                  f"echo old > {folder}/image\n{HULL} build -q -o {folder}/image /bin/echo x\n"
                  f"echo $?; cat {folder}/image; ls -A {folder}")
        own = ["unshare", "--user", "--map-root-user", "--mount"]
        if execute([*own, "mount", "-t", "tmpfs", "tmpfs", folder], GUARD).returncode != 0:
            raise Skip("no user namespaces for this user")
        result = execute([*own, "sh", "-c", script], GUARD)
        assert result.stdout == b"1\nold\nimage\n", result
        assert b"No space left" in result.stderr and b"-o" in result.stderr, result


@test
def a_disk_is_not_for_hull_run():
    with scratch() as folder:
        for target in ("disk", "iso"):
            image = os.path.join(folder, target)
            result = execute([HULL, "build", "-q", "--target", target, "-o", image, program("hello-static")], GUARD)
            assert result.returncode == 0, result.stderr
            result = execute([HULL, "run", image], GUARD)
            assert result.returncode == 126 and b"a disk for machines with firmware" in result.stderr, result


@test
def a_check_that_does_not_end():
    with scratch() as folder:
        refused(folder, "--verify", "--verify-seconds", "1", "/bin/sleep", "1d", says=["has not ended after 1 s", "--verify-seconds"])
        refused(folder, "--verify=0", "--verify-seconds", "0", "/bin/sleep", "1d", says=["--verify-seconds: '0'"], status=2)


@test
def a_build_that_is_ended():
    with scratch() as folder:
        temporary = os.path.join(folder, "temporary")
        os.mkdir(temporary)
        for round in range(8):
            process = subprocess.Popen([HULL, "build", "-q", "--minimal", "-o", os.path.join(folder, "image"), "/bin/ls"],
                                       env={**os.environ, "TMPDIR": temporary}, start_new_session=True)
            if round % 2:                               # sometime, or while there is something to be left behind
                time.sleep(0.04 * round)
            while round % 2 == 0 and process.poll() is None and not os.listdir(temporary):
                time.sleep(0.005)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, (signal.SIGINT, signal.SIGTERM)[round // 4])
            assert process.wait() in (0, -signal.SIGINT, -signal.SIGTERM), process.returncode
            assert not os.listdir(temporary), os.listdir(temporary)
            assert set(os.listdir(folder)) <= {"temporary", "image"}, os.listdir(folder)


@test
def a_build_that_is_ended_while_the_image_gets_its_name():
    needs("strace")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with scratch() as folder:
            result = execute(["strace", "-o", "/dev/null", "-e", f"inject=linkat:signal={number}",
                              HULL, "build", "-q", "-o", os.path.join(folder, "image"), "/bin/echo"], GUARD)
            assert result.returncode in (0, -number), result        # 0: it has no file without a name here
            assert os.listdir(folder) == ["image"], os.listdir(folder)


@test
def an_output_that_cannot_be():
    with scratch() as folder:
        for place, why in (("/nowhere/x", "No such file"), ("/dev/null", "no regular file"), (folder, "no regular file")):
            result = execute([HULL, "build", "-q", "-o", place, "/bin/echo"], GUARD)
            assert result.returncode == 1 and why.encode() in result.stderr, result


@test
def keys_that_are_none():
    with scratch() as folder:
        rsa = os.path.join(folder, "rsa.pem")
        refused(folder, "--sign", rsa, "/bin/echo", says=["rsa.pem", "No such file"])
        needs("openssl")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", rsa], check=True, stderr=subprocess.DEVNULL)
        refused(folder, "--sign", rsa, "/bin/echo", says=["rsa.pem", "no ed25519 private key", "openssl genpkey"])


@test
def a_call_that_is_none():
    with scratch() as folder:
        refused(folder, "--calls", "read,wriite", program("hello-static"), says=["wriite"])


if __name__ == "__main__":
    main(2)
