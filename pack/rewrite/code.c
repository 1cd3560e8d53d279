/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions, by Zydis: code.h. */
#include <string.h>

#include <Zydis/Zydis.h>

#include "pack/rewrite/code.h"

#define LINE_MAX  24 /* instructions from a site to its function's return */
#define ALIGNMENT 16 /* of functions, and of loops that are worth it */
#define INT3      0xcc

static bool decode(ZydisDecodedInstruction *out, const uint8_t *code, size_t size_bytes)
{
	ZydisDecoder decoder;

	return ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
					     ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code, size_bytes, out));
}

void code_fill(uint8_t *at, size_t len_bytes)
{
	static const uint8_t nops[][8] = {
		{ 0x90 },
		{ 0x66, 0x90 },
		{ 0x0f, 0x1f, 0x00 },
		{ 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};

	while (len_bytes > 0) {
		size_t n = len_bytes < sizeof(nops[0]) ? len_bytes : sizeof(nops[0]);

		memcpy(at, nops[n - 1], n);
		at += n;
		len_bytes -= n;
	}
}

bool code_distance(uint64_t end, uint64_t to, int32_t *out)
{
	int64_t distance = (int64_t)(to - end);

	*out = (int32_t)distance;
	return *out == distance;
}

bool code_jump(uint8_t out[JUMP_SIZE], uint64_t from, uint64_t to)
{
	int32_t distance;

	if (!code_distance(from + JUMP_SIZE, to, &distance))
		return false;
	out[0] = 0xe9;
	memcpy(out + 1, &distance, sizeof(distance));
	return true;
}

bool code_short_jump(uint8_t out[SHORT_JUMP_SIZE], uint64_t from, uint64_t to)
{
	int64_t distance = (int64_t)(to - (from + SHORT_JUMP_SIZE));

	if (distance < INT8_MIN || distance > INT8_MAX)
		return false;
	out[0] = 0xeb;
	out[1] = (uint8_t)distance;
	return true;
}

/* Control goes on behind it whatever happens, and it is no mark for others to jump to. */
static bool is_plain(const ZydisDecodedInstruction *i)
{
	switch (i->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSTEM:
		return false;
	default:
		break;
	}
	return i->mnemonic != ZYDIS_MNEMONIC_ENDBR64 && i->mnemonic != ZYDIS_MNEMONIC_ENDBR32 &&
	       !i->raw.imm[0].is_relative && !i->raw.imm[1].is_relative;
}

static bool is_rip_relative(const ZydisDecodedInstruction *i)
{
	return (i->attributes & ZYDIS_ATTRIB_HAS_MODRM) && i->raw.modrm.mod == 0 &&
	       i->raw.modrm.rm == 5;
}

bool code_move(uint8_t *out, const uint8_t *instruction, unsigned len_bytes, uint64_t from,
	       uint64_t to)
{
	ZydisDecodedInstruction i;
	uint64_t target;
	int32_t distance;

	if (!decode(&i, instruction, len_bytes) || i.length != len_bytes || !is_plain(&i))
		return false;
	memcpy(out, instruction, len_bytes);
	if (!is_rip_relative(&i))
		return true;
	/* With a prefix 67 the sum is cut to 32 bits: another sum elsewhere. */
	if (i.raw.disp.size != 32 || i.address_width != 64)
		return false;
	target = from + len_bytes + (uint64_t)i.raw.disp.value;
	if (!code_distance(to + len_bytes, target, &distance))
		return false;
	memcpy(out + i.raw.disp.offset, &distance, sizeof(distance));
	return true;
}

bool code_uses_flags(const uint8_t *code, size_t size_bytes)
{
	const ZydisAccessedFlagsMask arithmetic = ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF |
						  ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF |
						  ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
	ZydisDecodedInstruction i;
	size_t at = 0;

	while (decode(&i, code + at, size_bytes - at) && i.cpu_flags) {
		const ZydisAccessedFlags *f = i.cpu_flags;

		if (f->tested & arithmetic)
			return true;
		/* Whoever is called or returned to expects none: psABI 1.0 §3.2.1. */
		if (i.meta.category == ZYDIS_CATEGORY_RET ||
		    i.meta.category == ZYDIS_CATEGORY_CALL ||
		    i.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
		    ((f->modified | f->set_0 | f->set_1 | f->undefined) & ZYDIS_CPUFLAG_CF))
			return false;
		at += i.length;
	}
	return false;
}

static size_t fill_length(const uint8_t *code, size_t size_bytes)
{
	ZydisDecodedInstruction i;
	size_t at = 0;

	while (at < size_bytes && at < GAP_MAX) {
		if (code[at] == INT3) {
			at++;
			continue;
		}
		if (!decode(&i, code + at, size_bytes - at) || i.mnemonic != ZYDIS_MNEMONIC_NOP ||
		    at + i.length > GAP_MAX)
			break;
		at += i.length;
	}
	return at;
}

size_t code_gap_after(const uint8_t *code, size_t size_bytes, uint64_t address, size_t *at)
{
	ZydisDecodedInstruction i;
	size_t len;

	*at = 0;
	for (unsigned n = 0; n < LINE_MAX; n++) {
		if (!decode(&i, code + *at, size_bytes - *at))
			return 0;
		*at += i.length;
		if (i.meta.category == ZYDIS_CATEGORY_RET ||
		    i.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			break;
	}
	len = fill_length(code + *at, size_bytes - *at);
	return (address + *at + len) % ALIGNMENT == 0 ? len : 0;
}
