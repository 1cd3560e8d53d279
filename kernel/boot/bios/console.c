/* SPDX-License-Identifier: BSD-2-Clause */
/* Last words. */
#include "boot/bios/bios.h"
#include "boot/bios/layout.h"

void put_char_routine(void), end_routine(void); /* start.S, in real mode */

static void put(char c)
{
	struct bios_registers r = { .eax = (uint8_t)c, .routine = (uint32_t)put_char_routine };

	bios_call(&r);
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_number(uint32_t n)
{
	put_text("0x");
	for (int shift = 28; shift >= 0; shift -= 4) {
		unsigned digit = n >> shift & 15;

		put((char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
	}
}

static NORETURN void end(void)
{
	struct bios_registers r = { .routine = (uint32_t)end_routine };

	bios_call(&r);
	__builtin_unreachable();
}

void bios_fail(const char *text)
{
	put_text("Hull: ");
	put_text(text);
	put_text("\r\n");
	end();
}

void bios_fail_number(const char *text, uint32_t number)
{
	put_text("Hull: ");
	put_text(text);
	put_text(" ");
	put_number(number);
	put_text("\r\n");
	end();
}
