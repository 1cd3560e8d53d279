/* SPDX-License-Identifier: BSD-2-Clause */
/* The stand-ins of one_cpu.c; each is as the function that it stands for. */
#pragma once
#include "core/smp/cpu.h"

struct boot_info;
struct thread;

void one_cpu_start_all(const struct boot_info *info);            /* secondary_start_all */
struct cpu *one_cpu_choose(const struct thread *t);              /* balance_choose */
nsec_t one_cpu_slice(const struct cpu *cpu);                     /* balance_slice */
void one_cpu_call(uint64_t mask, void (*fn)(void *), void *arg); /* cpu_call */
