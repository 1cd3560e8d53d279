# SPDX-License-Identifier: BSD-2-Clause
# The kernel: an archive of all its parts, and one ELF file linked from it (pack/link/link.h), as
# `hull build --minimal` links smaller ones.
#   IMAGE=full     what more is in: images/<IMAGE>.mk
#   DEBUG=1        assertions, red zones, poisoning
#   KCC=clang      the other compiler
#   KOPT=-O2       how much of the compiler's time: a kernel for one test has less
IMAGE ?= full
KCC ?= gcc
KOPT ?= -O2
include images/$(IMAGE).mk

# Images differ in what is linked: they share their objects.
IMAGE_NAME := $(if $(filter full,$(IMAGE)),,-$(IMAGE))
KERNEL := $(O)/hull-kernel$(IMAGE_NAME).elf
UAPI := $(O)/uapi

# Nothing here needs the 16 bytes that the ABI aligns the stack to for SSE: with 8 it is 1 % less code.
STACK_BOUNDARY := $(if $(findstring clang,$(KCC)),-mstack-alignment=8,-mpreferred-stack-boundary=3)
KCFLAGS := -std=gnu11 $(KOPT) -g -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel \
	$(STACK_BOUNDARY) -fno-pic -fno-pie -fno-omit-frame-pointer -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables \
	-fstack-protector-strong -mstack-protector-guard=global -fno-common -fwrapv \
	-ffunction-sections -fdata-sections \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
	-Wno-unused-parameter -nostdinc -isystem $(shell $(KCC) -print-file-name=include) -isystem $(UAPI) \
	-Ikernel -Iinclude -Ikernel/arch/x86_64/include
ifdef DEBUG
KCFLAGS += -DDEBUG
endif
KASFLAGS := $(KCFLAGS) -D__ASSEMBLY__

include images/cold.mk

KERNEL_DIRS := kernel/lib kernel/core kernel/mm kernel/fs $(wildcard $(addsuffix /*/.,kernel/core kernel/mm kernel/fs)) kernel/arch/x86_64
KERNEL_SRCS := $(subst /./,/,$(wildcard $(addsuffix /*.c,$(KERNEL_DIRS)) $(addsuffix /*.S,$(KERNEL_DIRS)))) $(LEAVES)
KERNEL_OBJS := $(patsubst %,$(O)/%.o,$(KERNEL_SRCS))
MORE_OBJS := $(patsubst %,$(O)/%.o,$(MORE))

$(UAPI)/.made:
	@mkdir -p $(UAPI)
	@ln -sfn /usr/include/linux $(UAPI)/linux
	@ln -sfn /usr/include/asm-generic $(UAPI)/asm-generic
	@ln -sfn /usr/include/x86_64-linux-gnu/asm $(UAPI)/asm
	@touch $@

$(O)/kernel/%.c.o: kernel/%.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KCFLAGS) $(if $(filter $(COLD),$<),-Oz) -MMD -MP -c $< -o $@

$(O)/small/kernel/%.c.o: kernel/%.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KCFLAGS) -Oz -MMD -MP -c $< -o $@

$(O)/test/kernel/%.c.o: test/kernel/%.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KCFLAGS) -MMD -MP -c $< -o $@

$(O)/kernel/%.S.o: kernel/%.S $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KASFLAGS) -MMD -MP -c $< -o $@

$(O)/hull-kernel.a: $(KERNEL_OBJS)
	@rm -f $@
	$(Q)cd $(O) && ar rcsDP hull-kernel.a $(KERNEL_OBJS:$(O)/%=%)

# The same with everything compiled for size: --minimal=small. What is cold is in both.
SMALL_SRCS := $(filter-out $(COLD),$(filter %.c,$(KERNEL_SRCS)))
SMALL_OBJS := $(SMALL_SRCS:%=$(O)/small/%.o)

$(O)/hull-kernel-small.a: $(O)/hull-kernel.a $(SMALL_OBJS)
	$(Q)cp $< $@
	$(Q)cd $(O) && ar dP hull-kernel-small.a $(SMALL_SRCS:%=%.o) && \
		cd small && ar rcsDP ../hull-kernel-small.a $(SMALL_SRCS:%=%.o)

$(O)/hull-kernel.lds: mk/kernel.lds
	@cp $< $@

# The program that links; the same code is in hull-image.
LINK_KERNEL_SRCS := tools/link-kernel.c $(wildcard pack/link/*.c) pack/arena.c pack/failure.c
LINK_KERNEL_OBJS := $(LINK_KERNEL_SRCS:%.c=$(O)/host/%.o)

$(O)/link-kernel: $(LINK_KERNEL_OBJS)
	$(Q)$(HOSTCC) $(HOST_LDFLAGS) -o $@ $^

$(KERNEL): $(O)/hull-kernel.a $(O)/hull-kernel.lds $(O)/link-kernel $(MORE_OBJS)
	$(Q)$(O)/link-kernel --folder $(O) --out $@ --debug $@.debug -- $(IMAGE_LDFLAGS) $(MORE_OBJS)

.PHONY: kernel kernel-objs
kernel: $(KERNEL)
kernel-objs: $(KERNEL_OBJS) $(MORE_OBJS)

-include $(KERNEL_OBJS:.o=.d) $(MORE_OBJS:.o=.d) $(SMALL_OBJS:.o=.d) $(LINK_KERNEL_OBJS:.o=.d)
