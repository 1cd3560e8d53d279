# SPDX-License-Identifier: BSD-2-Clause
# Unit tests that run as ordinary programs under ASan and UBSan: test/host/<name>_test.c becomes
# $(O)/test-host-<name>. One line per test names the sources that it links (relative to the top).
HOST_TEST_MACHINE := test/host/machine.c $(wildcard kernel/mm/*.c) kernel/core/uio.c \
	$(addprefix kernel/lib/,radix.c tree.c bitmap.c hash.c)

HOST_TEST_lib		:= $(wildcard kernel/lib/*.c)
HOST_TEST_page		:= $(HOST_TEST_MACHINE)
HOST_TEST_object	:= $(HOST_TEST_MACHINE)
HOST_TEST_vmspace	:= $(HOST_TEST_MACHINE) test/host/space.c
HOST_TEST_vmspace_file	:= $(HOST_TEST_MACHINE) test/host/space.c
HOST_TEST_vmspace_model	:= $(HOST_TEST_MACHINE)
HOST_TEST_acpi		:= kernel/boot/acpi.c
HOST_TEST_virtqueue	:= monitor/device/virtqueue.c monitor/guest_memory.c
HOST_TEST_fs_server	:= $(sort $(wildcard monitor/fs/*.c))
HOST_TEST_launch	:= $(addprefix cli/,options.c run_options.c launch.c message.c terminal.c)
HOST_TEST_tty_ldisc	:= kernel/fs/tty/tty_ldisc.c
HOST_TEST_virtio_ring	:= kernel/drivers/virtio_ring.c monitor/device/virtqueue.c monitor/guest_memory.c
HOST_TEST_fuse		:= $(sort $(wildcard kernel/fs/fuse/*.c monitor/fs/*.c)) kernel/lib/tree.c \
	kernel/core/uio.c

# kernel/fs without the parts that need a host: FUSE and the console's.
HOST_TEST_FS := $(HOST_TEST_MACHINE) test/host/fs_world.c kernel/core/cred.c kernel/lib/fmt.c kernel/lib/cpio.c \
	$(filter-out kernel/fs/fuse/% kernel/fs/tty/%,$(wildcard kernel/fs/*.c kernel/fs/*/*.c))

HOST_TEST_vfs		:= $(HOST_TEST_FS)
HOST_TEST_overlay	:= $(HOST_TEST_FS)
HOST_TEST_pipe		:= $(HOST_TEST_FS)
HOST_TEST_gentree	:= $(HOST_TEST_FS)
$(foreach f,$(HOST_TEST_FS) vfs_test.c overlay_test.c pipe_test.c gentree_test.c,$(if \
	$(filter kernel/fs/% test/host/fs_world.c %_test.c,$f),$(eval \
	HOST_TEST_CFLAGS_$(basename $(notdir $f)) := -D__KERNEL__ -Wno-unused-parameter)))

# The network stack without sockets, on virtual time (test/net/world.h).
HOST_TEST_NET := $(addprefix kernel/net/,address.c endpoint.c net.c netbuf.c netdev.c) $(wildcard \
	$(addprefix kernel/net/,dhcp/*.c ip/*.c link/*.c tcp/*.c udp/*.c wire/*.c)) \
	$(addprefix kernel/lib/,tree.c hash.c fmt.c) $(addprefix test/net/,world.c machine.c cable.c frame.c)

$(foreach f,$(filter kernel/net/%,$(HOST_TEST_NET)),$(eval \
	HOST_TEST_CFLAGS_$(basename $(notdir $f)) += -Wno-unused-parameter))

HOST_TEST_net_bytes	:= $(HOST_TEST_NET)
HOST_TEST_net_link	:= $(HOST_TEST_NET)
HOST_TEST_net_ip	:= $(HOST_TEST_NET)
HOST_TEST_net_config	:= $(HOST_TEST_NET)
HOST_TEST_net_route	:= $(HOST_TEST_NET)
HOST_TEST_net_stream	:= $(HOST_TEST_NET)

HOST_TESTS := $(patsubst test/host/%_test.c,$(O)/test-host-%,$(wildcard test/host/*_test.c))

HOST_TEST_CFLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -DDIRECT_MAP_BASE=0x500000000000ull \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fwrapv -fno-strict-aliasing -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror -I. -Iinclude -Ikernel -Itest/host/include

$(O)/obj-test-host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOST_TEST_CFLAGS) $(HOST_TEST_CFLAGS_$(notdir $*)) -MMD -MP -c $< -o $@

# The kernel's <string.h> functions under other names: the test compares them with the C library's.
HOST_TEST_RENAMED := memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr \
	strstr
HOST_TEST_CFLAGS_string := -fno-builtin $(foreach f,$(HOST_TEST_RENAMED),-D$(f)=kernel_$(f))
# <linux/stat.h> gives S_IFMT and its kin to the kernel only, or without glibc.
$(foreach f,fuse fuse_dir fuse_file,$(eval HOST_TEST_CFLAGS_$(f) := -D__KERNEL__))

.SECONDEXPANSION:
$(HOST_TESTS): $(O)/test-host-%: $(O)/obj-test-host/test/host/%_test.o \
		$$(addprefix $(O)/obj-test-host/,$$(HOST_TEST_$$*:.c=.o))
	$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka

.PHONY: tests-host
tests-host: $(HOST_TESTS)
tests: tests-host

-include $(shell find $(O)/obj-test-host -name '*.d' 2>/dev/null)
