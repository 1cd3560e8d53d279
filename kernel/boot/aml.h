/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices in ACPI's namespace that are declared as constants: what microVMs have in the place of a
 * bus that could be asked.
 */
#pragma once
#include "lib/types.h"

struct aml {
	const uint8_t *at, *end;
};

/* A device's first memory range and interrupt. */
struct aml_device {
	uint64_t base;
	uint32_t size_bytes, interrupt; /* a global system interrupt */
};

/*
 * Calls found() for each device of the table's body whose _HID is the string hid, which has a
 * memory range and an interrupt in a constant _CRS, and no constant _STA that says that it is not
 * there.
 */
void aml_find_devices(struct aml body, const char *hid,
		      void (*found)(void *context, const struct aml_device *d), void *context);
