# SPDX-License-Identifier: BSD-2-Clause
"""
The other guest of the comparison where KVM cannot run one: Debian's own cloud kernel under the same QEMU,
with the same emulation and the same virtio devices (on q35: its clock needs more than a microvm has). In
its initramfs is nothing but busybox, a program, the libraries that it is linked to, and the files that it
is given. The kernel is downloaded into the build directory and not installed.

    guest = LinuxGuest(f"{BUILD}/linux", memory="512M", cpus=1)
    words = guest.command(["/usr/bin/redis-server", "--save", ""], tap="tap0", address="10.1.0.2/24")
"""
import glob, os, re, shutil, subprocess

# Each needs those before it.
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover",
           "net_failover", "virtio_net")
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev 2>/dev/null
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mkdir -p /tmp /run /dev/shm
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox ip link set lo up
{network}
{command}
/bin/busybox poweroff -f
"""


NETWORK = "/bin/busybox ip addr add {address} dev eth0\n/bin/busybox ip link set eth0 up"


def quoted(word):
    return "'" + word.replace("'", "'\\''") + "'"


def closure(path):
    """The file, the target of each link on its way, and what the dynamic loader would bring."""
    found = {path}
    while os.path.islink(path):
        path = os.path.join(os.path.dirname(path), os.readlink(path))
        found.add(path)
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return found | set(re.findall(r"(/\S+) \(0x", listed))


class LinuxGuest:
    def __init__(self, folder, memory="512M", cpus=1):
        """Raises CalledProcessError where the package cannot be had."""
        self.folder, self.memory, self.cpus = folder, memory, cpus
        if not glob.glob(f"{folder}/root/boot/vmlinuz-*"):
            self._download()
        self.kernel = glob.glob(f"{folder}/root/boot/vmlinuz-*")[0]

    def _download(self):
        os.makedirs(self.folder, exist_ok=True)
        depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True,
                                 capture_output=True, text=True).stdout
        package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
        subprocess.run(["apt-get", "download", "-q", package], cwd=self.folder, check=True, capture_output=True)
        file = glob.glob(f"{self.folder}/{package}_*.deb")[0]
        subprocess.run(["dpkg-deb", "-x", file, f"{self.folder}/root"], check=True)
        os.unlink(file)

    def _initramfs(self, command, files, address):
        tree = f"{self.folder}/tree"
        shutil.rmtree(tree, ignore_errors=True)
        for folder in ("dev", "proc", "sys", "modules", "bin", "etc"):
            os.makedirs(f"{tree}/{folder}")
        wanted = {"/etc/passwd", "/etc/group", *files}
        for program in (command[0], *files):
            wanted |= closure(program) if os.access(program, os.X_OK) and os.path.isfile(program) else set()
        for path in sorted(wanted):
            os.makedirs(tree + os.path.dirname(path), exist_ok=True)
            if os.path.isdir(path):
                shutil.copytree(path, tree + path, dirs_exist_ok=True)
            else:
                shutil.copy(path, tree + path)
        shutil.copy("/bin/busybox", f"{tree}/bin/busybox")
        for module in MODULES:
            shutil.copy(glob.glob(f"{self.folder}/root/lib/modules/*/kernel/**/{module}.ko", recursive=True)[0],
                        f"{tree}/modules")
        with open(f"{tree}/init", "w") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(INIT.format(modules=" ".join(MODULES),
                                   network=NETWORK.format(address=address) if address else "",
                                   command=" ".join(quoted(word) for word in command)))
        names = subprocess.run(["find", "."], cwd=tree, check=True, capture_output=True).stdout
        archive = subprocess.run(["/bin/busybox", "cpio", "-o", "-H", "newc"], cwd=tree, input=names, check=True,
                                 capture_output=True).stdout
        with open(f"{self.folder}/initramfs", "wb") as file:        # unpacking one is slow, emulated
            file.write(archive)
        return f"{self.folder}/initramfs"

    def command(self, command, tap=None, address=None, files=()):
        """The words that start it: files are copied from the host, folders whole. Without a tap it has no network."""
        network = ["-netdev", f"tap,id=n0,ifname={tap},script=no,downscript=no,vhost=off",
                   "-device", "virtio-net-pci,netdev=n0"] if tap else []
        return ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max",
                "-m", self.memory, "-smp", str(self.cpus), "-nodefaults", "-no-user-config", "-display", "none",
                "-serial", "stdio", "-no-reboot", "-kernel", self.kernel,
                "-initrd", self._initramfs(command, files, address),
                "-append", "console=ttyS0 quiet panic=-1 mitigations=off", *network]
