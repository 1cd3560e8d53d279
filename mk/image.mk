# SPDX-License-Identifier: BSD-2-Clause
# The executable hull-image: scan, pack and the commands of cli/image. It finds kernel, kernel archive and
# loaders in its own folder.
IMAGE_HOST_SRCS := $(sort $(wildcard cli/image/*.c cli/image/*/*.c scan/*.c scan/*/*.c pack/*.c pack/*/*.c launch/*.c)) \
	$(addprefix cli/,command.c options.c message.c terminal.c) $(addprefix kernel/lib/,cpio.c crc32c.c launch_record.c lz4.c lzma.c package.c x86_branch.c xxh32.c)
IMAGE_HOST_OBJS := $(IMAGE_HOST_SRCS:%.c=$(O)/host/%.o)
IMAGE_HOST_LIBS := -lyaml -ljansson -larchive -lcrypto -lZydis -llz4 -llzma

$(O)/hull-image: $(IMAGE_HOST_OBJS)
	$(HOSTCC) $(HOST_LDFLAGS) -o $@ $^ -Wl,--as-needed $(IMAGE_HOST_LIBS)

# At the top of the tree, beside hull; by a symbolic link: it finds its files where it is.
hull-image: $(O)/hull-image
	ln -sfn $< $@

-include $(IMAGE_HOST_OBJS:.o=.d)
