/* SPDX-License-Identifier: BSD-2-Clause */
/* Users of TCP: what its engine asks of them. */
#include "test/net/user.h"

#include <linux/tcp.h>
#include <string.h>

#include "core/panic.h"
#include "lib/atomic.h"
#include "mm/alloc/kmem.h"

struct user *user_of(struct tcp *t)
{
	return container_of(t, struct user, tcp);
}

static void changed(struct tcp *t, unsigned news)
{
	(void)atomic_or(&user_of(t)->news, news);
	if (user_kind.changed != NULL)
		user_kind.changed(user_of(t), news);
}

static void get(struct tcp *t)
{
	(void)atomic_add(&user_of(t)->refs, 1);
}

static void put(struct tcp *t)
{
	unsigned left = atomic_sub(&user_of(t)->refs, 1);

	if (left == UINT32_MAX)
		panic("a connection is put too often");
	if (left > 0)
		return;
	tcp_fini(t);
	kmem_free(user_of(t));
}

static struct tcp *child(struct tcp *listener);
static const struct tcp_events events = { changed, child, get, put };

static struct user *make(struct net *net, bool v6, const struct user *listener)
{
	struct user *u = kmem_alloc(user_kind.size);

	if (u == NULL)
		return NULL;
	u->refs = 1;
	tcp_init(&u->tcp, net, &events, v6);
	if (user_kind.born != NULL)
		user_kind.born(u, listener);
	return u;
}

static struct tcp *child(struct tcp *listener)
{
	struct user *u = make(listener->net, listener->v6, user_of(listener));

	return u == NULL ? NULL : &u->tcp;
}

struct user *user_new(struct net *net, bool v6)
{
	return make(net, v6, NULL);
}

void user_put(struct user *u)
{
	put(&u->tcp);
}

void user_address(struct inet_address *a, bool v6, unsigned host, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (!v6)
		memcpy(a->ip, inet_any4, 16);
	a->ip[v6 ? 0 : 12] = v6 ? 0xfd : 10;
	a->ip[15] = (uint8_t)host;
	a->port = port;
}

void user_end(struct user **slot, bool abort)
{
	if (abort)
		tcp_abort(&(*slot)->tcp);
	else
		tcp_close(&(*slot)->tcp);
	user_put(*slot);
	*slot = NULL;
}

void user_accept(struct user *listener, struct user **all, unsigned nr)
{
	struct tcp *t = tcp_accept(&listener->tcp);
	struct user *u = t == NULL ? NULL : user_of(t);

	for (unsigned i = 0; i < nr && u != NULL; i++) {
		if (all[i] == NULL) {
			all[i] = u;
			u = NULL;
		}
	}
	if (u != NULL)
		user_end(&u, false);
}

void user_read(struct user *u, bool peek_urgent, uint32_t most)
{
	uint32_t offset, n = tcp_readable(&u->tcp), there = 0;
	struct netbuf *b = tcp_first(&u->tcp, &offset);
	struct tcp_info info;
	uint8_t byte;

	for (; b != NULL; b = tcp_next(&u->tcp, b), offset = 0)
		there += b->len - offset;
	if (there < n)
		panic("%u bytes are said to be there, %u are", n, there);
	IGNORE_RESULT(tcp_urgent(&u->tcp, peek_urgent, &byte));
	tcp_consumed(&u->tcp, min(n, most));
	tcp_pass_mark(&u->tcp);
	tcp_info_get(&u->tcp, &info);
}
