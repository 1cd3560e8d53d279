# SPDX-License-Identifier: BSD-2-Clause
# The leaves: everything that the kernel can hold. An image of another name adds MORE to it.
LEAVES := $(addprefix kernel/boot/,acpi.c aml.c cpus.c direct.S direct.c image_slot.S payload.c pvh.S pvh.c soft_kvm.c soft_kvm_msr.S) \
	$(addprefix kernel/plat/,ending.c ioapic.c kvm.c lapic.c pc.c pci.c sipi.S sipi.c uart.c wall.c) \
	$(addprefix kernel/drivers/,virtio.c virtio_console.c virtio_fs.c virtio_mmio.c virtio_net.c virtio_net_filter.c virtio_net_receive.c virtio_net_send.c virtio_pci.c virtio_ring.c virtio_rng.c)

# The Linux personality, by families. A call whose family is left out answers ENOSYS.
LINUX_FAMILIES := event exec file futex ipc network proc sched signal socket strace task time uring
LEAVES += $(wildcard kernel/native/*.c)
LEAVES += $(wildcard kernel/net/*.c kernel/net/*/*.c kernel/net/*/*/*.c)
LEAVES += $(wildcard kernel/linux/*.c $(LINUX_FAMILIES:%=kernel/linux/%/*.c))
