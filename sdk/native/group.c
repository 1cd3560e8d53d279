/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast groups by the door. A program that joins any asks for them by a call of its own, which
 * `hull scan` sees. */
#include <errno.h>

#include "native/door.h"
#include "native/native.h"

static int change(struct hull_udp *u, const struct hull_address *group, bool joins)
{
	struct native_op op = {
		.kind = joins ? NATIVE_OP_JOIN : NATIVE_OP_LEAVE,
		.id = (uint32_t)u->e.id,
	};
	const long none[6] = { 0 };

	if (DOOR_CALL(NATIVE_CALL_GROUPS, none) != 0)
		return -ENOSYS;
	hull_door_address_write(group, &op.remote);
	return hull_door_now(u->e.loop, &op);
}

const struct hull_group_backend hull_native_groups = { .of = &hull_native, .change = change };
