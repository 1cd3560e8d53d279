/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, ids and permissions of System V IPC (sysvipc(7)). ipc.h has the theory. */
#include "linux/ipc/ipc.h"

#include <linux/capability.h>

#include "core/cred.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define SEQ_MAX   0xffffu
#define MODE_BITS 0777u

void ipc_object_get(struct ipc_object *o)
{
	ref_get(&o->ref);
}

void ipc_object_put(struct ipc_object *o)
{
	if (ref_put(&o->ref))
		o->kind->free(o);
}

int64_t ipc_now(void)
{
	return clock_realtime() / NSEC_PER_SEC;
}

/* ---- the table, with its lock held ---- */

struct ipc_object *ipc_at(const struct ipc_kind *k, unsigned idx)
{
	return idx < k->table->nr_slots ? k->table->slots[idx] : NULL;
}

int ipc_find(const struct ipc_kind *k, int id, struct ipc_object **out)
{
	struct ipc_object *o = id < 0 ? NULL : ipc_at(k, (unsigned)id % IPC_INDEX_MAX);

	if (o == NULL)
		return -EINVAL;
	if (o->id != id)
		return -EIDRM;
	*out = o;
	return 0;
}

int ipc_find_stat(const struct ipc_kind *k, int id, bool by_index, bool any,
		  struct ipc_object **out)
{
	int err = 0;

	if (by_index) {
		*out = id < 0 ? NULL : ipc_at(k, (unsigned)id % IPC_INDEX_MAX);
		err = *out == NULL ? -EINVAL : 0;
	} else {
		err = ipc_find(k, id, out);
	}
	if (err == 0 && !any && !ipc_may(*out, IPC_READ))
		err = -EACCES;
	return err;
}

int ipc_highest(const struct ipc_kind *k)
{
	for (unsigned i = k->table->nr_slots; i > 0; i--)
		if (k->table->slots[i - 1] != NULL)
			return (int)i - 1;
	return 0;
}

static struct ipc_object *find_key(const struct ipc_kind *k, int key)
{
	for (unsigned i = 0; i < k->table->nr_slots; i++) {
		struct ipc_object *o = k->table->slots[i];

		if (o != NULL && o->key == key)
			return o;
	}
	return NULL;
}

static int grow(struct ipc_table *t)
{
	unsigned nr = max(t->nr_slots * 2, 32u);
	struct ipc_object **slots = kmem_new_array(struct ipc_object *, nr);

	if (slots == NULL)
		return -ENOMEM;
	if (t->slots != NULL)
		memcpy(slots, t->slots, t->nr_slots * sizeof(*slots));
	kmem_free(t->slots);
	t->slots = slots;
	t->nr_slots = nr;
	return 0;
}

/* The lowest free index; the sequence number moves on when indices start anew. */
static int add(struct ipc_table *t, struct ipc_object *o)
{
	unsigned idx = 0;

	while (idx < t->nr_slots && t->slots[idx] != NULL)
		idx++;
	if (idx == IPC_INDEX_MAX)
		return -ENOSPC;
	if (idx == t->nr_slots && grow(t) != 0)
		return -ENOMEM;
	if (t->nr_used > 0 || t->seq > 0 || t->last_idx > 0)
		t->seq = idx <= t->last_idx ? (t->seq + 1) & SEQ_MAX : t->seq;
	t->last_idx = idx;
	t->slots[idx] = o;
	t->nr_used++;
	o->seq = (uint16_t)t->seq;
	o->id = (int)(t->seq << IPC_INDEX_BITS | idx);
	return 0;
}

void ipc_remove(struct ipc_object *o)
{
	struct ipc_table *t = o->kind->table;

	t->slots[(unsigned)o->id % IPC_INDEX_MAX] = NULL;
	t->nr_used--;
	o->removed = true;
}

/* ---- permissions ---- */

bool ipc_may(const struct ipc_object *o, unsigned wanted)
{
	const struct cred *c = cred_current();
	unsigned asked = wanted >> 6 | wanted >> 3 | wanted, granted = o->mode;

	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	return (asked & ~granted & 7) == 0 || cred_has_cap(c, CAP_IPC_OWNER);
}

bool ipc_may_control(const struct ipc_object *o)
{
	const struct cred *c = cred_current();

	return c->euid == o->cuid || c->euid == o->uid || cred_has_cap(c, CAP_SYS_ADMIN);
}

int ipc_find_to_control(const struct ipc_kind *k, int id, struct ipc_object **out)
{
	int err = ipc_find(k, id, out);

	return err == 0 && !ipc_may_control(*out) ? -EPERM : err;
}

void ipc_fill_perm(const struct ipc_object *o, struct ipc64_perm *out)
{
	*out = (struct ipc64_perm){
		.key = o->key,
		.uid = o->uid,
		.gid = o->gid,
		.cuid = o->cuid,
		.cgid = o->cgid,
		.mode = o->mode,
		.seq = o->seq,
	};
}

int ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *perm)
{
	if (perm->uid == UINT32_MAX || perm->gid == UINT32_MAX)
		return -EINVAL;
	o->uid = perm->uid;
	o->gid = perm->gid;
	o->mode = (o->mode & ~MODE_BITS) | (perm->mode & MODE_BITS);
	return 0;
}

/* ---- get ---- */

static long make(const struct ipc_kind *k, const struct ipc_request *r)
{
	const struct cred *c = cred_current();
	struct ipc_object *o;
	int err;

	if (k->table->nr_used >= *k->limit)
		return -ENOSPC;
	err = k->make(r, &o);
	if (err != 0)
		return err;
	ref_init(&o->ref);
	o->kind = k;
	o->key = r->key;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	o->mode = (uint32_t)r->flags & MODE_BITS;
	err = add(k->table, o);
	if (err != 0) {
		ipc_object_put(o);
		return err;
	}
	return o->id;
}

long ipc_get(const struct ipc_kind *k, const struct ipc_request *r)
{
	struct ipc_object *o;

	scoped_mutex(&k->table->lock);
	o = r->key == IPC_PRIVATE ? NULL : find_key(k, r->key);
	if (o == NULL) {
		if (r->key != IPC_PRIVATE && (r->flags & IPC_CREAT) == 0)
			return -ENOENT;
		return make(k, r);
	}
	if ((r->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (!k->suits(o, r))
		return -EINVAL;
	return ipc_may(o, (unsigned)r->flags & MODE_BITS) ? o->id : -EACCES;
}

/* ---- procfs ---- */

int ipc_show(const struct ipc_kind *k, struct text_buffer *b)
{
	scoped_mutex(&k->table->lock);
	text_print(b, "%s", k->header);
	for (unsigned i = 0; i < k->table->nr_slots; i++)
		if (k->table->slots[i] != NULL)
			k->show(b, k->table->slots[i]);
	return 0;
}

int ipc_parse(const char *text, size_t len, unsigned *out, unsigned nr, unsigned max_value)
{
	size_t at = 0;

	for (unsigned i = 0; i < nr; i++) {
		uint64_t value = 0;
		size_t first;

		while (at < len && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n'))
			at++;
		if (at == len)
			return i > 0 ? 0 : -EINVAL;
		first = at;
		for (; at < len && text[at] >= '0' && text[at] <= '9' && value <= max_value; at++)
			value = value * 10 + (uint64_t)(text[at] - '0');
		if (at == first || value > max_value)
			return -EINVAL;
		out[i] = (unsigned)value;
	}
	return 0;
}
