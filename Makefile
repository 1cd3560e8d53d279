# SPDX-License-Identifier: BSD-2-Clause
# Hull's build. `make help` names the targets; each mk/*.mk owns one part.
O ?= build
# `make V=1` shows the commands.
Q := $(if $(V),,@)
export O

.PHONY: all help clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

all: deps-build
	@$(MAKE) --no-print-directory $(O)/hull-kernel.elf $(O)/hull-kernel-small.a hull $(O)/hull-image hull-image

help:
	@echo 'make          the kernel and ./hull'
	@echo 'make run      the demonstration: Debian'"'"'s python3 in a Hull virtual machine'
	@echo 'make check    every test (about 15 minutes on 2 cores)'
	@echo 'make soak     the long forms: fuzzing, whole matrices'
	@echo 'make bench    figures, beside the same program as a host process'
	@echo 'make deps     installs what is missing from Debian'
	@echo 'make clean    removes $(O)/ and ./hull'

include mk/kernel.mk
include $(filter-out mk/kernel.mk,$(wildcard mk/*.mk))

clean:
	rm -rf $(O) hull hull-image
