/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Door 3 of a system call: sites rewritten in the file (abi/hull/door.h has the form). They come in
 * by the pointer at DOOR_SLOT, to the entry of door 2; with --no-patch to one that keeps all that a
 * `syscall` keeps. The kernel has no table of them: a stub is known by its bytes.
 */
#include "abi/hull/door.h"
#include "arch/mmu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "arch/x86_64/machine.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/user.h"

#define SYSCALL_SIZE 2
#define JUMP         0xe9
#define JUMP_SIZE    5
#define STUB_END     (DOOR_STUB_LEA_SIZE + DOOR_STUB_JMP_SIZE + sizeof(struct door_stub_tail))

extern uint64_t door_slot; /* entry.S: in the text, which the direct map alone may write */

bool door_enabled = true;

void door_disable(void)
{
	door_enabled = false;
	*(uint64_t *)paddr_to_ptr(ptr_to_paddr(&door_slot)) = (uint64_t)syscall_entry_plain;
}

static bool is_operation(const uint8_t *code, uint32_t operation)
{
	return (code[0] | code[1] << 8 | (uint32_t)code[2] << 16) == operation;
}

static int32_t read_i32(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Is there what follows the moved instructions of a stub? */
static bool is_entry(const uint8_t *code)
{
	const uint8_t *jmp = code + DOOR_STUB_LEA_SIZE;

	return is_operation(code, DOOR_STUB_LEA) && is_operation(jmp, DOOR_STUB_JMP) &&
	       read_i32(jmp + 3) == (int32_t)DOOR_SLOT;
}

/* The site whose stub begins at `stub`; 0: none does. */
static uaddr_t site_of_stub(uaddr_t stub)
{
	uint8_t code[DOOR_MOVED_MAX + STUB_END];
	struct door_stub_tail tail;

	if (stub % DOOR_STUB_ALIGN != 0 || user_read(code, stub, sizeof(code)) != 0)
		return 0;
	for (unsigned at = 1; at <= DOOR_MOVED_MAX; at++) {
		if (!is_entry(code + at))
			continue;
		memcpy(&tail, code + at + STUB_END - sizeof(tail), sizeof(tail));
		if (tail.moved_size != at)
			return 0;
		return stub + at + DOOR_STUB_LEA_SIZE + (uaddr_t)(long)read_i32(code + at + 3) -
		       SYSCALL_SIZE - tail.run_size;
	}
	return 0;
}

OPTIONAL(door_site_of_relay);

/* A stub in the file, or a relay of door 2. 0: neither. */
static uaddr_t site_of_jump(uaddr_t target)
{
	uaddr_t site = site_of_stub(target);

	return site != 0 || door_site_of_relay == NULL ? site : door_site_of_relay(target);
}

/*
 * Nothing of it is done before its first instruction, and all but RCX behind the moved ones. The
 * same for the way from a read(2)'s site to door 2, which is in the program's memory too.
 */
uaddr_t door_visible_pc(const struct trap_frame *f)
{
	uint8_t code[DOOR_STUB_LEA_SIZE + DOOR_STUB_JMP_SIZE];
	uaddr_t pc = f->rip, site = 0;

	if (f->rip >= USER_TOP || user_read(code, f->rip, sizeof(code)) != 0)
		return pc;
	if (is_entry(code))
		site = pc + DOOR_STUB_LEA_SIZE + (uaddr_t)(long)read_i32(code + 3) - SYSCALL_SIZE;
	else if (is_operation(code, DOOR_STUB_JMP) && read_i32(code + 3) == (int32_t)DOOR_SLOT)
		site = f->rcx - SYSCALL_SIZE;
	else if (code[0] == JUMP)
		site = site_of_jump(pc + JUMP_SIZE + (uaddr_t)(long)read_i32(code + 1));
	else
		site = site_of_jump(pc);
	return site != 0 && site < USER_TOP ? site : pc;
}
