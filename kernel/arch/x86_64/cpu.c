/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the processor, its random generator, and its end. Intel SDM 2A "CPUID". */
#include "arch/cpu.h"

#include "arch/program.h"
#include "arch/x86_64/x86.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RDRAND_TRIES 10 /* SDM 1 §7.3.17.1 */

void cpu_stop(void)
{
	cpu_irq_disable();
	for (;;)
		__asm__ volatile("hlt");
}

static bool rdrand(uint64_t *out)
{
	bool ok = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok));
	return ok;
}

size_t cpu_random(void *buf, size_t len)
{
	size_t done = 0;
	uint64_t word;

	if (!(cpuid(1, 0).ecx >> 30 & 1))
		return 0;
	while (done < len && rdrand(&word)) {
		size_t n = min(len - done, sizeof(word));

		memcpy((char *)buf + done, &word, n);
		done += n;
	}
	return done;
}

/* Names as Linux has them, by bit; spaces separate, "-" is a bit without a name. */
static const struct {
	uint32_t leaf, sub;
	unsigned reg; /* 0 to 3: EAX to EDX */
	const char *names;
} feature_words[] = {
	{ 1, 0, 3,
	  "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush "
	  "- dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe" },
	{ 0x80000001, 0, 3,
	  "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt "
	  "pdpe1gb rdtscp - lm 3dnowext 3dnow" },
	{ 1, 0, 2,
	  "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm "
	  "- pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c "
	  "rdrand hypervisor" },
	{ 0x80000001, 0, 2,
	  "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch "
	  "osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext" },
	{ 7, 0, 1,
	  "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a "
	  "avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf "
	  "avx512er avx512cd sha_ni avx512bw avx512vl" },
	{ 7, 0, 2,
	  "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni "
	  "avx512_bitalg - avx512_vpopcntdq - la57 - - - - - rdpid" },
	{ 0xd, 1, 0, "xsaveopt xsavec xgetbv1 xsaves" },
};

static uint32_t register_of(struct cpuid c, unsigned reg)
{
	const uint32_t words[] = { c.eax, c.ebx, c.ecx, c.edx };

	return words[reg];
}

/* Appends the names of the bits that are set. */
static size_t append_flags(char *out, size_t used, size_t size, const char *names, uint32_t bits)
{
	for (unsigned bit = 0; *names; bit++) {
		size_t len = 0;

		while (names[len] && names[len] != ' ')
			len++;
		if ((bits >> bit & 1) && *names != '-' && used + len + 2 < size) {
			memcpy(out + used, names, len);
			used += len;
			out[used++] = ' ';
		}
		names += len + (names[len] == ' ');
	}
	return used;
}

static void get_flags(char *out, size_t size)
{
	uint32_t basic = cpuid(0, 0).eax, extended = cpuid(0x80000000, 0).eax;
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(feature_words); i++) {
		uint32_t leaf = feature_words[i].leaf;

		if (leaf > (leaf >= 0x80000000 ? extended : basic))
			continue;
		used = append_flags(
			out, used, size, feature_words[i].names,
			register_of(cpuid(leaf, feature_words[i].sub), feature_words[i].reg));
	}
	out[used ? used - 1 : 0] = '\0';
}

void cpu_facts_get(struct cpu_facts *out)
{
	struct cpuid c = cpuid(0, 0), version = cpuid(1, 0);
	uint32_t extended = cpuid(0x80000000, 0).eax;

	memset(out, 0, sizeof(*out));
	memcpy(out->vendor, &c.ebx, 4);
	memcpy(out->vendor + 4, &c.edx, 4);
	memcpy(out->vendor + 8, &c.ecx, 4);
	for (uint32_t i = 0; i < 3 && extended >= 0x80000004; i++) {
		c = cpuid(0x80000002 + i, 0);
		memcpy(out->model_name + 16 * i, &c, 16);
	}
	out->family = version.eax >> 8 & 15;
	out->model = version.eax >> 4 & 15;
	out->stepping = version.eax & 15;
	if (out->family == 6 || out->family == 15)
		out->model |= version.eax >> 12 & 0xf0;
	if (out->family == 15)
		out->family += version.eax >> 20 & 0xff;
	if (extended >= 0x80000006)
		out->cache_kib = cpuid(0x80000006, 0).ecx >> 16;
	get_flags(out->flags, sizeof(out->flags));
}

const unsigned program_elf_machine = 62; /* EM_X86_64 */

uint64_t program_hwcap(void)
{
	return cpuid(1, 0).edx;
}

/* Without HWCAP2_FSGSBASE: GS is the kernel's here. */
uint64_t program_hwcap2(void)
{
	return 0;
}
