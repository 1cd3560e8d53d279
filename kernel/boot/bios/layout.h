/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BIOS loader's assembly and C share: addresses, all below 640 KiB, ports, and the layout
 * of structures. disk_record's offsets are checked in main.c.
 *
 *	1000-7000	stack
 *	7c00-f000	the program (bios.lds)
 *	10000-20000	what INT 13h reads; one DMA page
 *	20000-2f000	variables (bios.lds), the start information for the kernel among them
 */
#pragma once

#define STACK_END         0x7000 /* no page of code: an emulator looks at each write to one */
#define LOADER_BEGIN      0x7c00
#define LOADER_REST       0x7e00
#define BOUNCE            0x10000
#define BOUNCE_BYTES      0x10000
#define LOW_MEMORY_NEEDED 0x30000

#define RECORD              0x188 /* DISK_RECORD of abi/hull/disk.h */
#define RECORD_NR_MORE      8
#define RECORD_LOADER_BYTES 10
#define RECORD_LOADER_SUM   12

#define REGISTERS_EAX     0
#define REGISTERS_EBX     4
#define REGISTERS_ECX     8
#define REGISTERS_EDX     12
#define REGISTERS_ESI     16
#define REGISTERS_EDI     20
#define REGISTERS_ES      24
#define REGISTERS_CARRY   26
#define REGISTERS_ROUTINE 28

#define COM1             0x3f8
#define A20_PORT         0x92
#define EXIT_PORT        0xf4 /* PORT_EXIT and VM_END_NO_START of abi/hull/ports.h */
#define EXIT_NO_START    2
#define BOCHS_PORT       0x8900
#define BOCHS_WORD       "Shutdown"
#define BOCHS_WORD_BYTES 8
