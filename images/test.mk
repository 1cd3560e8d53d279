# SPDX-License-Identifier: BSD-2-Clause
# The full kernel and its own tests, which run instead of a program.
include images/full.mk
MORE := $(wildcard test/kernel/*.c)
