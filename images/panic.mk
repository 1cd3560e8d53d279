# SPDX-License-Identifier: BSD-2-Clause
# The full kernel with a panic in place of the program: test/kernel/run looks at its report.
include images/full.mk
MORE := test/kernel/panic/panic.c
