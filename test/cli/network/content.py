# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of servers send about: files of seeded bytes, a certificate, and how they are compared: by SHA-256."""
import hashlib, os, random
from harness import ACCEL, GUARD, SOAK, equal, execute, host


CHUNK = 1 << 24
BIG = (1 << 30) if SOAK else (64 << 20) if ACCEL == "kvm" else (4 << 20)
SIZES = (0, 1024, 1 << 20, BIG)


def write_file(path, size, seed=1):
    """Its hash. Every byte of up to 16 MiB is random, and so is the order of such pieces."""
    source, digest = random.Random(seed * 1000003 + size), hashlib.sha256()
    piece = source.randbytes(min(size, CHUNK))
    with open(path, "wb") as file:
        for at in range(0, size, CHUNK):
            block = at.to_bytes(8, "big") + piece[8:] if size - at >= CHUNK else piece[:size - at]
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def write_files(folder, sizes=SIZES):
    """Their names and hashes."""
    os.makedirs(folder, exist_ok=True)
    return {str(size): write_file(f"{folder}/{size}", size) for size in sizes}


def file_hash(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def write_certificate(folder):
    """Of this test, for localhost: cert.pem and key.pem."""
    result = host("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                  "-subj", "/CN=localhost", "-days", "30", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem")
    assert result.returncode == 0, result.stderr


def printed_hash(*command, stdin="/dev/null"):
    """Of what a command prints. It must succeed, and say nothing else."""
    with open(stdin, "rb") as file:
        result = execute(["bash", "-c", 'set -o pipefail; "$@" | sha256sum', "bash", *command], GUARD, stdin=file)
    equal(f"{' '.join(command)}: status and errors", (result.returncode, result.stderr), (0, b""))
    return result.stdout.split()[0].decode()


def check_downloads(files, url, *options):
    """curl gets each of the files of that folder, whole."""
    for name, digest in files.items():
        equal(f"{url}{name}", printed_hash("curl", "-sS", "--fail", *options, f"{url}{name}"), digest)
