/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space, for drivers of DEVICE_PCI devices. Implemented by the platform that
 * found them. `address` is struct device.pci_address; offset < 256, aligned to width, which is 1, 2
 * or 4.
 */
#pragma once
#include <stdint.h>

uint32_t pci_read(uint16_t address, unsigned offset, unsigned width);
void pci_write(uint16_t address, unsigned offset, unsigned width, uint32_t value);
