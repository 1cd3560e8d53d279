/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops: ids, endpoints with news, datagrams that the program reads. native.h has the theory. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "native/native.h"
#include "net/endpoint.h"
#include "net/net.h"
#include "net/netbuf.h"

OPTIONAL(native_watch_end);

#define SLOTS_FIRST   64u
#define PIECES_MAX    (NETBUF_PARTS_MAX + 2u) /* of a datagram: events that must have room */
#define ID_INDEX_BITS 16u

_Static_assert(NATIVE_IDS_MAX == 1u << ID_INDEX_BITS, "an id has an index and a generation");
_Static_assert(PIECES_MAX <= NATIVE_EVENTS_MIN, "a datagram fits into a turn");

/* ---- loops ---- */

int native_loop_new(struct native_loop **out)
{
	struct net *net = net_machine_get();
	struct native_loop *l;

	if (net == NULL)
		return -ENOBUFS;
	l = kmem_new(struct native_loop);
	if (l == NULL)
		return -ENOMEM;
	ref_init(&l->ref);
	l->net = net;
	waitq_init(&l->wq);
	list_init(&l->ready);
	list_init(&l->watch_link);
	list_init(&l->doomed);
	*out = l;
	return 0;
}

void native_loop_put(struct native_loop *l)
{
	if (ref_put(&l->ref))
		kmem_free(l);
}

static void free_doomed(struct native_loop *l)
{
	while (!list_is_empty(&l->doomed)) {
		struct native_endpoint *e = list_first(&l->doomed, struct native_endpoint, link);

		list_remove(&e->link);
		native_endpoint_put(e);
	}
}

static void free_kept(struct native_loop *l)
{
	for (uint32_t i = 0; i < l->kept_room; i++) {
		if (l->kept[i].b == NULL)
			continue;
		netbuf_free(l->kept[i].b);
		native_endpoint_put(l->kept[i].e);
	}
	kmem_free(l->kept);
	l->kept = NULL;
	l->kept_room = 0;
}

void native_loop_close(struct native_loop *l)
{
	if (l->watches)
		native_watch_end(l);
	for (uint32_t i = 0; i < l->nr_slots; i++) {
		if (l->slots[i].endpoint != NULL)
			native_endpoint_close(l->slots[i].endpoint, false);
	}
	net_run();
	native_loop_give_back(l);
	free_kept(l);
	kmem_free(l->given);
	kmem_free(l->slots);
	l->given = NULL;
	l->slots = NULL;
	l->given_room = l->nr_slots = 0;
}

bool native_loop_has_news(struct native_loop *l)
{
	return READ_ONCE(l->ready.next) != &l->ready || atomic_load(&l->is_woken) ||
	       atomic_load(&l->has_network);
}

void native_loop_wake(struct native_loop *l)
{
	waitq_wake_all(&l->wq, EPOLLIN);
}

/* ---- what was given ---- */

/* Room for one more of *room; they double. */
static int grow(struct native_given **all, uint32_t *room, uint32_t most)
{
	uint32_t wanted = *room == 0 ? SLOTS_FIRST : min(*room * 2, most);
	struct native_given *larger;

	if (*room >= most)
		return -ENOBUFS;
	larger = kmem_resize(*all, wanted * sizeof(**all));
	if (larger == NULL)
		return -ENOMEM;
	*all = larger;
	*room = wanted;
	return 0;
}

int native_give(struct native_endpoint *e, struct netbuf *b, uint32_t *token)
{
	struct native_loop *l = e->loop;
	int err = 0;

	if (l->nr_given == l->given_room)
		err = grow(&l->given, &l->given_room, NATIVE_EVENTS_MAX);
	if (err != 0)
		return err;
	l->given[l->nr_given++] = (struct native_given){ b, e };
	*token = l->nr_given;
	return 0;
}

struct netbuf *native_given_find(struct native_loop *l, uint64_t token)
{
	return token == 0 || token > l->nr_given ? NULL : l->given[token - 1].b;
}

static void returned(struct native_endpoint *e, const struct netbuf *b)
{
	scoped_spin(&e->loop->lock);
	e->ops->returned(e, b);
}

void native_loop_give_back(struct native_loop *l)
{
	for (uint32_t i = 0; i < l->nr_given; i++) {
		if (l->given[i].b == NULL)
			continue;
		returned(l->given[i].e, l->given[i].b);
		netbuf_free(l->given[i].b);
	}
	l->nr_given = 0;
	free_doomed(l);
}

static int find_free_kept(struct native_loop *l, uint32_t *idx)
{
	uint32_t i = 0;

	while (i < l->kept_room && l->kept[i].b != NULL)
		i++;
	*idx = i;
	if (i < l->kept_room)
		return 0;
	return grow(&l->kept, &l->kept_room, NATIVE_KEPT_MAX);
}

int native_op_keep(struct native_loop *l, struct native_op *op)
{
	struct native_given *g;
	uint32_t idx;
	int err;

	if (native_given_find(l, op->cookie) == NULL)
		return -EINVAL;
	err = find_free_kept(l, &idx);
	if (err != 0)
		return err;
	g = &l->given[op->cookie - 1];
	ref_get(&g->e->ref);
	l->kept[idx] = *g;
	g->b = NULL;
	return (int)idx + 1;
}

int native_op_release(struct native_loop *l, struct native_op *op)
{
	struct native_given *g;

	if (op->cookie == 0 || op->cookie > l->kept_room || l->kept[op->cookie - 1].b == NULL)
		return -EINVAL;
	g = &l->kept[op->cookie - 1];
	returned(g->e, g->b);
	netbuf_free(g->b);
	native_endpoint_put(g->e);
	*g = (struct native_given){ NULL, NULL };
	return 0;
}

/* ---- endpoints ---- */

void native_endpoint_init(struct native_endpoint *e, struct native_loop *l,
			  const struct native_endpoint_ops *ops)
{
	ref_init(&e->ref);
	ref_get(&l->ref);
	e->loop = l;
	e->ops = ops;
	list_init(&e->link);
}

void native_endpoint_put(struct native_endpoint *e)
{
	struct native_loop *l = e->loop;

	if (!ref_put(&e->ref))
		return;
	e->ops->free(e);
	native_loop_put(l);
}

/* Twice as many slots; the new ones are free. */
static int grow_slots(struct native_loop *l)
{
	uint32_t nr = l->nr_slots == 0 ? SLOTS_FIRST : l->nr_slots * 2;
	struct native_slot *larger;

	if (l->nr_slots >= NATIVE_IDS_MAX)
		return -EMFILE;
	larger = kmem_resize(l->slots, nr * sizeof(*larger));
	if (larger == NULL)
		return -ENOMEM;
	for (uint32_t i = nr; i-- > l->nr_slots;) {
		larger[i].next_free = l->first_free;
		l->first_free = i + 1;
	}
	l->slots = larger;
	l->nr_slots = nr;
	return 0;
}

int native_endpoint_enter(struct native_endpoint *e)
{
	struct native_loop *l = e->loop;
	struct native_slot *s;
	int err = l->first_free == 0 ? grow_slots(l) : 0;

	if (err != 0)
		return err;
	s = &l->slots[l->first_free - 1];
	/* Ids are results of operations: above 0. */
	s->generation = (uint16_t)(s->generation % INT16_MAX + 1);
	e->id = (uint32_t)s->generation << ID_INDEX_BITS | (l->first_free - 1);
	s->endpoint = e;
	l->first_free = s->next_free;
	return 0;
}

static struct native_slot *find_slot(struct native_loop *l, uint32_t id)
{
	uint32_t idx = id % NATIVE_IDS_MAX;
	struct native_slot *s;

	if (idx >= l->nr_slots)
		return NULL;
	s = &l->slots[idx];
	return s->endpoint != NULL && s->endpoint->id == id ? s : NULL;
}

struct native_endpoint *native_endpoint_find(struct native_loop *l, uint32_t id)
{
	struct native_slot *s = find_slot(l, id);

	return s == NULL ? NULL : s->endpoint;
}

static void silence(struct native_endpoint *e)
{
	scoped_spin(&e->loop->lock);
	list_remove(&e->link);
	e->has_news = false;
	e->is_silent = true;
}

/* Its datagrams may be with the program until the operations are done, and so it is, too. */
void native_endpoint_close(struct native_endpoint *e, bool abort)
{
	struct native_loop *l = e->loop;
	struct native_slot *s = find_slot(l, e->id);

	s->endpoint = NULL;
	s->next_free = l->first_free;
	l->first_free = (uint32_t)(s - l->slots) + 1;
	silence(e);
	list_append(&l->doomed, &e->link);
	e->ops->close(e, abort);
}

int native_op_close(struct native_loop *l, struct native_op *op)
{
	struct native_endpoint *e = native_endpoint_find(l, op->id);

	if (e == NULL)
		return -EBADF;
	native_endpoint_close(e, (op->flags & NATIVE_ABORT) != 0);
	return 0;
}

int native_op_adopt(struct native_loop *l, struct native_op *op)
{
	struct native_endpoint *e = native_endpoint_find(l, op->id);
	int err;

	if (e == NULL)
		return -EBADF;
	if (e->ops->adopt == NULL)
		return -EINVAL;
	err = e->ops->adopt(e);
	if (err == 0)
		e->cookie = op->cookie;
	return err;
}

int native_op_local(struct native_loop *l, struct native_op *op)
{
	struct native_endpoint *e = native_endpoint_find(l, op->id);

	if (e == NULL)
		return -EBADF;
	native_address_write(e->end->local.ip, e->end->local.port, 0, &op->local);
	return 0;
}

/* ---- news ---- */

bool native_endpoint_ready_locked(struct native_endpoint *e)
{
	if (e->is_silent)
		return false;
	if (!e->has_news)
		list_append(&e->loop->ready, &e->link);
	e->has_news = true;
	return true;
}

void native_endpoint_ready(struct native_endpoint *e)
{
	scoped_spin(&e->loop->lock);
	(void)native_endpoint_ready_locked(e);
}

static struct native_endpoint *take_ready(struct native_loop *l)
{
	struct native_endpoint *e;

	scoped_spin(&l->lock);
	e = list_first(&l->ready, struct native_endpoint, link);
	if (e == NULL)
		return NULL;
	list_remove(&e->link);
	e->has_news = false;
	return e;
}

/* Each endpoint once: one that has more is asked in the next turn, behind the others. */
static uint32_t nr_ready(struct native_loop *l)
{
	const struct list *at;
	uint32_t nr = 0;

	scoped_spin(&l->lock);
	for (at = l->ready.next; at != &l->ready && nr < NATIVE_EVENTS_MAX; at = at->next)
		nr++;
	return nr;
}

void native_loop_tell(struct native_loop *l, struct native_batch *out)
{
	const struct native_event network = { .kind = NATIVE_EVENT_NETWORK };
	struct native_endpoint *e;

	if (atomic_exchange(&l->has_network, false))
		native_emit(out, &network);
	for (uint32_t nr = nr_ready(l); nr > 0 && native_has_room(out, PIECES_MAX); nr--) {
		e = take_ready(l);
		if (e == NULL)
			break;
		e->ops->tell(e, out);
	}
}

void native_emit(struct native_batch *out, const struct native_event *v)
{
	if (out->error != 0)
		return;
	out->error = user_write_struct(out->to + out->nr * sizeof(*v), v);
	out->nr += out->error == 0;
}
