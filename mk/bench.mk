# SPDX-License-Identifier: BSD-2-Clause
# The measurements, and the demonstration.

BENCHES := $(patsubst bench/programs/%.c,$(O)/bench/%,$(wildcard bench/programs/*.c))

$(O)/bench/%: bench/programs/%.c bench/programs/measure.h
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -O2 $(BENCH_CFLAGS_$*) $< -o $@

BENCH_CFLAGS_scaling := -fopenmp

.PHONY: bench bench-built run
bench: deps
	@$(MAKE) --no-print-directory bench-built

bench-built: all tests $(BENCHES)
	O=$(O) bench/run --write docs/figures.md

# Debian's own python3, unmodified, in a virtual machine of its own.
run: deps all
	@tools/demo
