# SPDX-License-Identifier: BSD-2-Clause
# The kernel with every leaf in.
LEAVES := $(wildcard kernel/linux/*.c kernel/drivers/*.c kernel/plat/*.c kernel/boot/*.c kernel/boot/*.S kernel/plat/*.S)
