# SPDX-License-Identifier: BSD-2-Clause
# The kernel: one ELF file, linked twice (the second time with its own symbol table inside).
#   IMAGE=full     which leaves are in: images/<IMAGE>.mk
#   DEBUG=1        assertions, red zones, poisoning
#   KCC=clang      the other compiler
IMAGE ?= full
KCC ?= gcc
include images/$(IMAGE).mk

KERNEL := $(O)/hull-kernel.elf
UAPI := $(O)/uapi

KCFLAGS := -std=gnu11 -O2 -g -ffreestanding -mgeneral-regs-only -mno-red-zone -mcmodel=kernel \
	-fno-pic -fno-pie -fno-omit-frame-pointer -fno-strict-aliasing -fno-asynchronous-unwind-tables \
	-fstack-protector-strong -mstack-protector-guard=global -fno-common -fwrapv \
	-ffunction-sections -fdata-sections \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
	-Wno-unused-parameter -nostdinc -isystem $(shell $(KCC) -print-file-name=include) -isystem $(UAPI) \
	-Ikernel -Iinclude -Ikernel/arch/x86_64/include
ifdef DEBUG
KCFLAGS += -DDEBUG
endif
KASFLAGS := $(KCFLAGS) -D__ASSEMBLY__
KLDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections --build-id=none

KERNEL_DIRS := kernel/lib kernel/core kernel/mm kernel/fs $(wildcard kernel/fs/*/.) kernel/arch/x86_64
KERNEL_SRCS := $(subst /./,/,$(wildcard $(addsuffix /*.c,$(KERNEL_DIRS)) $(addsuffix /*.S,$(KERNEL_DIRS)))) $(LEAVES)
KERNEL_OBJS := $(patsubst %,$(O)/%.o,$(KERNEL_SRCS))

$(UAPI)/.made:
	@mkdir -p $(UAPI)
	@ln -sfn /usr/include/linux $(UAPI)/linux
	@ln -sfn /usr/include/asm-generic $(UAPI)/asm-generic
	@ln -sfn /usr/include/x86_64-linux-gnu/asm $(UAPI)/asm
	@touch $@

$(O)/kernel/%.c.o: kernel/%.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KCFLAGS) -MMD -MP -c $< -o $@

$(O)/test/kernel/%.c.o: test/kernel/%.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KCFLAGS) -MMD -MP -c $< -o $@

$(O)/kernel/%.S.o: kernel/%.S $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(KASFLAGS) -MMD -MP -c $< -o $@

$(O)/kernel.first.elf: $(KERNEL_OBJS) mk/kernel.lds
	$(Q)ld $(KLDFLAGS) -T mk/kernel.lds -o $@ $(KERNEL_OBJS)

$(O)/ksyms.S: $(O)/kernel.first.elf tools/ksyms.sh
	$(Q)sh tools/ksyms.sh $< > $@

$(O)/ksyms.o: $(O)/ksyms.S
	$(Q)$(KCC) -c $< -o $@

$(KERNEL).debug: $(O)/ksyms.o mk/kernel.lds
	$(Q)ld $(KLDFLAGS) -T mk/kernel.lds -o $@ $(KERNEL_OBJS) $(O)/ksyms.o

$(KERNEL): $(KERNEL).debug
	$(Q)objcopy --strip-all $< $@

.PHONY: kernel kernel-objs
kernel: $(KERNEL)
kernel-objs: $(KERNEL_OBJS)

-include $(KERNEL_OBJS:.o=.d)
