# SPDX-License-Identifier: BSD-2-Clause
# The vDSO: a shared object of its own, put into the kernel's image by arch/x86_64/vdso_image.S.
VDSO_DIR := kernel/arch/x86_64/vdso
VDSO := $(O)/vdso/vdso.so
VDSO_CFLAGS := -std=gnu11 -O2 -ffreestanding -fPIC -fno-stack-protector -fasynchronous-unwind-tables \
	-fcf-protection=none -mgeneral-regs-only -fno-common -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror -Wno-unused-parameter -nostdinc \
	-isystem $(shell $(KCC) -print-file-name=include) -isystem $(UAPI) -Ikernel -Iinclude \
	-Ikernel/arch/x86_64/include

$(O)/vdso/vdso.o: $(VDSO_DIR)/vdso.c kernel/arch/program.h $(UAPI)/.made
	@mkdir -p $(@D)
	$(KCC) $(VDSO_CFLAGS) -c $< -o $@

$(VDSO): $(O)/vdso/vdso.o $(VDSO_DIR)/vdso.lds
	ld -shared -nostdlib -soname linux-vdso.so.1 --hash-style=both --eh-frame-hdr --build-id=none \
		-z max-page-size=4096 -z noexecstack -T $(VDSO_DIR)/vdso.lds -o $@ $<
	objcopy --strip-unneeded $@

$(O)/kernel/arch/x86_64/vdso_image.S.o: KASFLAGS += -Wa,-I$(O)/vdso
$(O)/kernel/arch/x86_64/vdso_image.S.o: $(VDSO)
