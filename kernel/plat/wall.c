/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock's two constants. Rate: the boot information, else the launch record, else a measurement
 * against the PIT (Intel 8254). Time of day: the boot information, else the launch record
 * (made just before the VM, whose TSC then started at 0), else the CMOS clock (MC146818).
 */
#include "plat/wall.h"

#include "abi/hull/boot.h"
#include "abi/hull/launch.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/x86_64/x86.h"
#include "core/time/timer.h"

#define PIT_HZ           1193182u
#define PIT_CHANNEL0     0x40
#define PIT_COMMAND      0x43
#define PIT_MODE0        0x30 /* channel 0, low and high byte, interrupt on terminal count */
#define PIT_READ_STATUS  0xe2 /* of channel 0, by the read-back command */
#define PIT_OUT          0x80
#define PIT_WAIT_MS      10
#define MEASUREMENTS_MAX 10u
#define DOUBT_PART       256u /* of a measurement that is good enough */
#define DEFAULT_KHZ      1000000u

#define CMOS_INDEX     0x70
#define CMOS_DATA      0x71
#define CMOS_STATUS_A  0x0a
#define CMOS_STATUS_B  0x0b
#define CMOS_SPINS_MAX 100000u

static uint8_t pit_status(void)
{
	out8(PIT_COMMAND, PIT_READ_STATUS);
	return in8(PIT_CHANNEL0);
}

/* One measurement. What a host takes for itself while we begin or look lies in *doubt: cycles that
 * may or may not belong to it. False: no PIT. */
static bool measure(uint64_t *cycles, uint64_t *doubt)
{
	uint16_t count = PIT_HZ * PIT_WAIT_MS / 1000;
	uint64_t before, begin, looked, seen;
	uint8_t status;

	out8(PIT_COMMAND, PIT_MODE0);
	out8(PIT_CHANNEL0, (uint8_t)count);
	before = cpu_cycles();
	out8(PIT_CHANNEL0, (uint8_t)(count >> 8));
	begin = seen = cpu_cycles();
	do {
		looked = seen;
		status = pit_status();
		seen = cpu_cycles();
		if ((status & 0x3f) != PIT_MODE0)
			return false;
	} while (!(status & PIT_OUT));
	*cycles = seen - begin;
	*doubt = (begin - before) + (seen - looked);
	return true;
}

/* The least doubtful of some tries, until one was not disturbed: were the rate too low by a half,
 * the clock would run twice as fast, and every limit of time with it. */
static uint32_t measure_khz(void)
{
	uint64_t cycles, doubt, best = DEFAULT_KHZ * (uint64_t)PIT_WAIT_MS, least = UINT64_MAX;

	for (unsigned i = 0; i < MEASUREMENTS_MAX; i++) {
		if (!measure(&cycles, &doubt))
			return DEFAULT_KHZ;
		if (doubt < least) {
			least = doubt;
			best = cycles;
		}
		if (doubt < cycles / DOUBT_PART)
			break;
	}
	return (uint32_t)(best / PIT_WAIT_MS);
}

/* The record's clock, or NULL. The record is checked as a whole later; here nothing is assumed. */
static const struct launch_clock *find_launch_clock(const struct boot_info *info)
{
	const struct launch_header *h = paddr_to_ptr(info->launch);
	const uint8_t *at = (const uint8_t *)(h + 1);
	uint64_t left = info->launch_bytes;

	if (left < sizeof(*h) || h->magic != LAUNCH_MAGIC || h->version != LAUNCH_VERSION)
		return NULL;
	left -= sizeof(*h);
	for (uint32_t i = 0; i < h->nr_items && left >= sizeof(struct launch_item); i++) {
		const struct launch_item *item = (const struct launch_item *)at;
		uint64_t room = left - sizeof(*item), len = item->len_bytes;

		if (len > room || align_up(len, 8) > room)
			return NULL;
		if (item->kind == LAUNCH_CLOCK && len >= sizeof(struct launch_clock))
			return (const struct launch_clock *)(item + 1);
		at += sizeof(*item) + align_up(len, 8);
		left = room - align_up(len, 8);
	}
	return NULL;
}

static uint8_t cmos(uint8_t index)
{
	out8(CMOS_INDEX, index);
	return in8(CMOS_DATA);
}

static unsigned from_bcd(uint8_t v, bool binary)
{
	return binary ? v : (unsigned)(v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 of the proleptic Gregorian calendar; month 1 to 12. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static nsec_t read_cmos_clock(void)
{
	bool binary = cmos(CMOS_STATUS_B) & 4;
	unsigned second, minute, hour;
	int64_t days;

	for (unsigned i = 0; (cmos(CMOS_STATUS_A) & 0x80) && i < CMOS_SPINS_MAX; i++)
		cpu_relax();
	second = from_bcd(cmos(0), binary);
	minute = from_bcd(cmos(2), binary);
	hour = from_bcd(cmos(4), binary);
	days = days_of(2000 + (int64_t)from_bcd(cmos(9), binary), from_bcd(cmos(8), binary),
		       from_bcd(cmos(7), binary));
	return (((days * 24 + hour) * 60 + minute) * 60 + second) * NSEC_PER_SEC;
}

static nsec_t cycles_to_ns(uint64_t cycles, uint32_t khz)
{
	return (nsec_t)mul_div(cycles, 1000000, khz);
}

void wall_init(const struct boot_info *info)
{
	const struct launch_clock *launch = find_launch_clock(info);
	uint32_t khz = info->tsc_khz;
	nsec_t wall;

	if (khz == 0 && launch)
		khz = launch->tsc_khz;
	if (khz == 0)
		khz = measure_khz();
	if (info->wall_ns)
		wall = (nsec_t)info->wall_ns + cycles_to_ns(cpu_cycles() - info->tsc_at_wall, khz);
	else if (launch && launch->wall_ns)
		wall = (nsec_t)launch->wall_ns + cycles_to_ns(cpu_cycles(), khz);
	else
		wall = read_cmos_clock();
	clock_init(khz, wall);
}
