# SPDX-License-Identifier: BSD-2-Clause
# TCP on virtual time, as ordinary programs under ASan and UBSan: $(O)/test-net-play plays the scripts of
# test/net/tcp, $(O)/test-net-pair joins two stacks by a bad wire, $(O)/test-net-fuzz makes segments up.
NET_TEST_STACK := $(wildcard kernel/net/tcp/*.c) kernel/net/netbuf.c kernel/net/endpoint.c kernel/net/address.c \
	kernel/net/wire/checksum.c $(addprefix kernel/lib/,tree.c hash.c) test/net/world.c test/net/wire.c

NET_TESTS := $(addprefix $(O)/test-net-,play pair fuzz threads packets)

comma := ,
NET_TEST_OBJS = $(addprefix $(O)/obj-test-host/,$(NET_TEST_STACK:.c=.o))

$(O)/test-net-play: $(addprefix $(O)/obj-test-host/test/net/,play.o play_segment.o play_wire.o play_number.o) $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-pair: $(O)/obj-test-host/test/net/pair.o $(O)/obj-test-host/test/net/trials.o $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-fuzz: $(O)/obj-test-host/test/net/fuzz.o $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

# The same stack under the thread sanitizer, with many threads and a clock that runs.
NET_THREADS_OBJS = $(patsubst %.c,$(O)/obj-test-threads/%.o,$(filter-out test/%,$(NET_TEST_STACK)) test/net/threads.c)

$(O)/obj-test-threads/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(subst -fsanitize=address$(comma)undefined,-fsanitize=thread,$(HOST_TEST_CFLAGS)) -MMD -MP -c $< -o $@

$(O)/test-net-threads: $(NET_THREADS_OBJS)
	$(CC) -fsanitize=thread -pthread -o $@ $^

-include $(shell find $(O)/obj-test-threads -name '*.d' 2>/dev/null)

# Packets to a whole host: by a seed, and by libFuzzer (clang).
NET_PACKETS = $(HOST_TEST_NET) test/net/fuzz_packets.c

$(O)/test-net-packets: $(addprefix $(O)/obj-test-host/,$(patsubst %.c,%.o,$(NET_PACKETS) test/net/fuzz_seeds.c))
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-packets-guided: $(NET_PACKETS)
	clang $(HOST_TEST_CFLAGS) -Wno-unused-parameter -fsanitize=fuzzer -o $@ $^

.PHONY: tests-net
tests-net: $(NET_TESTS)
tests: tests-net
