/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start of a program: the auxiliary vector, the initial stack, the vDSO's ELF image,
	 thread pointer,
 * rseq registration, and the calls about them.
 */
#include <asm/prctl.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include "check.h"

static void test_auxv(void)
{
	const unsigned char *random = (const void *)getauxval(AT_RANDOM);
	char exe[PATH_MAX] = "", name[PATH_MAX] = "";
	int zeros = 0;

	CHECK_EQ(getauxval(AT_PAGESZ), 4096);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EUID), geteuid());
	CHECK_EQ(getauxval(AT_GID), getgid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(ElfW(Phdr)));
	CHECK(getauxval(AT_PHNUM) > 0);
	CHECK(getauxval(AT_PHDR) != 0);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK(getauxval(AT_HWCAP) != 0);
	CHECK_STR((const char *)getauxval(AT_PLATFORM), "x86_64");
	CHECK(random != NULL);
	for (int i = 0; i < 16; i++)
		zeros += random[i] == 0;
	CHECK(zeros < 8);
	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK(realpath((const char *)getauxval(AT_EXECFN), name) != NULL);
	CHECK_STR(name, exe);
	CHECK(getauxval(AT_MINSIGSTKSZ) >= 512);
}

static void test_program_headers(void)
{
	const ElfW(Phdr) *ph = (const void *)getauxval(AT_PHDR);
	unsigned long nr = getauxval(AT_PHNUM), loads = 0, self = 0;

	for (unsigned long i = 0; i < nr; i++) {
		loads += ph[i].p_type == PT_LOAD;
		if (ph[i].p_type == PT_PHDR)
			self = (unsigned long)ph - ph[i].p_vaddr; /* the load bias */
	}
	CHECK(loads >= 2);
	CHECK_EQ(self % 4096, 0);
}

static void test_vdso(void)
{
	unsigned long base = getauxval(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *eh = (const void *)base;
	const ElfW(Phdr) *ph = (const void *)(base + eh->e_phoff);
	bool dynamic = false;

	CHECK(base != 0);
	CHECK(!memcmp(eh->e_ident, ELFMAG, SELFMAG));
	CHECK_EQ(eh->e_type, ET_DYN);
	CHECK_EQ(eh->e_machine, EM_X86_64);
	for (int i = 0; i < eh->e_phnum; i++)
		dynamic |= ph[i].p_type == PT_DYNAMIC;
	CHECK(dynamic);
}

static __thread int tls_variable = 77;

static void test_thread_pointer(void)
{
	unsigned long fs = 0, by_instruction;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), 0);
	CHECK(fs != 0);
	__asm__("movq %%fs:0,%0" : "=r"(by_instruction));
	CHECK_EQ(fs, by_instruction);
	CHECK_EQ(tls_variable, 77);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_FS, fs), 0);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffffffff80000000ul), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_GET_FS, 1), EFAULT);
}

static void test_rseq(void)
{
	static struct rseq area __attribute__((aligned(32)));

	/* glibc has registered its own: another is refused,
		and a bad one is looked at first or not. */
	CHECK_ERR(syscall(SYS_rseq, &area, 16, 0x80, 0x53053053), EINVAL);
	CHECK_ERR(syscall(SYS_rseq, &area, sizeof(area), 0, 0x53053053), EINVAL);
	CHECK(sched_getcpu() >= 0);
}

static void test_membarrier(void)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	CHECK(commands > 0);
	CHECK((commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), 0);
	CHECK_ERR(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 99, 0), EINVAL);
}

/* Which numbers are nobody's: ENOSYS, and nothing else happens. */
static void test_unknown_calls(void)
{
	CHECK_ERR(syscall(390), ENOSYS);
	CHECK_ERR(syscall(400), ENOSYS);
	CHECK_ERR(syscall(999), ENOSYS);
	CHECK_ERR(syscall(100000), ENOSYS);
	CHECK_ERR(syscall(-5), ENOSYS);
	CHECK_ERR(syscall(SYS_getpmsg), ENOSYS);
}

int main(void)
{
	test_auxv();
	test_program_headers();
	test_vdso();
	test_thread_pointer();
	test_rseq();
	test_membarrier();
	test_unknown_calls();
	return check_done();
}
