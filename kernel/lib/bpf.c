/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic BPF: bpf.h has the theory. What is valid is what Linux takes (SO_ATTACH_FILTER). */
#include "lib/bpf.h"

/* ---- the check ---- */

static bool is_alu(uint16_t code)
{
	if (code == (BPF_ALU | BPF_NEG))
		return true;
	return BPF_OP(code) <= BPF_XOR && BPF_OP(code) != BPF_NEG;
}

static bool is_load(uint16_t code)
{
	switch (BPF_MODE(code)) {
	case BPF_IMM:
	case BPF_MEM:
	case BPF_LEN:
		return BPF_SIZE(code) == BPF_W;
	case BPF_ABS:
	case BPF_IND:
		return BPF_SIZE(code) <= BPF_B;
	default:
		return false;
	}
}

static bool is_index_load(uint16_t code)
{
	return code == (BPF_LDX | BPF_IMM) || code == (BPF_LDX | BPF_MEM) ||
	       code == (BPF_LDX | BPF_W | BPF_LEN) || code == (BPF_LDX | BPF_B | BPF_MSH);
}

static bool is_known(uint16_t code)
{
	if (code > 0xff)
		return false;
	switch (BPF_CLASS(code)) {
	case BPF_LD:
		return is_load(code);
	case BPF_LDX:
		return is_index_load(code);
	case BPF_ST:
	case BPF_STX:
		return code == BPF_CLASS(code);
	case BPF_ALU:
		return is_alu(code);
	case BPF_JMP:
		return code == (BPF_JMP | BPF_JA) ||
		       (BPF_OP(code) >= BPF_JEQ && BPF_OP(code) <= BPF_JSET);
	case BPF_RET:
		return code == (BPF_RET | BPF_K) || code == (BPF_RET | BPF_A);
	default:
		return code == (BPF_MISC | BPF_TAX) || code == (BPF_MISC | BPF_TXA);
	}
}

/* Constants that no run could use. */
static bool has_good_constant(const struct sock_filter *i)
{
	switch (i->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return i->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return i->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	default:
		return true;
	}
}

static bool jumps_inside(const struct sock_filter *i, unsigned left)
{
	if (BPF_CLASS(i->code) != BPF_JMP)
		return true;
	if (BPF_OP(i->code) == BPF_JA)
		return i->k < left;
	return i->jt < left && i->jf < left;
}

/*
 * Words of memory are written before they are read, on every way that leads there. written[i]: the
 * words that all jumps to instruction i have behind them; `now`: those of the way that falls
 * through, all of them (none can come so) after a jump or a return.
 */
static bool memory_is_written(const struct sock_filter *program, unsigned nr, uint16_t *written)
{
	uint16_t now = 0;

	for (unsigned i = 0; i < nr; i++)
		written[i] = 0xffff;
	for (unsigned at = 0; at < nr; at++) {
		const struct sock_filter *i = &program[at];

		now &= written[at];
		if (i->code == BPF_ST || i->code == BPF_STX)
			now |= (uint16_t)(1u << i->k);
		else if ((i->code == (BPF_LD | BPF_MEM) || i->code == (BPF_LDX | BPF_MEM)) &&
			 (now >> i->k & 1) == 0)
			return false;
		if (BPF_CLASS(i->code) != BPF_JMP)
			continue;
		if (BPF_OP(i->code) == BPF_JA) {
			written[at + 1 + i->k] &= now;
		} else {
			written[at + 1 + i->jt] &= now;
			written[at + 1 + i->jf] &= now;
		}
		now = 0xffff;
	}
	return true;
}

bool bpf_is_valid(const struct sock_filter *program, unsigned nr, uint16_t *scratch)
{
	if (nr == 0 || nr > BPF_MAXINSNS)
		return false;
	for (unsigned at = 0; at < nr; at++) {
		const struct sock_filter *i = &program[at];

		if (!is_known(i->code) || !has_good_constant(i) || !jumps_inside(i, nr - at - 1))
			return false;
	}
	return BPF_CLASS(program[nr - 1].code) == BPF_RET &&
	       memory_is_written(program, nr, scratch);
}

/* ---- running ---- */

struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
};

/* False: a division by zero. */
static bool alu(struct machine *m, const struct sock_filter *i)
{
	uint32_t with = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		m->a += with;
		return true;
	case BPF_SUB:
		m->a -= with;
		return true;
	case BPF_MUL:
		m->a *= with;
		return true;
	case BPF_DIV:
		m->a = with == 0 ? 0 : m->a / with;
		return with != 0;
	case BPF_MOD:
		m->a = with == 0 ? 0 : m->a % with;
		return with != 0;
	case BPF_OR:
		m->a |= with;
		return true;
	case BPF_AND:
		m->a &= with;
		return true;
	case BPF_LSH:
		m->a <<= with & 31;
		return true;
	case BPF_RSH:
		m->a >>= with & 31;
		return true;
	case BPF_XOR:
		m->a ^= with;
		return true;
	default:
		m->a = -m->a;
		return true;
	}
}

/* How many instructions to go over. */
static unsigned jump(const struct machine *m, const struct sock_filter *i)
{
	uint32_t with = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return i->k;
	case BPF_JEQ:
		return m->a == with ? i->jt : i->jf;
	case BPF_JGT:
		return m->a > with ? i->jt : i->jf;
	case BPF_JGE:
		return m->a >= with ? i->jt : i->jf;
	default:
		return (m->a & with) != 0 ? i->jt : i->jf;
	}
}

/* False: the data has no such bytes. */
static bool load(struct machine *m, const struct sock_filter *i, const struct bpf_data *d)
{
	unsigned size = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;
	uint32_t *to = BPF_CLASS(i->code) == BPF_LD ? &m->a : &m->x;

	switch (BPF_MODE(i->code)) {
	case BPF_IMM:
		*to = i->k;
		return true;
	case BPF_MEM:
		*to = m->memory[i->k];
		return true;
	case BPF_LEN:
		*to = d->len;
		return true;
	case BPF_ABS:
		return d->load(d, i->k, size, to);
	case BPF_IND:
		return d->load(d, m->x + i->k, size, to);
	default: /* the length of an IPv4 header */
		if (!d->load(d, i->k, 1, to))
			return false;
		*to = (*to & 0xf) * 4;
		return true;
	}
}

uint32_t bpf_run(const struct sock_filter *program, const struct bpf_data *d)
{
	struct machine m = { 0 };

	for (const struct sock_filter *i = program;; i++) {
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
		case BPF_LDX:
			if (!load(&m, i, d))
				return 0;
			break;
		case BPF_ST:
			m.memory[i->k] = m.a;
			break;
		case BPF_STX:
			m.memory[i->k] = m.x;
			break;
		case BPF_ALU:
			if (!alu(&m, i))
				return 0;
			break;
		case BPF_JMP:
			i += jump(&m, i);
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		default:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
	}
}
