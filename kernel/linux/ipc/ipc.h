/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the three kinds of System V IPC have in common (sysvipc(7)): objects with a key and an id,
 * owners and permissions, in a table for each kind.
 *
 * An id is a sequence number and an index into the table, so that an id whose object is gone is
 * told from its successor's (EIDRM). A table's mutex guards the table and everything in its
 * objects; it is outermost but for file and inode locks, and no user memory is touched under it.
 * Objects are counted: the table holds one count, and each call that sleeps or maps holds another,
 * so `removed` is what a call must look at when it has the lock again.
 */
#pragma once
#include <linux/ipc.h>
#include <asm/ipcbuf.h>

#include "core/sync/mutex.h"
#include "fs/proc/proc.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define IPC_INDEX_BITS 15
#define IPC_INDEX_MAX  (1u << IPC_INDEX_BITS)
#define IPC_READ       0444 /* what ipc_may() is asked for: any of the classes */
#define IPC_WRITE      0222
#define IPC_EXEC       0111

struct ipc_kind;

struct ipc_object {
	struct ref ref;
	const struct ipc_kind *kind;   /* [I] */
	int id;                        /* [I] */
	int key;                       /* [table.lock] IPC_PRIVATE: not to be found */
	uint32_t uid, gid, cuid, cgid; /* [table.lock] */
	uint32_t mode;                 /* [table.lock] permissions, and the kind's own bits */
	uint16_t seq;                  /* [I] */
	bool removed;                  /* [table.lock] out of the table */
};

struct ipc_table {
	struct mutex lock;
	struct ipc_object **slots;  /* [lock] owned */
	unsigned nr_slots, nr_used; /* [lock] */
	unsigned last_idx, seq;     /* [lock] of the last object that was made */
};

struct ipc_request {
	int key, flags;
	size_t size; /* bytes, or semaphores */
};

struct ipc_kind {
	struct ipc_table *table;
	const unsigned *limit; /* objects */
	/* A new object with count 1. -EINVAL, -ENOSPC, -ENOMEM. With the lock held. */
	int (*make)(const struct ipc_request *r, struct ipc_object **out);
	/* Does an existing one answer the request's size? */
	bool (*suits)(const struct ipc_object *o, const struct ipc_request *r);
	void (*free)(struct ipc_object *o); /* the last count is gone */
	/* A line of /proc/sysvipc. With the lock held. */
	void (*show)(struct text_buffer *b, struct ipc_object *o);
	const char *header;
};

/* shmget(2), semget(2), msgget(2): the id. */
long ipc_get(const struct ipc_kind *k, const struct ipc_request *r);
void ipc_object_get(struct ipc_object *o);
void ipc_object_put(struct ipc_object *o); /* may sleep; not with the lock held */

/* With the table's lock held. */
MUST_CHECK int ipc_find(const struct ipc_kind *k, int id, struct ipc_object **out);
struct ipc_object *ipc_at(const struct ipc_kind *k, unsigned idx); /* or NULL */
int ipc_highest(const struct ipc_kind *k); /* the highest index in use, or 0 */
void ipc_remove(struct ipc_object *o);     /* out of the table; the table's count is the caller's */
bool ipc_may(const struct ipc_object *o, unsigned wanted); /* or CAP_IPC_OWNER */
bool ipc_may_control(const struct ipc_object *o);          /* IPC_SET, IPC_RMID */
/* The object of IPC_SET or IPC_RMID. As ipc_find(), or -EPERM. */
MUST_CHECK int ipc_find_to_control(const struct ipc_kind *k, int id, struct ipc_object **out);
void ipc_fill_perm(const struct ipc_object *o, struct ipc64_perm *out);
MUST_CHECK int ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *perm);
/* The object of *_STAT (an id) or the kind's *_STAT and *_STAT_ANY (an index), checked for reading
 * unless `any`. */
MUST_CHECK int ipc_find_stat(const struct ipc_kind *k, int id, bool by_index, bool any,
			     struct ipc_object **out);

int ipc_show(const struct ipc_kind *k, struct text_buffer *b); /* a file of /proc/sysvipc */
int64_t ipc_now(void);                                         /* seconds of the real-time clock */
/* Up to `nr` numbers of a /proc/sys file within [0, max]; what is missing stays. -EINVAL. */
MUST_CHECK int ipc_parse(const char *text, size_t len, unsigned *out, unsigned nr, unsigned max);
