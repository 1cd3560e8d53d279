/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers by MSR (x2APIC) or memory (xAPIC); the timer in TSC-deadline mode or as a one-shot
 * count, calibrated against the TSC. What is farther away than either can hold rings early:
 * timer_irq() arms it again.
 *
 * Interrupts to other CPUs go out by one register in x2APIC mode, by two otherwise, which an
 * interrupt here must not come between. Intel SDM 3A §10.6.1, §10.12.9.
 */
#include "plat/lapic.h"

#include "abi/hull/boot.h"
#include "arch/cpu.h"
#include "arch/x86_64/x86.h"
#include "core/panic.h"
#include "core/smp/cpu.h"
#include "core/time/timer.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define XAPIC_BASE   0xfee00000ull
#define XAPIC_SIZE   4096
#define APIC_BASE_X2 0xc00ull /* enabled, x2APIC mode */
#define APIC_BASE_X1 0x800ull

enum lapic_register {
	REG_ID = 0x20,
	REG_TPR = 0x80,
	REG_EOI = 0xb0,
	REG_SPURIOUS = 0xf0,
	REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310,
	REG_LVT_TIMER = 0x320,
	REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360,
	REG_TIMER_COUNT = 0x380,
	REG_TIMER_NOW = 0x390,
	REG_TIMER_DIVIDE = 0x3e0,
};

#define LVT_MASKED       (1u << 16)
#define LVT_TSC_DEADLINE (2u << 17)
#define SPURIOUS_ENABLE  (1u << 8)
#define ICR_INIT         (5u << 8 | 1u << 14) /* level: assert */
#define ICR_STARTUP      (6u << 8 | 1u << 14)
#define ICR_PENDING      (1u << 12)
#define XAPIC_MAX_ID     254
#define DIVIDE_BY_1      0xb
#define CALIBRATION_NS   1000000
#define CALIBRATIONS_MAX 20
#define WAIT_MAX_NS      (3600 * NSEC_PER_SEC) /* what counts in cycles cannot overflow */
#define TPR_ALL_BUT_KICK ((TRAP_KICK & 0xf0) - 0x10)

static unsigned features;                /* [I] enum lapic_features */
static volatile uint32_t *registers;     /* [I] xAPIC */
static uint64_t timer_khz;               /* [I] of the one-shot count */
static uint32_t apic_ids[BOOT_MAX_CPUS]; /* [I] */

static uint32_t reg_read(enum lapic_register r)
{
	if (features & LAPIC_X2APIC)
		return (uint32_t)rdmsr(MSR_X2APIC + (r >> 4));
	return registers[r / 4];
}

static void reg_write(enum lapic_register r, uint32_t value)
{
	if (features & LAPIC_X2APIC)
		wrmsr(MSR_X2APIC + (r >> 4), value);
	else
		registers[r / 4] = value;
}

static void init_this(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) |
			(features & LAPIC_X2APIC ? APIC_BASE_X2 : APIC_BASE_X1);

	wrmsr(MSR_APIC_BASE, base);
	reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | TRAP_SPURIOUS);
	reg_write(REG_TPR, 0);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_MASKED);
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER,
		  TRAP_TIMER | (features & LAPIC_TSC_DEADLINE ? LVT_TSC_DEADLINE : 0));
}

/* Returns how long it took by the TSC; *khz is at most the true rate. */
static nsec_t measure(uint64_t *khz)
{
	nsec_t start = clock_monotonic(), ns;
	uint32_t count;

	reg_write(REG_TIMER_COUNT, ~0u);
	clock_delay(CALIBRATION_NS);
	count = ~0u - reg_read(REG_TIMER_NOW);
	ns = clock_monotonic() - start;
	*khz = (uint64_t)count * 1000000 / (uint64_t)ns;
	return ns;
}

/*
 * What a host takes for itself between two of our reads makes the rate too low, never too high: the
 * best of some tries, until one was not disturbed. Were it a hundredth, each timer would fire some
 * hundred times too early, and nothing but the handler would run.
 */
static void calibrate(void)
{
	uint64_t khz;
	nsec_t ns;

	reg_write(REG_LVT_TIMER, LVT_MASKED | TRAP_TIMER);
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	timer_khz = 1;
	for (unsigned i = 0; i < CALIBRATIONS_MAX; i++) {
		ns = measure(&khz);
		timer_khz = max(timer_khz, khz);
		if (ns < CALIBRATION_NS + CALIBRATION_NS / 16)
			break;
	}
	reg_write(REG_TIMER_COUNT, 0);
}

void lapic_init(const struct boot_info *info, unsigned with_features)
{
	memcpy(apic_ids, info->cpu_apic_ids, sizeof(apic_ids));
	features = with_features;
	if (!(features & LAPIC_X2APIC))
		registers = kmem_map_device(XAPIC_BASE, XAPIC_SIZE);
	if (!(features & LAPIC_X2APIC) && !registers)
		panic("too little memory to map the local APIC");
	init_this();
	if (features & LAPIC_TSC_DEADLINE)
		return;
	calibrate();
	init_this();
}

void lapic_init_cpu(struct cpu *cpu)
{
	if (cpu->id != 0)
		init_this();
}

static nsec_t wait_until(nsec_t deadline)
{
	nsec_t ns = deadline - clock_monotonic();

	return min(max(ns, (nsec_t)0), (nsec_t)WAIT_MAX_NS);
}

static void set_deadline(nsec_t deadline)
{
	uint64_t ns = (uint64_t)wait_until(deadline);

	wrmsr(MSR_TSC_DEADLINE, cpu_cycles() + mul_div(ns, clock_tsc_khz(), 1000000) + 1);
}

static void set_count(nsec_t deadline)
{
	uint64_t count = mul_div((uint64_t)wait_until(deadline), timer_khz, 1000000) + 1;

	reg_write(REG_TIMER_COUNT, count > ~0u ? ~0u : (uint32_t)count);
}

void lapic_timer_set(nsec_t deadline)
{
	bool by_tsc = features & LAPIC_TSC_DEADLINE;

	if (deadline == NSEC_NEVER && by_tsc)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else if (deadline == NSEC_NEVER)
		reg_write(REG_TIMER_COUNT, 0);
	else if (by_tsc)
		set_deadline(deadline);
	else
		set_count(deadline);
}

void lapic_ack(void)
{
	reg_write(REG_EOI, 0);
}

/* By the task priority: TRAP_KICK alone is of a higher class. Intel SDM 3A §10.8.3.1. */
void lapic_hold(bool on)
{
	reg_write(REG_TPR, on ? TPR_ALL_BUT_KICK : 0);
}

uint32_t lapic_id_of(unsigned cpu)
{
	return apic_ids[cpu];
}

bool lapic_reaches(unsigned cpu)
{
	return features & LAPIC_X2APIC || apic_ids[cpu] <= XAPIC_MAX_ID;
}

static void send_x2apic(uint32_t id, uint32_t command)
{
	/* not ordered after earlier stores by itself */
	__asm__ volatile("mfence; lfence" : : : "memory");
	wrmsr(MSR_X2APIC + (REG_ICR >> 4), (uint64_t)id << 32 | command);
}

static void send(uint32_t id, uint32_t command)
{
	bool irqs;

	if (features & LAPIC_X2APIC) {
		send_x2apic(id, command);
		return;
	}
	irqs = cpu_irq_save();
	while (reg_read(REG_ICR) & ICR_PENDING)
		cpu_relax();
	reg_write(REG_ICR_HIGH, id << 24);
	reg_write(REG_ICR, command);
	cpu_irq_restore(irqs);
}

void lapic_send_ipi(struct cpu *cpu, unsigned vector)
{
	send(apic_ids[cpu->id], vector);
}

void lapic_send_init(unsigned cpu)
{
	send(apic_ids[cpu], ICR_INIT);
}

void lapic_send_startup(unsigned cpu, paddr_t page)
{
	send(apic_ids[cpu], ICR_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
}
