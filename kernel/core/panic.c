/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end, when the kernel is wrong. Everything goes straight to the debug port: no lock is taken,
 * no memory allocated. A panic inside a panic stops at once; the other CPUs stop at their next
 * interrupt, which they are sent.
 */
#include "core/panic.h"

#include <abi/hull/ports.h>

#include "arch/cpu.h"
#include "arch/program.h"
#include "core/log.h"
#include "core/platform.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LAST_LOG_BYTES 2048

uintptr_t __stack_chk_guard = 0x595e9fbd94fda766ul;
NORETURN void __stack_chk_fail(void);

static unsigned depth;
static struct cpu *panicking; /* set by whoever comes first */

static void say(const char *text)
{
	platform_debug_write(text, strlen(text));
}

static void end(void)
{
	if (platform != NULL)
		platform->end(VM_END_PANIC);
	cpu_stop();
}

static NORETURN void panic_v(const struct trap_frame *f, const char *format, va_list args)
{
	static char line[512];

	cpu_irq_disable();
	if (__atomic_fetch_add(&depth, 1, __ATOMIC_SEQ_CST) > 0) {
		if (panicking != cpu_this())
			cpu_stop(); /* it is told already, and by another CPU */
		say("hull: panic: again, inside the report\n");
		end();
		cpu_stop();
	}
	panicking = cpu_this();
	ipi_stop_others();
	fmt_v(line, sizeof(line), format, args);
	say("hull: panic: ");
	say(line);
	fmt(line, sizeof(line), "\nthread: %s\n", thread_current()->name);
	say(line);
	machine_print_registers(f);
	machine_print_backtrace(f);
	say("last log lines:\n");
	log_dump_last(LAST_LOG_BYTES);
	end();
	cpu_stop();
}

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	panic_v(NULL, format, args);
}

void panic_at(const struct trap_frame *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	panic_v(f, format, args);
}

void __stack_chk_fail(void)
{
	panic("stack smashed, found in %p", __builtin_return_address(0));
}
