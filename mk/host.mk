# SPDX-License-Identifier: BSD-2-Clause
# The host's side: the monitor as a library, and the command `hull` with the kernel inside it.
#   HOSTCC=clang      the other compiler
#   HULL_KERNEL=FILE  another kernel inside
HOSTCC ?= gcc
HULL_KERNEL ?= $(O)/hull-kernel.elf

HOST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
	-fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fno-common -pthread -Iinclude -Ikernel -I.
HOST_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread

# Reads images; without a library, so that `hull` needs none.
IMAGE_READER := $(addprefix pack/,failure.c image/image_file.c image/kernel_file.c \
	fs/erofs_find.c fs/erofs_image.c)
MONITOR_SRCS := $(sort $(wildcard monitor/*.c monitor/*/*.c))
CLI_SRCS := $(sort $(wildcard cli/*.c cli/run/*.c launch/*.c)) $(addprefix kernel/lib/,cpio.c crc32c.c launch_record.c) \
	$(IMAGE_READER)
MONITOR_OBJS := $(MONITOR_SRCS:%.c=$(O)/host/%.o)
CLI_OBJS := $(CLI_SRCS:%.c=$(O)/host/%.o)
MONITOR_LIB := $(O)/libmonitor.a

$(O)/host/%.o: %.c
	@mkdir -p $(@D)
	$(HOSTCC) $(HOST_CFLAGS) $(HOST_CFLAGS_$(notdir $*)) -MMD -MP -c $< -o $@

HOST_CFLAGS_kernel_image := -DHULL_KERNEL_FILE='"$(abspath $(HULL_KERNEL))"'
$(O)/host/monitor/kernel_image.o: $(HULL_KERNEL)

$(MONITOR_LIB): $(MONITOR_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(O)/hull: $(CLI_OBJS) $(MONITOR_LIB)
	$(HOSTCC) $(HOST_LDFLAGS) -o $@ $(CLI_OBJS) $(MONITOR_LIB)

# The command at the top of the tree.
hull: $(O)/hull
	ln -f $< $@ 2>/dev/null || cp -f $< $@

.PHONY: monitor
monitor: $(MONITOR_LIB)

-include $(MONITOR_OBJS:.o=.d) $(CLI_OBJS:.o=.d)
