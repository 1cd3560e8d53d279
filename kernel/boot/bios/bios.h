/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BIOS does for its loader. Everything that is handed to it lies below 64 KiB: the stack
 * is there, so a local variable will do.
 */
#pragma once
#include "boot/loader/memory_map.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct bios_registers {
	uint32_t eax, ebx, ecx, edx, esi, edi;
	uint16_t es;
	uint8_t carry; /* after the call: 1 is an error */
	uint8_t padding;
	uint32_t routine; /* segment << 16 | offset; bios_interrupt() fills it in */
};

void bios_call(struct bios_registers *registers); /* start.S */
bool bios_interrupt(unsigned vector, struct bios_registers *registers);

/* console.c: to the screen and the serial port. "Hull: ", the text, and the machine's end. */
NORETURN void bios_fail(const char *text);
NORETURN void bios_fail_number(const char *text, uint32_t number);

/* memory.c */
void bios_memory_map(struct memory_map *map);
bool bios_a20_is_open(void);
uint32_t bios_find_rsdp(void);

/* disk.c: bytes of the boot drive; an error ends the machine. */
void bios_read(uint64_t offset, uint32_t bytes, void *to);
