/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UEFI loader's PE32+ headers ("Microsoft PE Format"), written by hand: the application needs no
 * tool chain of its own. The file is what is in memory, byte by byte. Nothing in it holds an address
 * (uefi.lds sees to that), so that there is nothing to relocate.
 *
 * The third section is empty; a disk's writer puts the package behind the file and enters it there.
 */
/* An offset from the beginning: image_base is 0. */
#define AT(symbol) symbol - image_base

#define SECTION_CODE	0x60000020	/* code, executable, readable */
#define SECTION_DATA	0xc0000040	/* initialized data, readable, writable */
#define SECTION_PACKAGE 0x40000040	/* initialized data, readable */

	.section .header, "a"
	.globl	image_base
image_base:
	.ascii	"MZ"
	.org	0x3c
	.long	pe_header - image_base
pe_header:
	.ascii	"PE\0\0"
	.word	0x8664			/* x86-64 */
	.word	3			/* sections */
	.long	0, 0, 0			/* time, symbols */
	.word	sections - optional_header
	.word	0x226			/* executable, large addresses, stripped of debug information */
optional_header:
	.word	0x20b
	.byte	0, 0
	.long	AT(text_bytes)
	.long	AT(data_bytes)
	.long	0
	.long	AT(uefi_entry_at)		/* uefi.lds */
	.long	AT(text_at)
	.quad	0
	.long	4096, 512		/* alignment in memory, in the file */
	.word	0, 0, 0, 0, 0, 0
	.long	0
	.long	AT(package_at)
	.long	AT(text_at)
	.long	0
	.word	10			/* an EFI application */
	.word	0x100			/* data need not be executable */
	.quad	0, 0, 0, 0
	.long	0
	.long	16			/* directories: all are empty */
	.skip	16 * 8
sections:
	.ascii	".text\0\0\0"
	.long	AT(text_bytes), AT(text_at), AT(text_bytes), AT(text_at)
	.long	0, 0, 0, SECTION_CODE
	.ascii	".data\0\0\0"
	.long	AT(data_bytes), AT(data_at), 0, 0
	.long	0, 0, 0, SECTION_DATA
	.ascii	".hull\0\0\0"
	.globl	package_section
package_section:
	.long	0, AT(package_at), 0, 0	/* bytes, where; bytes in the file, where there */
	.long	0, 0, 0, SECTION_PACKAGE

	.section .note.GNU-stack, "", @progbits
