#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Images that hull build makes: what they print, that they are the same bytes each time, what is in them, and who
signed them. What goes wrong while they are built is in images_wrong.py; damaged ones in images_damaged.py.
"""
import hashlib, json, os, shutil, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import (GUARD, HULL, SOAK, equal, execute, host, host_test, hull_command, main, needs, program, scratch, test)

HELLO = "hello-static"


def hull_tool(*arguments, status=0, **more):
    """hull init, build, inspect: commands that need no virtual machine."""
    result = execute([HULL, *arguments], GUARD, **more)
    assert result.returncode == status, f"hull {' '.join(arguments)}: status {result.returncode}, {result.stderr!r}"
    return result


def build(folder, *arguments, name="image", **more):
    path = os.path.join(folder, name)
    hull_tool("build", "-q", "-o", path, *arguments, **more)
    return path


def run_image(image, *arguments, options=(), **more):
    return execute(hull_command([image, *arguments], options), GUARD, **more)


def same_as_host(image, command, **more):
    result, expected = run_image(image, **more), host(*command, **more)
    equal("stdout", result.stdout, expected.stdout)
    equal("stderr", result.stderr, expected.stderr)
    equal("status", result.returncode, expected.returncode)


def inspect(image, *options):
    return json.loads(hull_tool("inspect", "--json", *options, image).stdout)


def files_of(image):
    return {f["path"]: f for f in inspect(image, "--files")["root"]["files"]}


@test
def a_static_program():
    with scratch() as folder:
        same_as_host(build(folder, program(HELLO)), [program(HELLO)])


@test
def a_dynamic_program_with_arguments():
    with scratch() as folder:
        image = build(folder, "/bin/echo", "one", "two words", "$HOME 'x'")
        same_as_host(image, ["/bin/echo", "one", "two words", "$HOME 'x'"])
        equal("other arguments", run_image(image, "three").stdout, host("/bin/echo", "three").stdout)


@test
def patched_and_not():
    with scratch() as folder:
        command = ["/usr/bin/sort", "-n"]
        numbers = b"".join(b"%d\n" % (n * 7919 % 10007) for n in range(10000))
        for options in ([], ["--no-patch"]):
            image = build(folder, *options, *command)
            same_as_host(image, command, input=numbers)
            facts = inspect(image)["built"]
            assert bool(facts["sites_patched"]) == (not options), facts


@test
def python_with_its_library():
    needs("/usr/bin/python3")
    code = "import json, hashlib, sqlite3; print(json.dumps({'x': hashlib.sha256(b'abc').hexdigest()}), sqlite3.sqlite_version)"
    with scratch() as folder:
        image = build(folder, "--preset", "python3", "/usr/bin/python3", "-c", code)
        same_as_host(image, ["/usr/bin/python3", "-c", code])


@test
def python_finds_its_compiled_modules():
    needs("/usr/bin/python3")
    code = "import sys, argparse; print(argparse.__cached__ == argparse.__spec__.cached)"
    with scratch() as folder:
        image = build(folder, "--preset", "python3", "/usr/bin/python3", "-v", "-c", code)
        result = run_image(image)
        assert b"matches /usr/lib/python3" in result.stderr, result.stderr[-500:]
        assert b"wrote" not in result.stderr and b"is stale" not in result.stderr, result.stderr[-500:]


@test
def a_script_with_its_interpreter():
    with scratch() as folder:
        script = os.path.join(folder, "greet")
        # By a process of its own: nobody executes what a child of the other thread's, before its exec, has open for writing.
        execute(["install", "-m", "755", "/dev/stdin", script], GUARD,
                input=b'#!/bin/sh\nfor x in "$@"; do echo "<$x>"; done; exit 3\n')
        same_as_host(build(folder, script, "a", "b c"), [script, "a", "b c"])


@test
def files_and_where_they_go():
    with scratch() as folder:
        os.makedirs(os.path.join(folder, "public/sub"))
        for name in ("public/index.html", "public/sub/a.txt", "public/b.orig", "app.conf"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(name * 1000)
        os.symlink("index.html", os.path.join(folder, "public/link"))
        with open(os.path.join(folder, "hull.yaml"), "w") as file:
            file.write("program: /bin/cat\n"
                       "args: [/srv/www/index.html, /srv/www/link, /etc/app.conf]\n"
                       "files:\n"
                       "  - public:/srv/www\n"
                       "  - {from: app.conf, to: /etc/app.conf, mode: 0640, owner: '7:8'}\n"
                       "exclude: ['*.orig']\n")
        image = build(folder, "-f", os.path.join(folder, "hull.yaml"))
        same = [os.path.join(folder, name) for name in ("public/index.html", "public/link", "app.conf")]
        equal("contents", run_image(image).stdout, host("/bin/cat", *same).stdout)
        files = files_of(image)
        equal("mode, uid, gid", [files["/etc/app.conf"][k] for k in ("mode", "uid", "gid")], ["100640", 7, 8])
        equal("target", files["/srv/www/link"]["target"], "index.html")
        assert "/srv/www/b.orig" not in files and "/srv/www/sub/a.txt" in files, sorted(files)


@test
def what_the_program_starts_with():
    with scratch() as folder:
        image = build(
            folder, "-w", "/tmp", "-u", "nobody", "-e", "A=b c", "--hostname", "small", "--files", "/usr/bin/id",
            "--files", "/bin/cat", "/bin/sh", "-c",
            "pwd; id -un; id -gn; echo $A; cat /proc/sys/kernel/hostname; : > /tmp/x && echo written; : > /x")
        result = run_image(image)
        lines = result.stdout.decode().split("\n")
        equal("what it sees", lines, ["/tmp", "nobody", "nogroup", "b c", "small", "written", ""])
        assert result.returncode == 2 and b"denied" in result.stderr, result


@test
def users_by_the_names_of_the_image():
    with scratch() as folder:
        with open(os.path.join(folder, "passwd"), "w") as file:
            file.write("root:x:0:0::/:/bin/sh\n" + "".join(f"user{n}:x:{n}:{n + 1}::/:\n" for n in range(2000, 2300)))
        with open(os.path.join(folder, "group"), "w") as file:
            file.write("root:x:0:\nsome:x:2500:user2000,user2299\n")
        own = [word for name in ("passwd", "group") for word in ("--files", f"{folder}/{name}:/etc/{name}")]
        for format in ([], ["--format", "cpio"]):
            image = build(folder, *own, *format, "/usr/bin/id")
            for user in ("user2299", "user2000:some", "2150", "root:2500"):
                ids = [line.split() for line in run_image(image, options=("-u", user)).stdout.decode().splitlines()]
                equal(user, [word.split("(")[0] for word in ids[0]], {
                    "user2299": ["uid=2299", "gid=2300", "groups=2300,2500"], "user2000:some": ["uid=2000", "gid=2500", "groups=2500"],
                    "2150": ["uid=2150", "gid=2151", "groups=2151"], "root:2500": ["uid=0", "gid=2500", "groups=2500"]}[user])
            result = run_image(image, options=("-u", "user1"))
            assert result.returncode == 2 and b"has no user 'user1'" in result.stderr, result


CANCELLED = """
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void cleanup(void *what) { printf("%s\\n", (char *)what); }
static void *waits(void *arg) { pthread_cleanup_push(cleanup, "cleaned"); for (;;) pause(); pthread_cleanup_pop(0); return arg; }
static void *leaves(void *arg) { pthread_exit(arg); }
int main(void)
{
	pthread_t thread;
	void *result;
	pthread_create(&thread, NULL, waits, NULL);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("%d\\n", result == PTHREAD_CANCELED);
	pthread_create(&thread, NULL, leaves, "left");
	pthread_join(thread, &result);
	printf("%s\\n", (char *)result);
	return 0;
}
"""


@test
def threads_that_end_early_have_their_unwinder():
    needs("gcc")
    with scratch() as folder:
        program_path = os.path.join(folder, "cancel")
        result = host("gcc", "-pthread", "-x", "c", "-o", program_path, "-", input=CANCELLED.encode())
        assert result.returncode == 0, result.stderr.decode()
        for options in ([], ["--minimal"]):
            same_as_host(build(folder, *options, program_path), [program_path])


@test
def a_root_that_is_read_only():
    with scratch() as folder:
        image = build(folder, "--read-only", "/bin/sh", "-c", "echo x > /etc/new")
        result = run_image(image)
        assert result.returncode == 2 and b"Read-only file system" in result.stderr, result


@test
def an_archive_instead_of_a_file_system():
    with scratch() as folder:
        same_as_host(build(folder, "--format", "cpio", program(HELLO)), [program(HELLO)])


@host_test
def the_same_input_gives_the_same_bytes():
    digests = set()
    for number in range(2):
        with scratch() as folder:
            os.makedirs(os.path.join(folder, "data/deep"))
            for name in ("b", "a", "deep/c") if number else ("deep/c", "a", "b"):
                path = os.path.join(folder, "data", name)
                with open(path, "w") as file:
                    file.write(name * 3000)
                os.chmod(path, 0o644)
                os.utime(path, (number * 1000000, number * 1000000))
            shutil.copy(program(HELLO), os.path.join(folder, "hello"))
            with open(os.path.join(folder, "hull.yaml"), "w") as file:
                file.write("program: ./hello\nfiles: ['data:/data']\n")
            os.chmod(os.path.join(folder, "data"), 0o755), os.chmod(os.path.join(folder, "data/deep"), 0o755)
            env = {**os.environ, "LC_ALL": ("C", "en_US.UTF-8")[number], "TZ": ("UTC", "Asia/Tokyo")[number],
                   "HOME": folder, "USER": f"user{number}"}
            for target in ("elf", "disk", "iso"):
                image = os.path.join(folder, "out")
                script = f"umask {('022', '077')[number]}; cd {folder}; exec {HULL} build -q --target {target} -o {image}"
                result = execute(["/bin/sh", "-c", script], GUARD, env=env)
                assert result.returncode == 0, result.stderr
                with open(image, "rb") as file:
                    digests.add((target, hashlib.sha256(file.read()).hexdigest()))
    assert len(digests) == 3, digests


@host_test
def the_root_is_what_erofs_utils_say():
    needs("fsck.erofs")
    with scratch() as folder:
        image = build(folder, "--no-patch", "--preset", "terminfo", "--files", "/usr/share/perl5", "/bin/echo") \
            if os.path.isdir("/usr/share/perl5") else build(folder, "--no-patch", "--preset", "terminfo", "/bin/echo")
        root, tree = os.path.join(folder, "root"), os.path.join(folder, "tree")
        hull_tool("inspect", "-q", "--root", root, image)
        result = host("fsck.erofs", f"--extract={tree}", root)
        assert result.returncode == 0, result
        for path, file in files_of(image).items():
            status = os.lstat(tree + path)
            if file["mode"].startswith("100"):
                equal(path, status.st_size, file["bytes"])
                with open(tree + path, "rb") as ours, open(os.path.realpath(path) if not path.startswith("/etc") and
                                                           os.path.exists(path) else tree + path, "rb") as theirs:
                    assert ours.read() == theirs.read(), path
            elif file["mode"].startswith("120"):
                equal(path, os.readlink(tree + path), file["target"])


@host_test
def inspect_says_what_is_there():
    with scratch() as folder:
        image = build(folder, "-m", "64M", "-c", "2", "/bin/echo", "hi")
        account = inspect(image)
        with open(image, "rb") as file:
            content = file.read()
        equal("hash", account["sha256"], hashlib.sha256(content).hexdigest())
        equal("size", account["bytes"], len(content))
        equal("arguments", account["launch"]["args"], ["/bin/echo", "hi"])
        equal("memory, cpus", (account["memory_bytes"], account["cpus"]), (64 << 20, 2))
        for section in account["sections"]:
            part = content[section["offset"]:section["offset"] + section["bytes"]]
            equal(section["kind"], section["sha256"], hashlib.sha256(part).hexdigest())
        assert b"hi" in hull_tool("inspect", image).stdout


@host_test
def a_disk_holds_the_same_image():
    with scratch() as folder:
        elf = inspect(build(folder, "/bin/echo", "hi"))
        for target in ("disk", "iso"):
            for firmware in ("bios", "uefi", "both") if SOAK else ("both",) if target == "disk" else ("bios", "uefi"):
                disk = inspect(build(folder, "--target", target, "--firmware", firmware, "/bin/echo", "hi"))
                equal("sections", disk["sections"], elf["sections"])
                equal("kind", disk["kind"], target)
                equal("firmware", (disk["disk"]["bios"], disk["disk"]["uefi"]),
                      (firmware != "uefi", firmware != "bios"))


def keys(folder):
    needs("openssl")
    for name in ("mine", "other"):
        private, public = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.pub")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return [os.path.join(folder, name) for name in ("mine.pem", "mine.pub", "other.pub")]


@test
def a_signature_is_asked_for():
    with scratch() as folder:
        private, public, other = keys(folder)
        plain, signed = build(folder, "/bin/echo", "hi"), build(folder, "--sign", private, "/bin/echo", "hi", name="signed")
        equal("signed", run_image(signed, options=["--require-signature", public]).stdout, b"hi\n")
        for image, key, why in ((plain, public, b"not signed"), (signed, other, b"another key")):
            result = run_image(image, options=["--require-signature", key])
            assert result.returncode == 126 and why in result.stderr and not result.stdout, result
            assert why in hull_tool("inspect", "--verify", key, image, status=1).stderr
        result = run_image("/bin/echo", options=["--require-signature", public])
        assert result.returncode == 126 and b"no image" in result.stderr, result
        hull_tool("inspect", "--verify", public, signed)


@host_test
def a_changed_image_is_not_signed():
    with scratch() as folder:
        private, public, _ = keys(folder)
        for target in ("elf", "disk", "iso"):
            image = build(folder, "--sign", private, "--target", target, "/bin/echo", "hi")
            hull_tool("inspect", "-q", "--verify", public, image)
            with open(image, "rb") as file:
                content = bytearray(file.read())
            for place in range(0, len(content), len(content) // (12 if SOAK or target == "elf" else 3)):
                changed = bytearray(content)
                changed[place] ^= 0x10
                with open(image, "wb") as file:
                    file.write(changed)
                hull_tool("inspect", "-q", "--verify", public, image, status=1)


@test
def a_minimal_kernel_that_is_verified():
    needs("ld")
    with scratch() as folder:
        image = build(folder, "--minimal", "--verify", program("hello-musl"))
        same_as_host(image, [program("hello-musl")])
        account = inspect(image)
        assert account["kernel"]["minimal"] and len(account["kernel"]["calls"]) <= 16, account["kernel"]
        result = hull_tool("build", "-q", "-o", os.path.join(folder, "no"), "--calls", "read,write,exit_group",
                           "--verify", "/bin/ls", status=1)
        assert b"--verify" in result.stderr and not os.path.exists(os.path.join(folder, "no")), result


@test
def init_and_then_build():
    with scratch() as folder:
        hull_tool("init", "/bin/echo", "a b", "it's", '"q"', "#x", cwd=folder)
        hull_tool("build", "-q", cwd=folder)
        same_as_host(os.path.join(folder, "echo.img"), ["/bin/echo", "a b", "it's", '"q"', "#x"])
        before = open(os.path.join(folder, "hull.yaml")).read()
        assert b"left as it is" in hull_tool("init", "/bin/true", status=1, cwd=folder).stderr
        equal("hull.yaml", open(os.path.join(folder, "hull.yaml")).read(), before)
        hull_tool("build", "-q", "-o", "other", "/bin/echo", "other", cwd=folder)
        equal("the command line goes before", run_image(os.path.join(folder, "other")).stdout, b"other\n")


@test
def ports_and_volumes_of_an_image():
    with scratch() as folder:
        data = os.path.join(folder, "data")
        os.mkdir(data)
        image = build(folder, "-v", f"{data}:/data", "/bin/sh", "-c", "echo kept > /data/file")
        equal("status", run_image(image).returncode, 0)
        equal("file", open(os.path.join(data, "file")).read(), "kept\n")


if __name__ == "__main__":
    main(2)
