# SPDX-License-Identifier: BSD-2-Clause
# Unit tests that run as ordinary programs under ASan and UBSan: test/host/*/<name>_test.c becomes
# $(O)/test-host-<name>. One line per test names the sources that it links (relative to the top).
HOST_TEST_MACHINE := test/host/machine.c $(wildcard kernel/mm/*.c kernel/mm/*/*.c) kernel/core/uio.c \
	$(addprefix kernel/lib/,radix.c tree.c bitmap.c hash.c)

HOST_TEST_lib		:= $(wildcard kernel/lib/*.c)
HOST_TEST_page		:= $(HOST_TEST_MACHINE)
HOST_TEST_object	:= $(HOST_TEST_MACHINE)
HOST_TEST_vmspace	:= $(HOST_TEST_MACHINE) test/host/mm/space.c
HOST_TEST_vmspace_file	:= $(HOST_TEST_MACHINE) test/host/mm/space.c
HOST_TEST_vmspace_model	:= $(HOST_TEST_MACHINE)
HOST_TEST_acpi		:= kernel/boot/acpi.c kernel/boot/aml.c
HOST_TEST_pvh		:= kernel/boot/pvh.c
HOST_TEST_sdk_dns	:= sdk/dns/message.c
HOST_TEST_sdk_search	:= $(addprefix sdk/dns/,hosts.c message.c search.c) \
	$(addprefix sdk/core/,address.c address_text.c file.c)
HOST_TEST_sdk_dns_server := $(addprefix sdk/dns/,answer.c message.c zone.c zone_file.c)
HOST_TEST_sdk_http	:= sdk/http/message.c
# The library whole, on a wire of memory and virtual time.
HOST_TEST_SDK := $(filter-out sdk/core/main.c sdk/core/group.c,$(wildcard sdk/core/*.c)) $(wildcard sdk/http/*.c) \
	test/host/sdk/wire.c
HOST_TEST_SDK_LIBS := -Wl,--wrap=clock_gettime -pthread
HOST_TEST_sdk_http_life	:= $(HOST_TEST_SDK)
HOST_TEST_LIBS_sdk_http_life := $(HOST_TEST_SDK_LIBS)
HOST_TEST_scan		:= $(sort $(wildcard scan/*.c scan/*/*.c))
HOST_TEST_LIBS_scan	:= -lZydis
HOST_TEST_virtqueue	:= monitor/device/virtqueue.c monitor/guest_memory.c
HOST_TEST_virtio_net	:= $(addprefix monitor/device/,virtio_net.c net_receive.c net_control.c device.c virtqueue.c) \
	monitor/guest_memory.c test/host/monitor/net_driver.c test/host/monitor/no_worker.c
HOST_TEST_virtio_net_queues := $(HOST_TEST_virtio_net) $(addprefix monitor/net/,iov.c capture.c)
HOST_TEST_virtio_net += $(sort $(wildcard monitor/net/*.c))
HOST_TEST_capture	:= $(addprefix monitor/net/,capture.c iov.c)
HOST_TEST_reassembly	:= monitor/net/reassembly.c
HOST_TEST_net_user	:= monitor/confine.c $(sort $(wildcard monitor/net/*.c))
HOST_TEST_fs_server	:= $(sort $(wildcard monitor/fs/*.c))
HOST_TEST_launch	:= $(addprefix cli/,options.c run/run_options.c run/run_net.c message.c terminal.c) $(addprefix launch/,launch.c cpu_count.c memory_size.c)
HOST_TEST_disk		:= $(sort $(wildcard pack/disk/*.c)) pack/failure.c kernel/boot/loader/memory_map.c \
	$(addprefix kernel/lib/,package.c lz4.c lzma.c x86_branch.c xxh32.c)
HOST_TEST_rewrite	:= $(sort $(wildcard scan/*.c scan/*/*.c pack/rewrite/*.c)) pack/failure.c
HOST_TEST_LIBS_rewrite	:= -lZydis
HOST_TEST_pack		:= $(sort $(wildcard pack/fs/*.c) $(IMAGE_READER)) $(addprefix pack/,arena.c sink.c config/config.c config/yaml.c \
	image/image_hash.c image/image_write.c tree/content.c tree/tree.c) \
	$(addprefix launch/,launch.c cpu_count.c memory_size.c) kernel/lib/crc32c.c
HOST_TEST_LIBS_pack	:= -lyaml -lcrypto
HOST_TEST_LIBS_disk	:= -llz4 -llzma
HOST_TEST_launch_record := launch/launch.c kernel/lib/launch_record.c
HOST_TEST_guest_image := cli/run/guest_image.c $(IMAGE_READER) launch/launch.c $(addprefix kernel/lib/,launch_record.c crc32c.c)
HOST_TEST_tty_ldisc	:= kernel/fs/tty/tty_ldisc.c
HOST_TEST_virtio_ring	:= kernel/drivers/virtio_ring.c monitor/device/virtqueue.c monitor/guest_memory.c
HOST_TEST_fuse		:= $(sort $(wildcard kernel/fs/fuse/*.c monitor/fs/*.c)) kernel/lib/tree.c \
	kernel/core/uio.c

# kernel/fs without the parts that need a host: FUSE and the console's.
HOST_TEST_FS := $(HOST_TEST_MACHINE) test/host/fs/fs_world.c kernel/core/cred.c kernel/core/boot_root.c \
	$(addprefix kernel/lib/,fmt.c cpio.c crc32c.c lz4.c) \
	$(filter-out kernel/fs/fuse/% kernel/fs/tty/%,$(wildcard kernel/fs/*.c kernel/fs/*/*.c))

HOST_TEST_vfs		:= $(HOST_TEST_FS)
HOST_TEST_overlay	:= $(HOST_TEST_FS)
HOST_TEST_pipe		:= $(HOST_TEST_FS)
HOST_TEST_gentree	:= $(HOST_TEST_FS)
HOST_TEST_erofs		:= $(HOST_TEST_FS) test/host/fs/host_tree.c
$(foreach f,$(HOST_TEST_FS) vfs_test.c overlay_test.c pipe_test.c gentree_test.c erofs_test.c,$(if \
	$(filter kernel/fs/% test/host/fs/fs_world.c %_test.c,$f),$(eval \
	HOST_TEST_CFLAGS_$(basename $(notdir $f)) := -D__KERNEL__ -Wno-unused-parameter)))

# The network stack without sockets, on virtual time (test/net/world.h).
HOST_TEST_NET := $(addprefix kernel/net/,address.c counters.c device_flags.c endpoint.c net.c netbuf.c netdev.c) $(wildcard \
	$(addprefix kernel/net/,dhcp/*.c ip/*.c ip/*/*.c link/*.c tcp/*.c tcp/*/*.c udp/*.c wire/*.c)) \
	$(addprefix kernel/lib/,tree.c hash.c fmt.c) $(addprefix test/net/,world.c machine.c cable.c frame.c)

$(foreach f,$(filter kernel/net/%,$(HOST_TEST_NET)),$(eval \
	HOST_TEST_CFLAGS_$(basename $(notdir $f)) += -Wno-unused-parameter -DASSERTIONS))

HOST_TEST_net_bytes	:= $(HOST_TEST_NET)
HOST_TEST_net_link	:= $(HOST_TEST_NET)
HOST_TEST_net_ip	:= $(HOST_TEST_NET)
HOST_TEST_net_group	:= $(HOST_TEST_NET)
HOST_TEST_net_config	:= $(HOST_TEST_NET)
HOST_TEST_net_route	:= $(HOST_TEST_NET)
HOST_TEST_net_stream	:= $(HOST_TEST_NET) test/net/user.c

HOST_TEST_FILES := $(wildcard test/host/*/*_test.c)
HOST_TESTS := $(patsubst %_test.c,$(O)/test-host-%,$(notdir $(HOST_TEST_FILES)))
host_test_objs = $(patsubst %.c,$(O)/obj-test-host/%.o,$(filter %/$1_test.c,$(HOST_TEST_FILES)) $(HOST_TEST_$1))

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
$(addprefix $(O)/obj-test-host/,sdk/%.o test/host/sdk/%.o test/net/fuzz/http.o): HOST_TEST_CFLAGS += -Isdk
HOST_TEST_CFLAGS_string := -fno-builtin $(foreach f,$(HOST_TEST_RENAMED),-D$(f)=kernel_$(f))
# <linux/stat.h> gives S_IFMT and its kin to the kernel only, or without glibc.
$(foreach f,fuse fuse_dir fuse_file,$(eval HOST_TEST_CFLAGS_$(f) := -D__KERNEL__))

.SECONDEXPANSION:
$(HOST_TESTS): $(O)/test-host-%: $$(call host_test_objs,$$*)
	$(CC) -fsanitize=address,undefined -o $@ $^ -lcmocka $(HOST_TEST_LIBS_$*)

.PHONY: tests-host
tests-host: $(HOST_TESTS)
tests: tests-host

-include $(shell find $(O)/obj-test-host -name '*.d' 2>/dev/null)
