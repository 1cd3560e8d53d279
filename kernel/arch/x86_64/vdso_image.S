/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO's ELF image inside the kernel, padded to whole pages. mk/vdso.mk builds vdso.so. */
	.section .rodata.vdso, "a"
	.balign	4096
	.globl	vdso_image, vdso_image_end
vdso_image:
	.incbin	"vdso.so"
	.balign	4096
vdso_image_end:

	.section .note.GNU-stack, "", @progbits
