/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slot of abi/hull/image.h, as an ELF note: whoever makes an image finds it by its owner and
 * type, and says in it where the payload lies.
 */
#define SLOT_VERSION	1	/* IMAGE_SLOT_VERSION */
#define NOTE_SLOT	1	/* IMAGE_NOTE_SLOT */
#define KERNEL_BASE	0xffffffff80000000

	.section .note.hull, "a", @note
	.balign	4
	.long	2f - 1f, 4f - 3f, NOTE_SLOT
1:	.asciz	"Hull"
2:	.balign	4
	.globl	image_slot
	.hidden	image_slot
image_slot:
3:	.long	SLOT_VERSION, 0
	.quad	kernel_image_end - KERNEL_BASE
	.quad	0, 0
4:	.balign	4

	.section .note.GNU-stack, "", @progbits
