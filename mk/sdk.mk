# SPDX-License-Identifier: BSD-2-Clause
# The SDK: libhull.a (both backends), libhull-native.a (the native door alone), and the same for musl in
# $(O)/sdk/musl. `make sdk` builds them; examples/NAME becomes $(O)/examples/NAME.
SDKCC ?= gcc
SDK_CFLAGS := -std=gnu11 -O2 -g -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror -D_GNU_SOURCE -Isdk -Ikernel -Iinclude
# With musl, programs are made for small images.
SDK_SMALL_CFLAGS := -Os -fno-asynchronous-unwind-tables
SDK_CORE := $(sort $(wildcard sdk/core/*.c))
SDK_COMMON := $(SDK_CORE) $(sort $(wildcard sdk/dns/*.c sdk/http/*.c))
SDK_BOTH := $(SDK_COMMON) $(sort $(wildcard sdk/native/*.c sdk/linux/*.c sdk/choose/both*.c))
SDK_NATIVE := $(SDK_COMMON) $(sort $(wildcard sdk/native/*.c sdk/choose/native*.c))
SDK_MUSL := $(shell command -v musl-gcc 2>/dev/null)
# musl has its own copies of the headers that Linux gives every program.
SDK_MUSL_CFLAGS := -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu

# TLS is a library of its own, for mbedTLS may not be here.
SDK_TLS := $(if $(wildcard /usr/include/mbedtls/ssl.h),$(O)/sdk/libhull-tls.a)
SDK_TLS_LIBS := -lmbedtls -lmbedx509 -lmbedcrypto

SDK_LIBS := $(O)/sdk/libhull.a $(O)/sdk/libhull-native.a $(O)/sdk/libhull-json.a $(SDK_TLS) \
	$(if $(SDK_MUSL),$(O)/sdk/musl/libhull.a $(O)/sdk/musl/libhull-native.a)

.PHONY: sdk examples
sdk: $(SDK_LIBS) $(O)/sdk/hull.pc $(O)/sdk/hull-native.pc

# PKG_CONFIG_PATH=$(O)/sdk pkg-config --cflags --libs hull
$(O)/sdk/%.pc: mk/sdk.mk
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'Name: $*' 'Description: programs as callbacks, on Linux and in Hull' 'Version: 1' \
		'Cflags: -I$(CURDIR)/sdk' 'Libs: -L$(abspath $(@D)) -l$*' 'Libs.private: -pthread' > $@

$(O)/sdk/%.c.o: sdk/%.c
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(SDK_CFLAGS) -MMD -MP -c $< -o $@

$(O)/sdk/musl/%.c.o: sdk/%.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(SDK_CFLAGS) $(SDK_SMALL_CFLAGS) $(SDK_MUSL_CFLAGS) -MMD -MP -c $< -o $@

define SDK_LIB # its file, its sources
$(1): $(patsubst sdk/%.c,$(dir $(1))%.c.o,$(2))
	$$(Q)rm -f $$@
	$$(Q)ar rcsD $$@ $$^
endef
$(eval $(call SDK_LIB,$(O)/sdk/libhull.a,$(SDK_BOTH)))
$(eval $(call SDK_LIB,$(O)/sdk/libhull-native.a,$(SDK_NATIVE)))
$(eval $(call SDK_LIB,$(O)/sdk/libhull-json.a,sdk/json/json.c))
$(eval $(call SDK_LIB,$(O)/sdk/libhull-tls.a,$(sort $(wildcard sdk/tls/*.c))))
$(eval $(call SDK_LIB,$(O)/sdk/musl/libhull.a,$(SDK_BOTH)))
$(eval $(call SDK_LIB,$(O)/sdk/musl/libhull-native.a,$(SDK_NATIVE)))

-include $(wildcard $(O)/sdk/*/*.d $(O)/sdk/musl/*/*.d)

# ---- examples: each program of theirs, over libhull.a ----
EXAMPLES := hello udp-echo sampler dns $(if $(SDK_MUSL),dns-native dns-udp) http-hello http-hello-cpp $(if $(SDK_TLS),tls) $(if $(wildcard /usr/include/sqlite3.h),notes) $(if $(shell command -v gfortran 2>/dev/null),stencil)
EXAMPLE_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -D_GNU_SOURCE -Isdk
SDK_LIB_BOTH := $(O)/sdk/libhull.a

examples: $(EXAMPLES:%=$(O)/examples/%)

define EXAMPLE # its name, its source
$(O)/examples/$(1): examples/$(1)/$(2) $(SDK_LIB_BOTH) $(wildcard sdk/*.h)
	@mkdir -p $$(@D)
	$$(Q)$(SDKCC) $(EXAMPLE_CFLAGS) -o $$@ $$< $(SDK_LIB_BOTH) -pthread
endef
$(eval $(call EXAMPLE,hello,hello.c))
$(eval $(call EXAMPLE,udp-echo,udp_echo.c))
$(eval $(call EXAMPLE,sampler,sampler.c))
$(eval $(call EXAMPLE,http-hello,http_hello.c))

DNS := examples/dns/dns.c examples/dns/serve.h

$(O)/examples/dns: $(DNS) examples/dns/udp_and_tcp.c $(SDK_LIB_BOTH) $(wildcard sdk/*.h)
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(EXAMPLE_CFLAGS) -o $@ $(filter %.c,$^) $(SDK_LIB_BOTH) -pthread

# For the smallest images: static, the native door alone, with everything for size.
SMALL_CFLAGS := -Os -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -static -s \
	-Wl,--gc-sections -Wl,-z,noseparate-code

$(O)/examples/dns-native: examples/dns/udp_and_tcp.c
$(O)/examples/dns-udp: examples/dns/udp.c
$(O)/examples/dns-native $(O)/examples/dns-udp: $(DNS) $(O)/sdk/musl/libhull-native.a $(wildcard sdk/*.h)
	@mkdir -p $(@D)
	$(Q)musl-gcc $(EXAMPLE_CFLAGS) $(SMALL_CFLAGS) -o $@ $(filter %.c,$^) $(O)/sdk/musl/libhull-native.a

$(O)/examples/http-hello-cpp: examples/http-hello/http_hello.cpp $(SDK_LIB_BOTH) $(wildcard sdk/*.h sdk/*.hpp)
	@mkdir -p $(@D)
	$(Q)g++ -std=c++17 -O2 -g -Wall -Wextra -Wshadow -Werror -fno-exceptions -Isdk -o $@ $< $(SDK_LIB_BOTH) -pthread

$(O)/examples/tls: examples/tls/tls.c $(SDK_TLS) $(SDK_LIB_BOTH) $(wildcard sdk/*.h)
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(EXAMPLE_CFLAGS) -o $@ $< $(SDK_TLS) $(SDK_LIB_BOTH) $(SDK_TLS_LIBS) -pthread

$(O)/examples/notes: examples/notes/notes.c $(O)/sdk/libhull-json.a $(SDK_LIB_BOTH) $(wildcard sdk/*.h)
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(EXAMPLE_CFLAGS) -o $@ $< $(O)/sdk/libhull-json.a $(SDK_LIB_BOTH) \
		-l:libjansson.a -l:libsqlite3.a -lm -pthread

# The module's file lies beside the program.
$(O)/examples/stencil: sdk/hull.f90 examples/stencil/stencil.f90 $(SDK_LIB_BOTH)
	@mkdir -p $(@D)
	$(Q)gfortran -std=f2008 -O2 -g -Wall -Wno-unused-dummy-argument -J$(@D) -o $@ sdk/hull.f90 \
		examples/stencil/stencil.f90 $(SDK_LIB_BOTH) -pthread

# ---- its tests, which test/cli/sdk/sdk.py runs on the host and in Hull ----
SDK_TESTS := loop udp groups tcp tcp_echo names door objects
SDK_TEST_CFLAGS := $(EXAMPLE_CFLAGS) -Iinclude -Itest/sdk

.PHONY: sdk-tests
sdk-tests: $(SDK_TESTS:%=$(O)/test/sdk/%) $(if $(SDK_TLS),$(O)/test/sdk/tls_client) $(if $(SDK_MUSL),$(O)/test/sdk/udp-musl $(O)/test/sdk/udp-native)
tests: sdk-tests examples

$(O)/test/sdk/%: test/sdk/%.c test/sdk/check.h $(SDK_LIB_BOTH) sdk/hull.h
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(SDK_TEST_CFLAGS) -o $@ $< $(SDK_LIB_BOTH) -pthread

$(O)/test/sdk/tls_client: test/sdk/tls_client.c $(SDK_TLS) $(SDK_LIB_BOTH) $(wildcard sdk/*.h)
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(SDK_TEST_CFLAGS) -o $@ $< $(SDK_TLS) $(SDK_LIB_BOTH) $(SDK_TLS_LIBS) -pthread

$(O)/test/sdk/%: test/sdk/%.cpp $(SDK_LIB_BOTH) $(wildcard sdk/*.h sdk/*.hpp)
	@mkdir -p $(@D)
	$(Q)g++ -std=c++17 -O2 -g -Wall -Wextra -Wshadow -Werror -fno-exceptions -Isdk -o $@ $< $(SDK_LIB_BOTH) -pthread

# Static, small: musl, and the native door alone.
$(O)/test/sdk/udp-musl: test/sdk/udp.c test/sdk/check.h $(O)/sdk/musl/libhull.a
	@mkdir -p $(@D)
	$(Q)musl-gcc $(SDK_TEST_CFLAGS) -static -o $@ $< $(O)/sdk/musl/libhull.a

$(O)/test/sdk/udp-native: test/sdk/udp.c test/sdk/check.h $(O)/sdk/musl/libhull-native.a
	@mkdir -p $(@D)
	$(Q)musl-gcc $(SDK_TEST_CFLAGS) -static -Wl,--gc-sections -o $@ $< $(O)/sdk/musl/libhull-native.a

# bench/run sets its figures beside each other.
$(O)/bench/sdk: bench/programs/sdk.c $(SDK_LIB_BOTH) sdk/hull.h
	@mkdir -p $(@D)
	$(Q)$(SDKCC) $(EXAMPLE_CFLAGS) -o $@ $< $(SDK_LIB_BOTH) -pthread
