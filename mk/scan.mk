# SPDX-License-Identifier: BSD-2-Clause
# The names of Linux's 32-bit system calls, from the tool chain's own header, as C initialisers.
CALL_NAMES_32 := $(O)/host/calls-32.inc

$(CALL_NAMES_32): mk/scan.mk
	@mkdir -p $(@D)
	@echo '#include <asm/unistd_32.h>' | $(HOSTCC) -E -dM -x c - | \
		LC_ALL=C sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/[\2] = "\1",/p' > $@.new
	@test -s $@.new && mv $@.new $@

HOST_CFLAGS_call_set := -DCALL_NAMES_32='"$(abspath $(CALL_NAMES_32))"'
$(O)/host/cli/image/scan/call_set.o: $(CALL_NAMES_32)
