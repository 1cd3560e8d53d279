# SPDX-License-Identifier: BSD-2-Clause
# The full kernel, in which a program may make one of its allocations fail: test/linux/fail_*.c use it.
include images/full.mk
MORE := test/kernel/fault/fail_nth.c
