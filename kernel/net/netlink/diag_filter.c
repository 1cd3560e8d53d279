/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of sockets: diag_filter.h. */
#include "net/netlink/diag_filter.h"

#include <linux/inet_diag.h>

#include "lib/string.h"
#include "net/inet/report.h"

#define STEP        sizeof(struct inet_diag_bc_op)
#define PROGRAM_MAX 8192u /* bytes: the check looks at each operation for each jump */

/* Bytes of the operation at `op`, with `left` from there on; 0: it is none. */
static unsigned size_of(const struct inet_diag_bc_op *op, unsigned left)
{
	const struct inet_diag_hostcond *c = (const void *)(op + 1);

	switch (op->code) {
	case INET_DIAG_BC_NOP:
	case INET_DIAG_BC_JMP:
	case INET_DIAG_BC_AUTO:
		return STEP;
	case INET_DIAG_BC_S_GE:
	case INET_DIAG_BC_S_LE:
	case INET_DIAG_BC_D_GE:
	case INET_DIAG_BC_D_LE:
	case INET_DIAG_BC_S_EQ:
	case INET_DIAG_BC_D_EQ:
	case INET_DIAG_BC_DEV_COND: /* a number follows */
		return left < 2 * STEP ? 0 : 2 * STEP;
	case INET_DIAG_BC_S_COND:
	case INET_DIAG_BC_D_COND:
		if (left < STEP + sizeof(*c))
			return 0;
		if (c->prefix_len > (c->family == AF_INET ? 32 : 128))
			return 0;
		return (unsigned)(STEP + sizeof(*c) +
				  (c->family == AF_UNSPEC ? 0
				   : c->family == AF_INET ? 4
							  : 16));
	default:
		return 0;
	}
}

static const struct inet_diag_bc_op *op_at(const void *program, unsigned at)
{
	return (const void *)((const char *)program + at);
}

/* Is there an operation that begins at `to`, or the end, or what stands for "does not fit"? */
static bool leads_somewhere(const void *program, unsigned len, unsigned to)
{
	unsigned at = 0;

	if (to == len || to == len + STEP)
		return true;
	while (at < to && at < len)
		at += op_at(program, at)->yes;
	return at == to && to < len;
}

bool diag_filter_is_valid(const void *program, unsigned len)
{
	if (len % STEP != 0 || len > PROGRAM_MAX)
		return false;
	for (unsigned at = 0; at < len; at += op_at(program, at)->yes) {
		const struct inet_diag_bc_op *op = op_at(program, at);
		unsigned size = size_of(op, len - at);

		if (size == 0 || size > len - at || op->yes < size || op->yes % STEP != 0 ||
		    op->yes > len - at)
			return false;
		if (op->code != INET_DIAG_BC_NOP &&
		    (op->no < STEP || op->no % STEP != 0 || op->no > len - at + STEP))
			return false;
	}
	for (unsigned at = 0; at < len; at += op_at(program, at)->yes) {
		const struct inet_diag_bc_op *op = op_at(program, at);

		if (op->code != INET_DIAG_BC_NOP && !leads_somewhere(program, len, at + op->no))
			return false;
	}
	return true;
}

static bool has_host(const struct inet_diag_hostcond *c, const struct inet_address *a, bool v6)
{
	uint8_t want[16];

	if (c->port != -1 && c->port != a->port)
		return false;
	if (c->family == AF_UNSPEC || c->prefix_len == 0)
		return c->family == AF_UNSPEC || (c->family == AF_INET6) == v6 ||
		       inet_ip_is_v4(a->ip);
	if (c->family == AF_INET) {
		inet_ip_from_v4(want, c->addr[0]);
		return inet_ip_in_prefix(a->ip, want, 96u + c->prefix_len);
	}
	memcpy(want, c->addr, sizeof(want));
	return v6 && inet_ip_in_prefix(a->ip, want, c->prefix_len);
}

static bool holds(const struct inet_diag_bc_op *op, const struct inet_report *r)
{
	const struct inet_diag_hostcond *host = (const void *)(op + 1);
	uint32_t device;

	switch (op->code) {
	case INET_DIAG_BC_JMP:
		return false;
	case INET_DIAG_BC_S_EQ:
		return r->local.port == op[1].no;
	case INET_DIAG_BC_S_GE:
		return r->local.port >= op[1].no;
	case INET_DIAG_BC_S_LE:
		return r->local.port <= op[1].no;
	case INET_DIAG_BC_D_EQ:
		return r->remote.port == op[1].no;
	case INET_DIAG_BC_D_GE:
		return r->remote.port >= op[1].no;
	case INET_DIAG_BC_D_LE:
		return r->remote.port <= op[1].no;
	case INET_DIAG_BC_S_COND:
		return has_host(host, &r->local, r->v6);
	case INET_DIAG_BC_D_COND:
		return has_host(host, &r->remote, r->v6);
	case INET_DIAG_BC_DEV_COND:
		memcpy(&device, op + 1, sizeof(device));
		return device == r->dev_index;
	case INET_DIAG_BC_AUTO:
		return r->port_was_given == false;
	default:
		return true;
	}
}

bool diag_filter_run(const void *program, unsigned len, const struct inet_report *r)
{
	unsigned at = 0;

	while (at < len) {
		const struct inet_diag_bc_op *op = op_at(program, at);

		at += holds(op, r) ? op->yes : op->no;
	}
	return at == len;
}
