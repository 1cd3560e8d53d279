/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs that ACPI's table "APIC" calls enabled, and the I/O APICs (ACPI 6.4 §5.2.12), found by
 * RSDP and XSDT or RSDT (§5.2.5 to §5.2.8). How to switch off: the registers are in the table
 * "FACP" (§5.2.9), what to write is the package \_S5 of the DSDT (§7.4.2.6), whose bytes are looked
 * for as firmware writes them: there is no interpreter of AML here. The virtio devices of a microVM
 * are named in the DSDT too, with constant resources (aml.h). A table that lies outside of what is
 * mapped, or has a wrong length or sum, is as good as none: nothing of what the firmware wrote is
 * trusted.
 */
#include "boot/acpi.h"

#include "arch/mmu.h"
#include "boot/aml.h"
#include "boot/cpus.h"
#include "lib/string.h"

#define MADT_LOCAL_APIC   0
#define MADT_IOAPIC       1
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED      1

#define VIRTIO_MMIO_HID "LNRO0005" /* as Linux has it */

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
			uint8_t id, reserved;
			uint32_t address, first_interrupt;
		} PACKED io;
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

static void add_ioapic(struct boot_info *info, uint32_t base, uint32_t first)
{
	if (info->nr_ioapics < BOOT_MAX_IOAPICS)
		info->ioapics[info->nr_ioapics++] = (struct boot_ioapic){
			.base = base,
			.first_line = first,
		};
}

static void add_entry(struct boot_info *info, const struct madt_entry *e)
{
	if (e->type == MADT_LOCAL_APIC && e->length >= 8 && e->local.flags & MADT_ENABLED)
		cpus_add(info, e->local.apic_id);
	if (e->type == MADT_IOAPIC && e->length >= 12)
		add_ioapic(info, e->io.address, e->io.first_interrupt);
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

/* ---- power ---- */

#define FADT_DSDT          40
#define FADT_PM1A_CONTROL  64
#define FADT_PM1B_CONTROL  68
#define FADT_FLAGS         112
#define FADT_X_DSDT        140
#define FADT_SLEEP_CONTROL 244 /* space, width, offset, size, address (§5.2.3.2) */
#define FADT_HW_REDUCED    (1u << 20)
#define SPACE_MEMORY       0

#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_BYTE    0x0a
#define AML_PACKAGE 0x12
#define S5_BYTES    9 /* from the name to the second value, at the least */

/* len bytes of a table as a number; 0 if it is too short. */
static uint64_t field(const struct sdt *t, size_t offset, size_t len)
{
	uint64_t value = 0;

	if (offset + len <= t->length)
		memcpy(&value, (const uint8_t *)t + offset, len);
	return value;
}

/* An integer below 256. *at moves on; false: something else, or the end. */
static bool read_aml(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
	if (*at >= end)
		return false;
	*out = *(*at)++;
	if (*out == AML_ZERO || *out == AML_ONE)
		return true;
	if (*out != AML_BYTE || *at >= end)
		return false;
	*out = *(*at)++;
	return true;
}

/* After the name "_S5_": Package, its length in 1 to 4 bytes, the number of its elements, they. */
static bool read_s5(const uint8_t *at, const uint8_t *end, struct boot_power *out)
{
	if (*at++ != AML_PACKAGE)
		return false;
	at += (*at >> 6) + 2;
	return read_aml(&at, end, &out->sleep_type_a) && read_aml(&at, end, &out->sleep_type_b);
}

static bool find_s5(const struct sdt *dsdt, struct boot_power *out)
{
	const uint8_t *at = (const uint8_t *)(dsdt + 1),
		      *end = (const uint8_t *)dsdt + dsdt->length;

	for (; end - at >= S5_BYTES; at++) {
		if (memcmp(at, "_S5_", 4) == 0 && read_s5(at + 4, end, out))
			return true;
	}
	return false;
}

static const struct sdt *find_dsdt(const struct sdt *fadt)
{
	const struct sdt *dsdt = table_at(field(fadt, FADT_X_DSDT, 8));

	return dsdt ? dsdt : table_at(field(fadt, FADT_DSDT, 4));
}

void acpi_find_power(struct boot_info *info, paddr_t mapped_limit)
{
	struct boot_power power = { 0 };
	const struct sdt *fadt, *dsdt;

	limit = mapped_limit;
	fadt = find_table(info->rsdp, "FACP");
	if (!fadt)
		return;
	dsdt = find_dsdt(fadt);
	if (!dsdt || !find_s5(dsdt, &power))
		return;
	if (!(field(fadt, FADT_FLAGS, 4) & FADT_HW_REDUCED)) {
		power.pm1a_control = (uint16_t)field(fadt, FADT_PM1A_CONTROL, 4);
		power.pm1b_control = (uint16_t)field(fadt, FADT_PM1B_CONTROL, 4);
	} else if (field(fadt, FADT_SLEEP_CONTROL, 1) == SPACE_MEMORY) {
		power.sleep_register = field(fadt, FADT_SLEEP_CONTROL + 4, 8);
	}
	info->power = power;
}

/* ---- devices ---- */

static void add_device(void *context, const struct aml_device *d)
{
	struct boot_info *info = context;

	for (unsigned i = 0; i < info->nr_devices; i++)
		if (info->devices[i].base == d->base)
			return;
	if (info->nr_devices < BOOT_MAX_DEVICES)
		info->devices[info->nr_devices++] = (struct boot_device){
			.base = d->base,
			.size_bytes = d->size_bytes,
			.irq = d->interrupt,
		};
}

void acpi_find_devices(struct boot_info *info, paddr_t mapped_limit)
{
	const struct sdt *fadt, *dsdt = NULL;
	struct aml body;

	limit = mapped_limit;
	fadt = find_table(info->rsdp, "FACP");
	if (fadt)
		dsdt = find_dsdt(fadt);
	if (!dsdt)
		return;
	body.at = (const uint8_t *)(dsdt + 1);
	body.end = (const uint8_t *)dsdt + dsdt->length;
	aml_find_devices(body, VIRTIO_MMIO_HID, add_device, info);
}
