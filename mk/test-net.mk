# SPDX-License-Identifier: BSD-2-Clause
# TCP on virtual time, as ordinary programs under ASan and UBSan: test/net/<name>_main.c would be one;
# $(O)/test-net-play plays the scripts of test/net/tcp, $(O)/test-net-pair joins two stacks by a bad wire.
NET_TEST_STACK := $(wildcard kernel/net/tcp/*.c) kernel/net/netbuf.c kernel/net/endpoint.c kernel/net/address.c \
	kernel/net/wire/checksum.c $(addprefix kernel/lib/,tree.c hash.c) test/net/world.c test/net/wire.c

NET_TESTS := $(O)/test-net-play $(O)/test-net-pair

NET_TEST_OBJS = $(addprefix $(O)/obj-test-host/,$(NET_TEST_STACK:.c=.o))

$(O)/test-net-play: $(addprefix $(O)/obj-test-host/test/net/,play.o play_segment.o play_wire.o play_number.o) $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

$(O)/test-net-pair: $(O)/obj-test-host/test/net/pair.o $(O)/obj-test-host/test/net/trials.o $(NET_TEST_OBJS)
	$(CC) -fsanitize=address,undefined -o $@ $^

.PHONY: tests-net
tests-net: $(NET_TESTS)
tests: tests-net
