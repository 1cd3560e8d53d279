# SPDX-License-Identifier: BSD-2-Clause
# Pages of docs/ that are made from the code.
.PHONY: docs
docs:
	tools/syscall-page > docs/syscalls.md
