/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding PCI functions by configuration mechanism 1 (ports 0xcf8, 0xcfc). PCI 3.0 §3.2.2.3. */
#pragma once

/* Adds a device for each function found; its irq is a vector of its own, for MSI-X. */
void pci_scan(unsigned first_vector);
