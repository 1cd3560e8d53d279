/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets and numbers that assembly and C share. C checks each of them against the structures
 * (trap.c), so a change that breaks one does not compile.
 */
#pragma once

/* struct cpu_arch, by GS. The page below it is the CPU's interrupt-flag page (see
 * machine/cpu.h). */
#define CPU_SELF         0
#define CPU_CURRENT      8
#define CPU_KSTACK_TOP   16
#define CPU_SCRATCH      24
#define CPU_FLAG_IF      -4096
#define CPU_FLAG_PENDING -4095
#define CPU_FLAG_CR2     -4088

/* struct thread: struct context, then `work`. */
#define THREAD_WORK 32

/* struct trap_frame. */
#define FRAME_R15    0
#define FRAME_R14    8
#define FRAME_R13    16
#define FRAME_R12    24
#define FRAME_RBP    32
#define FRAME_RBX    40
#define FRAME_R11    48
#define FRAME_R10    56
#define FRAME_R9     64
#define FRAME_R8     72
#define FRAME_RAX    80
#define FRAME_RCX    88
#define FRAME_RDX    96
#define FRAME_RSI    104
#define FRAME_RDI    112
#define FRAME_VECTOR 120
#define FRAME_RIP    136
#define FRAME_CS     144
#define FRAME_RFLAGS 152
#define FRAME_RSP    160
#define FRAME_SIZE   176

/* Values of trap_frame.vector: 0 to 255 are the processor's. */
#define TRAP_NMI           2
#define TRAP_DOUBLE_FAULT  8
#define TRAP_PAGE_FAULT    14
#define TRAP_ALIGNMENT     17
#define TRAP_MACHINE_CHECK 18
#define TRAP_TIMER         0x20
#define TRAP_IPI           0x21
#define TRAP_DEVICES       0x30 /* device lines are vectors: 0x30 to 0xef, but 0x80 */
#define TRAP_INT80         0x80 /* Linux's 32-bit system calls: not here */
#define TRAP_KICK          0xf0 /* ends cpu_wait_irq() also where other interrupts are held */
#define TRAP_SPURIOUS      0xff
#define TRAP_SYSCALL_SLOW  0x100 /* by the syscall instruction */
#define TRAP_SYSCALL_FAST  0x101 /* by a patched site */
#define TRAP_RESUME        0x102 /* every register is to be restored; no system call */

/* Segment selectors. The last two are what programs see, and what a software-KVM host resumes
 * with. */
#define SEL_KERNEL_CS  0x10
#define SEL_KERNEL_SS  0x18
#define SEL_PROGRAM_SS 0x2b
#define SEL_PROGRAM_CS 0x33
#define SEL_TSS        0x40

#define BOOT_STACK_SIZE 16384 /* = KSTACK_SIZE */

#define RFLAGS_FIXED 0x2
#define RFLAGS_TF    0x100
#define RFLAGS_IF    0x200
#define RFLAGS_DF    0x400
#define RFLAGS_AC    0x40000
