#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Folders of the host in the guest, `hull run -v`: what calls on names and contents do there is what they do on the
host, and the host finds the same afterwards.
"""
import os, shutil, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import equal, host, hull, main, needs, scratch, test

CALLS = r"""
import errno, fcntl, os, stat, sys
os.chdir(sys.argv[1])

def attempt(name, function, *arguments):
    try:
        result = function(*arguments)
        print(name, result if isinstance(result, (int, str, bytes)) else "done")
    except OSError as error:
        print(name, errno.errorcode[error.errno])

def put(name, text):
    with open(name, "w") as file:
        file.write(text)

def content(name):
    with open(name) as file:
        return file.read()

put("a", "one"); put("b", "two"); os.mkdir("dir"); os.mkdir("full"); put("full/x", "")
attempt("rename", os.rename, "a", "c"); attempt("gone", os.stat, "a"); attempt("over", os.replace, "c", "b")
attempt("content", content, "b"); attempt("into", os.rename, "b", "dir/b"); attempt("out", os.rename, "dir/b", "b")
attempt("folder", os.rename, "dir", "other"); attempt("onto a full one", os.rename, "other", "full")
attempt("file onto folder", os.rename, "b", "other"); attempt("folder onto file", os.rename, "other", "b")
attempt("into itself", os.rename, "full", "full/sub"); attempt("none", os.rename, "none", "some")
attempt("across", os.rename, "b", "/dev/shm/b"); folder = os.open(".", os.O_RDONLY)
attempt("renameat", lambda: os.rename("b", "d", src_dir_fd=folder, dst_dir_fd=folder))
attempt("link", os.link, "d", "hard"); attempt("count", lambda: os.stat("d").st_nlink)
attempt("same file renamed", os.rename, "d", "hard"); attempt("symlink", os.symlink, "d", "soft")
attempt("readlink", os.readlink, "soft"); attempt("chmod", os.chmod, "d", 0o640)
attempt("mode", lambda: oct(os.stat("d").st_mode)); attempt("utime", lambda: os.utime("d", ns=(10**18, 2 * 10**18)))
attempt("times", lambda: str((os.stat("d").st_atime_ns, os.stat("d").st_mtime_ns)))
attempt("truncate", os.truncate, "d", 2); attempt("short", content, "d"); attempt("longer", os.truncate, "d", 5)
attempt("zeros", lambda: content("d").encode())
attempt("unlink", os.unlink, "hard"); attempt("rmdir", os.rmdir, "full")
fd = os.open("open", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600); os.write(fd, b"kept"); os.unlink("open")
attempt("unlinked", lambda: os.pread(fd, 10, 0)); attempt("its links", lambda: os.fstat(fd).st_nlink)
attempt("exclusive", os.open, "d", os.O_CREAT | os.O_EXCL)
attempt("append", lambda: os.write(os.open("d", os.O_WRONLY | os.O_APPEND), b"!")); attempt("whole", content, "d")
attempt("allocate", lambda: os.posix_fallocate(fd, 0, 10000)); attempt("size", lambda: os.fstat(fd).st_size)
attempt("lock", lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)); attempt("sync", os.fsync, fd)
attempt("xattr", lambda: os.setxattr("d", "user.test", b"value"))
attempt("its value", lambda: os.getxattr("d", "user.test"))
attempt("list", lambda: str(sorted(os.listdir("."))))
"""


def tree(folder):
    found = []
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            st = os.lstat(path)
            text = os.readlink(path) if os.path.islink(path) else ""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    text = file.read()
            found.append((os.path.relpath(path, folder), oct(st.st_mode), st.st_nlink, text))
    return sorted(found)


@test
def calls_on_names_and_contents():
    needs("/usr/bin/python3")
    with scratch() as parent:
        folder, results = f"{parent}/volume", []
        for run, options in ((host, {}), (hull, {"options": ("-v", f"{folder}:{folder}")})):
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            result = run("/usr/bin/python3", "-c", CALLS, folder, **options)
            lines = [*result.stdout.decode().splitlines(), result.stderr.decode()]
            results.append((lines, result.returncode, tree(folder)))
        for number, what in enumerate(("calls", "status", "what the host finds")):
            equal(what, results[1][number], results[0][number])


@test
def rename_without_flags():
    needs("perl")
    with scratch() as folder:
        script = f"cd {folder} && echo text > a && perl -e 'rename(\"a\", \"b\") or die $!' && cat b && ls"
        result = hull("/bin/sh", "-c", script, options=("-v", f"{folder}:{folder}"))
        equal("rename", (result.returncode, result.stdout, result.stderr), (0, b"text\nb\n", b""))
        equal("the host's folder", os.listdir(folder), ["b"])


if __name__ == "__main__":
    main()
