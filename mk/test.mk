# SPDX-License-Identifier: BSD-2-Clause
# The tests: how their programs are built, and `make check`, `make soak`. What runs is in test/run.

TEST_WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
TEST_CFLAGS	:= -std=gnu11 -O1 -g -D_GNU_SOURCE -pthread $(TEST_WARN)

# test/linux/<theme>.c is one program each, an ordinary Linux executable.
TEST_LINUX	:= $(patsubst %.c,$(O)/%,$(wildcard test/linux/*.c))

$(O)/test/linux/%: test/linux/%.c $(wildcard test/linux/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $< -o $@

# test/linux/programs: what test/cli runs, each kind of executable that Debian's compilers make.
P		:= $(O)/test/programs
PROGRAMS	:= $(addprefix $(P)/,hello hello-static hello-static-pie hello-no-pie segv compute cpus echo-tty throw \
		     hello-minimal fuzz_syscalls fuzz_sockets net_stream net_load net_lend flood)
PROGRAMS	+= $(if $(shell command -v musl-gcc),$(P)/hello-musl)
PROGRAMS	+= $(if $(shell command -v gfortran),$(P)/stencil)
PROGRAMS	+= $(if $(shell command -v go),$(P)/hello-go $(P)/goroutines $(P)/network-go)
PROGRAMS	+= $(if $(shell command -v javac),$(P)/Threads.class $(P)/Network.class)
PROGRAMS	+= $(if $(shell command -v rustc),$(P)/hello-rust)
PROGRAMS	+= $(P)/openmp
PROGRAM_SRC	:= test/linux/programs

$(PROGRAMS): | $(P)
$(P):
	@mkdir -p $@

$(P)/hello: $(PROGRAM_SRC)/hello.c
	$(CC) $(TEST_CFLAGS) $< -o $@
$(P)/hello-static: $(PROGRAM_SRC)/hello.c
	$(CC) $(TEST_CFLAGS) -static $< -o $@
$(P)/hello-static-pie: $(PROGRAM_SRC)/hello.c
	$(CC) $(TEST_CFLAGS) -static-pie -fPIE $< -o $@
$(P)/hello-no-pie: $(PROGRAM_SRC)/hello.c
	$(CC) $(TEST_CFLAGS) -no-pie -fno-pie $< -o $@
$(P)/hello-musl: $(PROGRAM_SRC)/hello.c
	musl-gcc $(TEST_CFLAGS) -static $< -o $@
$(P)/hello-minimal: $(PROGRAM_SRC)/minimal.S
	$(CC) -nostdlib -static -Wl,--build-id=none $< -o $@
$(P)/fuzz_syscalls: $(PROGRAM_SRC)/fuzz_table.h $(PROGRAM_SRC)/fuzz_clean.h
$(P)/segv $(P)/compute $(P)/cpus $(P)/echo-tty $(P)/fuzz_syscalls $(P)/net_stream $(P)/net_load $(P)/net_lend: $(P)/%: $(PROGRAM_SRC)/%.c
	$(CC) $(TEST_CFLAGS) -O2 $< -o $@
$(P)/flood: $(wildcard test/net/flood/*.[ch])
	$(CC) $(TEST_CFLAGS) -O2 -I. $(filter %.c,$^) -o $@
$(P)/fuzz_sockets: $(wildcard $(PROGRAM_SRC)/fuzz_sockets/*.[ch]) $(PROGRAM_SRC)/fuzz_clean.h
	$(CC) $(TEST_CFLAGS) -O2 $(filter %.c,$^) -o $@
$(P)/throw: $(PROGRAM_SRC)/throw.cpp
	$(CXX) -O1 -g -Wall -Wextra -Werror $< -o $@
$(P)/stencil: $(PROGRAM_SRC)/stencil.f90
	gfortran -O2 -J$(P) $< -o $@
$(P)/openmp: $(PROGRAM_SRC)/openmp.c
	gcc $(TEST_CFLAGS) -fopenmp $< -o $@
$(P)/Threads.class $(P)/Network.class: $(P)/%.class: $(PROGRAM_SRC)/%.java
	javac -d $(P) $<
	@touch $@ && chmod +x $@
$(P)/hello-go: $(PROGRAM_SRC)/hello.go
	GOCACHE=$(abspath $(O))/go-cache GOFLAGS=-buildvcs=false GO111MODULE=off go build -o $@ $<
$(P)/goroutines: $(PROGRAM_SRC)/goroutines.go
	GOCACHE=$(abspath $(O))/go-cache GOFLAGS=-buildvcs=false GO111MODULE=off go build -o $@ $<
$(P)/network-go: $(PROGRAM_SRC)/network.go
	GOCACHE=$(abspath $(O))/go-cache GOFLAGS=-buildvcs=false GO111MODULE=off go build -o $@ $<
$(P)/hello-rust: $(PROGRAM_SRC)/hello.rs
	rustc -O -o $@ $<

.PHONY: tests check soak
tests: $(TEST_LINUX) $(PROGRAMS)

# HOST_TESTS: the cmocka programs $(O)/test-host-*, named by the part that builds them. Make starts again
# after `deps`: which compilers there are, and so which programs, is asked when it reads this file.
.PHONY: check-built soak-built
check soak: deps
	@$(MAKE) --no-print-directory $@-built

check-built: all tests $(HOST_TESTS)
	O=$(O) test/run

soak-built: all tests $(HOST_TESTS)
	O=$(O) test/run --soak
