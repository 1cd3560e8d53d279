/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FUSE requests: put together, sent through the mount's transport, answers checked (linux/fuse.h).
 * An answer is taken only if its header's length is the number of bytes that came, its number is
 * the request's, and its error is an error number; everything else is -EIO, once in the log.
 */
#include "core/cred.h"
#include "core/log.h"
#include "fs/fuse/fuse_call.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define ERRNO_MAX 4095

static struct spinlock transports_lock = SPINLOCK_INIT;
static struct list transports = LIST_INIT(transports); /* [transports_lock] they stay for good */

void fuse_transport_register(struct fuse_transport *t)
{
	scoped_spin(&transports_lock);
	list_append(&transports, &t->link);
}

struct fuse_transport *fuse_transport_find(const char *tag)
{
	struct fuse_transport *t;

	scoped_spin(&transports_lock);
	list_foreach(&transports, t, link) {
		if (strcmp(t->tag, tag) == 0)
			return t;
	}
	return NULL;
}

struct fuse_call *fuse_call_new(struct fuse_fs *fs, uint32_t opcode, uint64_t nodeid,
				size_t arg_bytes)
{
	size_t room = sizeof(struct fuse_in_header) + arg_bytes;
	struct fuse_call *c = kmem_alloc(sizeof(*c) + room);
	const struct cred *cred = cred_current();
	struct fuse_in_header *in;

	if (c == NULL)
		return NULL;
	in = (struct fuse_in_header *)(void *)c->in;
	in->opcode = opcode;
	in->unique = atomic_add(&fs->unique, 2); /* odd numbers are INTERRUPT's */
	in->nodeid = nodeid;
	in->uid = cred->fsuid;
	in->gid = cred->fsgid;
	c->fs = fs;
	c->unique = in->unique;
	c->in_len = sizeof(*in);
	c->in_room = room;
	c->r.nr_in = 1;
	c->out[0] = (struct fuse_vec){ &c->header, sizeof(c->header) };
	c->out[1] = (struct fuse_vec){ &c->reply, sizeof(c->reply) };
	return c;
}

void *fuse_call_args(struct fuse_call *c, size_t len)
{
	void *at = c->in + c->in_len;

	c->in_len += len;
	return at;
}

void fuse_call_string(struct fuse_call *c, const char *s, size_t len)
{
	memcpy(c->in + c->in_len, s, len);
	c->in_len += len + 1; /* the memory was zeroed */
}

void fuse_call_payload(struct fuse_call *c, void *data, size_t len)
{
	c->r.in[1] = (struct fuse_vec){ data, len };
	c->r.nr_in = 2;
}

void fuse_call_data(struct fuse_call *c, void *data, size_t len)
{
	c->out[1] = (struct fuse_vec){ data, len };
}

static int check_answer(struct fuse_call *c, const struct fuse_in_header *in, size_t room)
{
	const struct fuse_out_header *h = &c->header;

	if (c->r.out_len >= sizeof(*h) && h->len == c->r.out_len && h->len <= room &&
	    h->unique == in->unique && h->error <= 0 && h->error >= -ERRNO_MAX)
		return h->error;
	log_warn("fuse %s: request %u: malformed answer of %llu bytes", c->fs->transport->tag,
		 in->opcode, (unsigned long long)c->r.out_len);
	return -EIO;
}

int fuse_call_send_vecs(struct fuse_call *c, const struct fuse_vec *out, unsigned nr_out)
{
	struct fuse_in_header *in = (struct fuse_in_header *)(void *)c->in;
	size_t room = 0;
	int err;

	for (unsigned i = 0; i < nr_out; i++)
		room += out[i].len;
	c->r.in[0] = (struct fuse_vec){ c->in, c->in_len };
	in->len = (uint32_t)(c->in_len + (c->r.nr_in > 1 ? c->r.in[1].len : 0));
	c->r.out = out;
	c->r.nr_out = nr_out;
	err = c->fs->transport->call(c->fs->transport, &c->r);
	if (err == 0)
		err = check_answer(c, in, room);
	c->reply_len = err == 0 ? c->r.out_len - sizeof(c->header) : 0;
	return err;
}

int fuse_call_send(struct fuse_call *c, size_t min_len)
{
	int err = fuse_call_send_vecs(c, c->out, c->out[1].len > 0 ? 2 : 1);

	return err == 0 && c->reply_len < min_len ? -EIO : err;
}

/* One piece of memory, the request first: the transport frees it. */
struct forget {
	struct fuse_request r;
	struct {
		struct fuse_in_header header;
		struct fuse_forget_in in;
	} message;
};

void fuse_forget(struct fuse_fs *fs, uint64_t nodeid, uint64_t nr_lookups)
{
	struct forget *f;

	if (nr_lookups == 0)
		return;
	f = kmem_new(struct forget);
	if (f == NULL)
		return; /* the host keeps it: no harm but its memory */
	f->message.header = (struct fuse_in_header){
		.len = sizeof(f->message),
		.opcode = FUSE_FORGET,
		.nodeid = nodeid,
		.unique = atomic_add(&fs->unique, 2),
	};
	f->message.in.nlookup = nr_lookups;
	f->r.in[0] = (struct fuse_vec){ &f->message, sizeof(f->message) };
	f->r.nr_in = 1;
	fs->transport->post(fs->transport, &f->r);
}

void fuse_forget_many(struct fuse_fs *fs, const struct fuse_forget_one *ids, unsigned nr)
{
	size_t len = sizeof(struct fuse_in_header) + sizeof(struct fuse_batch_forget_in) +
		     nr * sizeof(*ids);
	struct fuse_request *r = kmem_alloc(sizeof(*r) + len);
	struct fuse_batch_forget_in *batch;
	struct fuse_in_header *header;

	if (r == NULL)
		return; /* as above */
	header = (struct fuse_in_header *)(void *)(r + 1);
	*header = (struct fuse_in_header){
		.len = (uint32_t)len,
		.opcode = FUSE_BATCH_FORGET,
		.unique = atomic_add(&fs->unique, 2),
	};
	batch = (struct fuse_batch_forget_in *)(header + 1);
	batch->count = nr;
	memcpy(batch + 1, ids, nr * sizeof(*ids));
	r->in[0] = (struct fuse_vec){ header, len };
	r->nr_in = 1;
	fs->transport->post(fs->transport, r);
}
