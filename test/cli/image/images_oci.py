#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Container images as roots: OCI layouts as folders and tars, docker save's, layers with whiteouts, their configuration,
and what is wrong with some. The images are made here, of Debian's static busybox.
"""
import gzip, hashlib, io, json, os, sys, tarfile
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, HULL, equal, execute, hull_command, main, needs, scratch, test

BUSYBOX = "/bin/busybox"


def layer(entries, compress=False):
    """A tar: (name, bytes | symlink target as str | None for a folder, attributes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, *more in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = 0o755, 1000000
            for key, value in (more[0] if more else {}).items():
                setattr(info, key, value)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = info.type if info.type == tarfile.LNKTYPE else tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return gzip.compress(out.getvalue(), mtime=0) if compress else out.getvalue()


def base():
    needs(BUSYBOX)
    with open(BUSYBOX, "rb") as file:
        binary = file.read()
    links = [(f"bin/{name}", "busybox") for name in ("sh", "cat", "ls", "id", "env", "stat")]
    return [("bin", None), ("bin/busybox", binary), *links, ("etc", None),
            ("etc/passwd", b"root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n"), ("etc/gone", b"x"),
            ("srv", None), ("srv/old", None), ("srv/old/a", b"a"), ("srv/old/b", b"b"),
            ("srv/file", b"from the first layer\n", {"uid": 33, "gid": 44, "mode": 0o640, "mtime": 1234567890})]


LAYERS = [base, lambda: [("etc/.wh.gone", b""), ("srv/old/.wh..wh..opq", b""), ("srv/old/c", b"c"), ("srv/new", None),
                         ("srv/new/name", b"second\n"),
                         ("srv/new/other", "srv/new/name", {"type": tarfile.LNKTYPE})]]
CONFIG = {"architecture": "amd64", "os": "linux",
          "config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["ls /srv/old; cat /srv/file /srv/new/other; pwd; id -u; echo $X"],
                     "Env": ["PATH=/bin", "X=from the image"], "User": "web", "WorkingDir": "/srv/new"}}
EXPECTED = b"c\nfrom the first layer\nsecond\n/srv/new\n33\nfrom the image\n"


def write(folder, name, content):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def blob(folder, content, media):
    digest = hashlib.sha256(content).hexdigest()
    write(folder, f"blobs/sha256/{digest}", content)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)}


def layout(folder, config=CONFIG, compress=True, platform="amd64"):
    """An OCI layout with an index of two platforms, ours the second."""
    kind = "application/vnd.oci.image."
    layers = [blob(folder, layer(make(), compress), kind + "layer.v1.tar+gzip") for make in LAYERS]
    manifest = {"schemaVersion": 2, "config": blob(folder, json.dumps(config).encode(), kind + "config.v1+json"),
                "layers": layers}
    entry = blob(folder, json.dumps(manifest).encode(), kind + "manifest.v1+json")
    other = {**entry, "digest": "sha256:" + "0" * 64, "platform": {"architecture": "arm64", "os": "linux"}}
    index = {"schemaVersion": 2, "manifests": [other, {**entry, "platform": {"architecture": platform, "os": "linux"}}]}
    write(folder, "index.json", json.dumps(index).encode())
    write(folder, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    return folder


def saved(folder):
    """As docker save writes it."""
    for number, make in enumerate(LAYERS):
        write(folder, f"{number}/layer.tar", layer(make()))
    write(folder, "config.json", json.dumps(CONFIG).encode())
    write(folder, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["x:1"],
                                                "Layers": ["0/layer.tar", "1/layer.tar"]}]).encode())
    return folder


def tarred(folder):
    with tarfile.open(folder + ".tar", "w") as tar:
        tar.add(folder, arcname=".")
    return folder + ".tar"


def build(folder, *arguments, status=0):
    image = os.path.join(folder, "image")
    result = execute([HULL, "build", "-q", "-o", image, *arguments], GUARD)
    assert result.returncode == status, result
    return image if status == 0 else result.stderr.decode()


def run_image(image, *arguments):
    return execute(hull_command([image, *arguments]), GUARD)


@test
def a_layout_as_a_folder_and_as_a_tar():
    with scratch() as folder:
        source = layout(os.path.join(folder, "layout"))
        for place in (source, tarred(source)):
            result = run_image(build(folder, "--oci", place))
            equal("what it prints", (result.stdout, result.returncode), (EXPECTED, 0))


@test
def what_docker_saves():
    with scratch() as folder:
        result = run_image(build(folder, "--oci", tarred(saved(os.path.join(folder, "saved")))))
        equal("what it prints", (result.stdout, result.returncode), (EXPECTED, 0))


@test
def owners_times_and_whiteouts():
    with scratch() as folder:
        image = build(folder, "--no-patch", "--oci", layout(os.path.join(folder, "layout"), compress=False))
        root = os.path.join(folder, "root")
        account = execute([HULL, "inspect", "--json", "--files", "--root", root, image], GUARD)
        files = {f["path"]: f for f in json.loads(account.stdout)["root"]["files"]}
        assert "/etc/gone" not in files and "/srv/old/a" not in files and "/srv/old/c" in files, sorted(files)
        equal("owner", [files["/srv/file"][key] for key in ("uid", "gid", "mode")], [33, 44, "100640"])
        equal("time", run_image(image, "-c", "stat -c %Y /srv/file; stat -c %h /srv/new/name").stdout, b"1234567890\n2\n")
        needs("fsck.erofs")
        result = execute(["fsck.erofs", root], GUARD)
        assert result.returncode == 0, result


@test
def another_program_of_the_image():
    with scratch() as folder:
        source = layout(os.path.join(folder, "layout"))
        equal("by its PATH", run_image(build(folder, "--oci", source, "-u", "root", "cat", "/srv/file")).stdout,
              b"from the first layer\n")
        equal("other arguments", run_image(build(folder, "--oci", source), "-c", "echo $0 given").stdout, b"/bin/sh given\n")
        assert "not in the container image" in build(folder, "--oci", source, "no-such-program", status=1)


@test
def with_a_minimal_kernel():
    needs("ld")
    with scratch() as folder:
        image = build(folder, "--minimal", "--oci", layout(os.path.join(folder, "layout")))
        result = run_image(image)
        equal("what it prints", (result.stdout, result.returncode), (EXPECTED, 0))
        account = json.loads(execute([HULL, "inspect", "--json", image], GUARD).stdout)
        assert account["kernel"]["minimal"], account["kernel"]


@test
def the_same_image_gives_the_same_bytes():
    with scratch() as folder:
        digests = set()
        for number in range(2):
            source = layout(os.path.join(folder, f"layout{number}"))
            with open(build(folder, "--oci", source if number else tarred(source)), "rb") as file:
                digests.add(hashlib.sha256(file.read()).hexdigest())
        equal("digests", len(digests), 1)


@test
def what_is_wrong_with_some():
    with scratch() as folder:
        source = layout(os.path.join(folder, "layout"), platform="riscv64")
        assert "linux/amd64" in build(folder, "--oci", source, status=1)
        source = layout(os.path.join(folder, "other"), config={**CONFIG, "architecture": "arm64"})
        assert "arm64" in build(folder, "--oci", source, status=1)
        source = layout(os.path.join(folder, "empty"), config={"architecture": "amd64"})
        assert "names no program" in build(folder, "--oci", source, status=1)
        assert "No such file" in build(folder, "--oci", os.path.join(folder, "none"), status=1)
        os.mkdir(os.path.join(folder, "bare"))
        assert "neither index.json nor" in build(folder, "--oci", os.path.join(folder, "bare"), status=1)
        write(folder, "text.tar", b"no tar at all" * 100)
        assert "text.tar" in build(folder, "--oci", os.path.join(folder, "text.tar"), status=1)


@test
def damaged_blobs():
    with scratch() as folder:
        source = layout(os.path.join(folder, "layout"))
        blobs = os.path.join(source, "blobs/sha256")
        for name in sorted(os.listdir(blobs)):
            path = os.path.join(blobs, name)
            with open(path, "rb") as file:
                content = file.read()
            for changed in (content[:len(content) // 2], content[:-1] + bytes([content[-1] ^ 1]), None):
                if changed is None:
                    os.unlink(path)
                else:
                    write(blobs, name, changed)
                text = build(folder, "--oci", source, status=1)
                assert name in text and ("damaged" in text or "missing" in text), text
            write(blobs, name, content)
        build(folder, "--oci", source)


if __name__ == "__main__":
    main(2)
