# SPDX-License-Identifier: BSD-2-Clause
# The kernel with every leaf in.
LEAVES := $(addprefix kernel/boot/,acpi.c cpus.c direct.S direct.c pvh.S pvh.c) \
	$(addprefix kernel/plat/,ending.c ioapic.c kvm.c lapic.c pc.c pci.c sipi.S sipi.c wall.c) \
	$(addprefix kernel/drivers/,virtio.c virtio_console.c virtio_fs.c virtio_mmio.c virtio_pci.c virtio_ring.c virtio_rng.c)

# The Linux personality, by families. A call whose family is left out answers ENOSYS.
LINUX_FAMILIES := event exec file futex ipc proc sched signal socket strace task time
# The stack is not under the sockets yet: only its tests build it.
NET_STACK ?= $(addprefix kernel/net/,endpoint.c net.c netbuf.c netdev.c) \
	$(wildcard $(addprefix kernel/net/,dhcp/*.c ip/*.c link/*.c tcp/*.c udp/*.c wire/*.c))
LEAVES += $(filter-out $(NET_STACK),$(wildcard kernel/net/*.c kernel/net/*/*.c))
LEAVES += $(wildcard kernel/linux/*.c $(LINUX_FAMILIES:%=kernel/linux/%/*.c))
