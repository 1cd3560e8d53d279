/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System-call sites rewritten ahead of time, in the file (DESIGN §2, door 3): what `hull rewrite`
 * and the kernel agree upon.
 *
 *	b8 nr nr nr nr 0f 05	before: mov $nr, %eax, or other instructions of 5 bytes or more
 *	e9 xx xx xx xx 0f 05	after: a jump to the site's stub, in a segment added to the file
 *
 *	stub:	mov $nr, %eax			the moved instructions
 *		lea return(%rip), %rcx		48 8d 0d rel32
 *		jmp *DOOR_SLOT			ff 24 25 00 00 10 80
 *		struct door_stub_tail
 *
 * A run of less than 5 bytes becomes a short jump to a gap nearby, which has the jump to the stub.
 * The `syscall` stays where it was, behind the jump: restarts and jumps to it find it. The program
 * finds the kernel's entry in a pointer whose address is the same in every kernel; all registers
 * are at the entry as `syscall` would have left them, but R11, and interrupts are on.
 *
 * A signal must not show the program a PC inside a stub, where no unwinder knows its way: the
 * kernel sets it to the site's beginning, or to its `syscall`, where the same state holds.
 *
 * A rewritten file has a note of owner DOOR_NOTE_OWNER and type DOOR_NOTE_REWRITTEN, whose
 * descriptor is a struct door_note. Its entry point is a check for AT_HULL in the auxiliary vector:
 * elsewhere the program says what it is, and ends.
 */
#pragma once

#define DOOR_SLOT 0xffffffff80100000 /* the kernel's first word */

/* In the auxiliary vector, its value the version of this interface. Linux numbers from 0 up. */
#define AT_HULL      0x4c4c5548
#define DOOR_VERSION 1

#ifndef __ASSEMBLER__
#include <stdint.h>

#define DOOR_STUB_LEA      0x0d8d48u /* 3 bytes; then rel32 */
#define DOOR_STUB_JMP      0x2524ffu /* 3 bytes; then the slot's low half, sign-extended */
#define DOOR_STUB_LEA_SIZE 7
#define DOOR_STUB_JMP_SIZE 7
#define DOOR_STUB_ALIGN    8
#define DOOR_MOVED_MAX     40 /* bytes of moved instructions in a stub */

/* Behind the jump, where nobody comes by. */
struct __attribute__((packed)) door_stub_tail {
	uint8_t moved_size; /* in the stub */
	uint8_t run_size;   /* in the site: of what stood before its `syscall` */
};

#define DOOR_NOTE_OWNER "Hull"
enum door_note_type { DOOR_NOTE_REWRITTEN = 16 };

struct __attribute__((packed, aligned(4))) door_note { /* notes are aligned to 4 */
	uint32_t version;
	uint32_t nr_sites, nr_rewritten;
	uint64_t entry; /* the file's own, before: e_entry */
};

/* The note whole (gABI 4.1, chapter 5), as it stands first in the segment that was added. */
struct __attribute__((packed, aligned(4))) door_elf_note {
	uint32_t namesz, descsz, type;
	char owner[8];
	struct door_note door;
};
#endif
