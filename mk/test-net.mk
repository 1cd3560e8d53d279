# SPDX-License-Identifier: BSD-2-Clause
# TCP on virtual time, as ordinary programs under ASan and UBSan: $(O)/test-net-play plays the scripts of
# test/net/tcp, $(O)/test-net-pair joins two stacks by a bad wire, $(O)/test-net-fuzz makes segments up.
NET_TEST_STACK := $(wildcard kernel/net/tcp/*.c kernel/net/tcp/*/*.c) kernel/net/netbuf.c kernel/net/endpoint.c kernel/net/address.c \
	kernel/net/wire/checksum.c $(addprefix kernel/lib/,tree.c hash.c) test/net/world.c test/net/wire.c \
	test/net/user.c

NET_TESTS := $(addprefix $(O)/test-net-,play pair fuzz threads packets device driver http stack path)

comma := ,
NET_TEST_OBJS = $(addprefix $(O)/obj-test-host/,$(NET_TEST_STACK:.c=.o))

$(O)/test-net-play: $(addprefix $(O)/obj-test-host/test/net/,play.o play_segment.o play_wire.o play_number.o) $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-pair: $(O)/obj-test-host/test/net/pair.o $(O)/obj-test-host/test/net/trials.o $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-fuzz: $(O)/obj-test-host/test/net/fuzz/segments.o $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

# The same stack under the thread sanitizer, with many threads and a clock that runs.
NET_THREADS_OBJS = $(patsubst %.c,$(O)/obj-test-threads/%.o,$(filter-out test/%,$(NET_TEST_STACK)) \
	test/net/threads.c test/net/user.c)

$(O)/obj-test-threads/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(subst -fsanitize=address$(comma)undefined,-fsanitize=thread,$(HOST_TEST_CFLAGS)) -Wno-unused-parameter -DASSERTIONS -MMD -MP -c $< -o $@

$(O)/test-net-threads: $(NET_THREADS_OBJS)
	$(CC) -fsanitize=thread -pthread -o $@ $^

-include $(shell find $(O)/obj-test-threads -name '*.d' 2>/dev/null)

# Packets to a whole host: by a seed, and by libFuzzer (clang).
NET_PACKETS = $(HOST_TEST_NET) test/net/user.c $(addprefix test/net/fuzz/,packets.c connections.c examples.c)

$(O)/test-net-packets: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(NET_PACKETS) test/net/fuzz/seeds.c))
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-packets-guided: $(NET_PACKETS) test/net/fuzz/mutate.c
	clang $(HOST_TEST_CFLAGS) -Wno-unused-parameter -fsanitize=fuzzer -o $@ $^

# The monitor's network device and a guest that lies: by a seed, and by libFuzzer.
NET_DEVICE = $(wildcard monitor/device/net_*.c) $(addprefix monitor/device/,virtio_net.c device.c virtqueue.c \
	virtio_mmio.c) $(addprefix monitor/net/,capture.c iov.c) monitor/guest_memory.c test/host/monitor/no_worker.c \
	test/net/fuzz/net_device.c

$(O)/test-net-device: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(NET_DEVICE) test/net/fuzz/bytes_seeds.c))
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-device-guided: $(NET_DEVICE)
	clang $(HOST_TEST_CFLAGS) -fsanitize=fuzzer -o $@ $^

# The kernel's network driver and a device that lies, with the stack above it.
NET_DRIVER = $(HOST_TEST_NET) test/net/user.c $(wildcard kernel/drivers/virtio_net*.c) \
	$(addprefix kernel/drivers/,virtio.c virtio_ring.c) test/net/fuzz/net_driver.c
NET_DRIVER_WRAP := -Wl,--wrap=net_machine_get -Wl,--wrap=thread_new

$(O)/test-net-driver: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(NET_DRIVER) test/net/fuzz/bytes_seeds.c))
	$(CC) -fsanitize=address,undefined $(NET_DRIVER_WRAP) -o $@ $^

$(O)/test-net-driver-guided: $(NET_DRIVER)
	clang $(HOST_TEST_CFLAGS) -Wno-unused-parameter $(NET_DRIVER_WRAP) -fsanitize=fuzzer -o $@ $^

# The SDK's HTTP server and peers that send anything.
NET_HTTP = $(HOST_TEST_SDK) test/net/fuzz/http.c

$(O)/test-net-http: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(NET_HTTP) test/net/fuzz/bytes_seeds.c))
	$(CC) -fsanitize=address,undefined -o $@ $^ $(HOST_TEST_SDK_LIBS)

$(O)/test-net-http-guided: $(NET_HTTP)
	clang $(HOST_TEST_CFLAGS) -Isdk -fsanitize=fuzzer -o $@ $^ $(HOST_TEST_SDK_LIBS)

NET_GUIDED := $(addprefix $(O)/test-net-,$(addsuffix -guided,packets device driver http))
soak-built: $(if $(shell command -v clang),$(NET_GUIDED))

# The stack as a process on a descriptor, and a bad path for it and for the guest: test/net/path.
$(O)/test-net-stack: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(HOST_TEST_NET) test/net/path/stack.c))
	$(CC) -fsanitize=address,undefined -o $@ $^

NET_PATH = $(addprefix test/net/path/,impair.c way.c router.c capture.c)

$(O)/test-net-path: $(NET_PATH) test/net/path/impair.h
	$(CC) $(TEST_CFLAGS) -O2 -I. -o $@ $(NET_PATH)

.PHONY: tests-net
tests-net: $(NET_TESTS)
tests: tests-net
