/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's ELF file inside the executable, so that `hull` is one file. The build names it in
 * HULL_KERNEL_FILE; its pages are read from the executable as they are loaded into a guest.
 */
#include "monitor/monitor.h"

__asm__(".section .rodata.kernel_image, \"a\", @progbits\n"
	".balign 4096\n"
	".globl kernel_image_start, kernel_image_end\n"
	".hidden kernel_image_start, kernel_image_end\n"
	"kernel_image_start: .incbin \"" HULL_KERNEL_FILE "\"\n"
	"kernel_image_end:\n"
	".previous\n");

extern const char kernel_image_start[], kernel_image_end[];

void monitor_kernel_image(const void **image, size_t *len_bytes)
{
	*image = kernel_image_start;
	*len_bytes = (size_t)(kernel_image_end - kernel_image_start);
}
