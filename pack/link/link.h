/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that holds only what one program uses, linked from the kernel's archive.
 *
 * What makes a kernel small:
 * 1. The table of system calls (kernel/linux/syscall.h) is written here, with the chosen calls
 *    in it. ld takes from the archive what the table needs, and what that needs, and drops every
 *    section that nothing refers to.
 * 2. What is found at run time and not by name (drivers, file systems, files of /proc, families
 *    of sockets) is a part: files of the kernel that are linked when the part is in. For functions
 *    of a part that others call, there are stand-ins: without the part, ld resolves their names to
 *    functions that do nothing, refuse, or do a little (kernel/core/without.c). The callers are the
 *    same, with no test and no #if.
 * 3. Which part is wanted when stands in parts.def, and nowhere else: because a call is in,
 *    because of a fact about the image, because another part needs it; and as the user says.
 *
 * A call that was left out answers ENOSYS, and the kernel's log names it once.
 *
 * The kernel with everything in is made in the same way (mk/kernel.mk, tools/link-kernel.c): all
 * calls, all parts. Linking needs `as` and `ld` (Debian's binutils).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack/arena.h"
#include "pack/failure.h"

/* What a kernel is for, as far as calls do not tell. */
enum link_fact {
	LINK_BOOT_DIRECT = 1 << 0,   /* hull run's own monitor */
	LINK_BOOT_PVH = 1 << 1,      /* QEMU -kernel, Firecracker, Xen, the loaders of disks */
	LINK_PC = 1 << 2,            /* a machine with firmware: ACPI, PCI */
	LINK_CPUS = 1 << 3,          /* more than one CPU */
	LINK_ROOT_EROFS = 1 << 4,    /* the root is in the image, */
	LINK_ROOT_CPIO = 1 << 5,     /* or an archive of the launch record */
	LINK_HOST_FILES = 1 << 6,    /* directories of the host (virtio-fs): -v */
	LINK_TTY = 1 << 7,           /* a terminal */
	LINK_NETWORK = 1 << 8,       /* a network device */
	LINK_PROC = 1 << 9,          /* /proc and /sys are mounted */
	LINK_DEV = 1 << 10,          /* /dev is mounted */
	LINK_CONSOLE_UART = 1 << 11, /* boots alone, where there may be no virtio console */
	LINK_STRACE = 1 << 12,       /* hull run --strace works on it */
	LINK_SYMBOLS = 1 << 13,      /* a panic names functions */
	LINK_DHCP = 1 << 14,         /* an interface asks for its IPv4 address */
	LINK_LAYER = 1 << 15,        /* the root can be written: an overlay with memory above it */
	LINK_PATCH = 1 << 16,  /* sites are patched while the program runs (DESIGN §2, door 2) */
	LINK_REPORT = 1 << 17, /* a crash prints registers and a backtrace */
	LINK_SCRIPT = 1 << 18, /* the program is a script */
	LINK_NATIVE = 1 << 19, /* calls of Hull's own (abi/hull/native.h); set by their numbers */
	LINK_NATIVE_TCP = 1 << 20,    /* the one of them that connections begin with; the same */
	LINK_AUTO6 = 1 << 21,         /* an interface has the IPv6 addresses that routers say */
	LINK_NAMES = 1 << 22,         /* /etc/resolv.conf and so on say what DHCP and routers do */
	LINK_NATIVE_GROUPS = 1 << 23, /* the native call that groups begin with, as its TCP's */
	LINK_CLOCKS = 1 << 24,        /* clocks are read without a call */
	LINK_EVERYTHING = 1 << 30,    /* all calls and all parts */
};

struct link_request {
	const char *folder;    /* where hull-kernel.a and hull-kernel.lds are */
	const uint16_t *calls; /* numbers; those that Hull does not have are skipped */
	size_t nr_calls;
	unsigned facts;    /* enum link_fact */
	bool is_small;     /* all of it is compiled for size, what is hot too */
	const char *parts; /* "+ipv6,-pci": the user's word, on top of what follows; or NULL */
	const char *const *inputs; /* more for ld: objects, options; ends with NULL; or NULL */
	const char *out;           /* the kernel: an ELF file without symbols */
	const char *debug;         /* the same with symbols, for gdb and addr2line; or NULL */
	const char *map;           /* ld's map: what is where, and who asked for it; or NULL */
};

struct link_kernel {
	struct strings calls; /* names, by number */
	struct strings parts; /* names, as parts.def orders them */
	size_t bytes;         /* of the file */
};

/* 0, or -1 and why. Makes temporary files beside `out`. */
int link_kernel(const struct link_request *request, struct arena *arena, struct link_kernel *out,
		struct failure *failure);

/*
 * "read,write,openat" or "@FILE" (names or numbers, `#` begins a comment) to numbers, ascending.
 * -1: an unknown name, and which.
 */
int link_calls_read(const char *text, struct arena *arena, uint16_t **calls, size_t *nr,
		    struct failure *failure);

/* NULL: Hull has no call of this number. */
const char *link_call_name(unsigned nr);

/* For `hull build --parts help`: part i's name and what it is; NULL behind the last. */
const char *link_part_name(unsigned i, const char **what);
