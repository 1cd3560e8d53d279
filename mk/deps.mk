# SPDX-License-Identifier: BSD-2-Clause
# `make deps` installs from Debian what is missing, and is quick when nothing is. docs/dependencies.md
# says what each package is for.

DEPS_BUILD	:= gcc binutils make linux-libc-dev libslirp-dev \
		   libyaml-dev libjansson-dev libarchive-dev libssl-dev libzydis-dev liblz4-dev liblzma-dev
DEPS_RUN	:= qemu-system-x86 erofs-utils
DEPS_TEST	:= g++ clang clang-format libcmocka-dev libmbedtls-dev libsqlite3-dev unbound busybox-static musl-tools python3 libpython3.11-testsuite sqlite3 lua5.4 perl libio-socket-ssl-perl ruby \
		   gawk mawk bc jq xz-utils openssl nodejs gfortran golang-go rustc strace util-linux coreutils \
		   postgresql-15 redis-server redis-tools nginx-light curl procps psmisc stress-ng bsdutils tar gzip \
		   openjdk-17-jdk-headless python3-minimal memcached haproxy dnsmasq-base iperf3 socat wrk dnsperf \
		   bind9-dnsutils wget iputils-ping iproute2 net-tools tcpdump openssh-client openssh-server \
		   ovmf bochs bochs-term bochsbios vgabios dosfstools mtools gdisk xorriso
DEPS		:= $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST)

.PHONY: deps deps-build
deps:
	@tools/install-deps $(DEPS)

# What `make` alone needs.
deps-build:
	@tools/install-deps $(DEPS_BUILD)
