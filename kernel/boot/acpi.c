/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs that ACPI's table "APIC" calls enabled (ACPI 6.4 §5.2.12), found by RSDP and XSDT or
 * RSDT (§5.2.5 to §5.2.8). A table that lies outside of what is mapped, or has a wrong length or
 * sum, is as good as none: nothing of what the firmware wrote is trusted.
 */
#include "boot/acpi.h"

#include "arch/mmu.h"
#include "boot/cpus.h"
#include "lib/string.h"

#define MADT_LOCAL_APIC   0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED      1

struct rsdp {
	char signature[8];
	uint8_t checksum, oem_id[6], revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
} PACKED;

struct sdt { /* what every table begins with */
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
} PACKED;

struct madt {
	struct sdt sdt;
	uint32_t local_apic, flags;
} PACKED;

struct madt_entry {
	uint8_t type, length;
	union {
		struct {
			uint8_t processor, apic_id;
			uint32_t flags;
		} PACKED local;
		struct {
			uint16_t reserved;
			uint32_t apic_id, flags, processor;
		} PACKED x2;
	};
} PACKED;

static paddr_t limit; /* what is mapped */

static const struct sdt *table_at(paddr_t pa)
{
	const struct sdt *t = paddr_to_ptr(pa);
	uint8_t sum = 0;

	if (pa == 0 || pa >= limit - sizeof(*t) || t->length < sizeof(*t) || t->length > limit - pa)
		return NULL;
	for (uint32_t i = 0; i < t->length; i++)
		sum += ((const uint8_t *)t)[i];
	return sum == 0 ? t : NULL;
}

/* The addresses in an RSDT are 4 bytes wide, in an XSDT 8. */
static const struct sdt *find_in(const struct sdt *root, size_t width, const char *signature)
{
	const uint8_t *at = (const uint8_t *)(root + 1);

	for (size_t n = (root->length - sizeof(*root)) / width; n > 0; n--, at += width) {
		const struct sdt *t;
		paddr_t pa = 0;

		memcpy(&pa, at, width);
		t = table_at(pa);
		if (t && memcmp(t->signature, signature, sizeof(t->signature)) == 0)
			return t;
	}
	return NULL;
}

static const struct sdt *find_table(paddr_t rsdp_paddr, const char *signature)
{
	const struct rsdp *rsdp = paddr_to_ptr(rsdp_paddr);
	const struct sdt *root;

	if (rsdp_paddr == 0 || rsdp_paddr >= limit - sizeof(*rsdp) ||
	    memcmp(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature)) != 0)
		return NULL;
	root = rsdp->revision >= 2 ? table_at(rsdp->xsdt) : NULL;
	if (root)
		return find_in(root, sizeof(uint64_t), signature);
	root = table_at(rsdp->rsdt);
	return root ? find_in(root, sizeof(uint32_t), signature) : NULL;
}

static void add_entry(struct boot_info *info, const struct madt_entry *e)
{
	if (e->type == MADT_LOCAL_APIC && e->length >= 8 && e->local.flags & MADT_ENABLED)
		cpus_add(info, e->local.apic_id);
	if (e->type == MADT_LOCAL_X2APIC && e->length >= 16 && e->x2.flags & MADT_ENABLED)
		cpus_add(info, e->x2.apic_id);
}

static void read_madt(struct boot_info *info, const struct sdt *sdt)
{
	const uint8_t *at = (const uint8_t *)sdt + sizeof(struct madt);
	const uint8_t *end = (const uint8_t *)sdt + sdt->length;

	while (at + 2 <= end) {
		const struct madt_entry *e = (const void *)at;

		if (e->length < 2 || e->length > end - at)
			return;
		add_entry(info, e);
		at += e->length;
	}
}

bool acpi_find_cpus(struct boot_info *info, paddr_t mapped_limit)
{
	const struct sdt *madt;

	limit = mapped_limit;
	madt = find_table(info->rsdp, "APIC");
	if (!madt)
		return false;
	read_madt(info, madt);
	return true;
}
