# SPDX-License-Identifier: BSD-2-Clause
# The full kernel with tests of the network device's driver, which stand between it and the stack.
include images/full.mk
MORE := test/kernel/ktest.c $(sort $(wildcard test/kernel/net/*.c))
IMAGE_LDFLAGS := --wrap=netdev_receive
