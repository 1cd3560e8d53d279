# SPDX-License-Identifier: BSD-2-Clause
# The loaders that stand on disks: small programs of their own, which put an image into memory.
#   $(O)/loaders/bios.bin	entered by a BIOS
#   $(O)/loaders/uefi.efi	a UEFI application
LOADER_CFLAGS := -std=gnu11 -Os -g -ffreestanding -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fno-common -fwrapv -ffunction-sections -fdata-sections -fcf-protection=none \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
	-nostdinc -isystem $(shell $(KCC) -print-file-name=include) -isystem $(UAPI) -Ikernel -Iinclude
LOADER_LIB := $(addprefix kernel/lib/,package.c lz4.c lzma.c xxh32.c x86_branch.c string.c) $(wildcard kernel/boot/loader/*.c)

BIOS_CFLAGS := $(LOADER_CFLAGS) -m32 -march=i686 -mregparm=3 -mpreferred-stack-boundary=2 -fno-pic -fno-pie
ifneq ($(findstring clang,$(KCC)),)
BIOS_CFLAGS := $(filter-out -mpreferred-stack-boundary=2,$(BIOS_CFLAGS)) -mstack-alignment=4
endif
BIOS_SRCS := $(wildcard kernel/boot/bios/*.[cS]) $(LOADER_LIB)
BIOS_OBJS := $(BIOS_SRCS:%=$(O)/loaders/bios/%.o)

$(O)/loaders/bios/%.c.o: %.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(BIOS_CFLAGS) -MMD -MP -c $< -o $@

$(O)/loaders/bios/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(KCC) $(BIOS_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

$(O)/loaders/bios.elf: $(BIOS_OBJS) kernel/boot/bios/bios.lds
	$(Q)ld -m elf_i386 -nostdlib -static --no-warn-rwx-segments -z noexecstack --gc-sections --build-id=none -T kernel/boot/bios/bios.lds \
		-o $@ $(BIOS_OBJS)

$(O)/loaders/bios.bin: $(O)/loaders/bios.elf
	$(Q)objcopy -O binary -j .program $< $@

UEFI_CFLAGS := $(LOADER_CFLAGS) -fpie -fvisibility=hidden -mno-red-zone
UEFI_SRCS := $(wildcard kernel/boot/uefi/*.[cS]) $(LOADER_LIB)
UEFI_OBJS := $(UEFI_SRCS:%=$(O)/loaders/uefi/%.o)

$(O)/loaders/uefi/%.c.o: %.c $(UAPI)/.made
	@mkdir -p $(@D)
	$(Q)$(KCC) $(UEFI_CFLAGS) -MMD -MP -c $< -o $@

$(O)/loaders/uefi/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(KCC) $(UEFI_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

$(O)/loaders/uefi.elf: $(UEFI_OBJS) kernel/boot/uefi/uefi.lds
	$(Q)ld -m elf_x86_64 -nostdlib -pie --no-dynamic-linker -z noexecstack -z norelro --no-warn-rwx-segments \
		--gc-sections --build-id=none -T kernel/boot/uefi/uefi.lds -o $@ $(UEFI_OBJS)

$(O)/loaders/uefi.efi: $(O)/loaders/uefi.elf
	$(Q)objcopy -O binary -j .header -j .text $< $@

LOADERS := $(O)/loaders/bios.bin $(O)/loaders/uefi.efi
# They are inside of hull-image, and of the test of disks.
HOST_CFLAGS_bios_loader := -DHULL_BIOS_LOADER='"$(abspath $(O))/loaders/bios.bin"'
HOST_CFLAGS_uefi_loader := -DHULL_UEFI_LOADER='"$(abspath $(O))/loaders/uefi.efi"'
HOST_TEST_CFLAGS_bios_loader := $(HOST_CFLAGS_bios_loader)
HOST_TEST_CFLAGS_uefi_loader := $(HOST_CFLAGS_uefi_loader)
$(O)/host/pack/disk/bios_loader.o $(O)/obj-test-host/pack/disk/bios_loader.o: $(O)/loaders/bios.bin
$(O)/host/pack/disk/uefi_loader.o $(O)/obj-test-host/pack/disk/uefi_loader.o: $(O)/loaders/uefi.efi

.PHONY: loaders
loaders: $(LOADERS)

-include $(BIOS_OBJS:.o=.d) $(UEFI_OBJS:.o=.d)
