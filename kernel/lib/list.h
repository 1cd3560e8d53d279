/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubly linked circular list, links embedded in the elements. A list head is a link too. A link
 * that is on no list points to itself (list_init) so that list_remove may be called on it twice.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) \
	{ \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert `item` before `at`: at a head, this appends. */
static inline void list_insert_before(struct list *at, struct list *item)
{
	item->next = at;
	item->prev = at->prev;
	at->prev->next = item;
	at->prev = item;
}

static inline void list_append(struct list *head, struct list *item)
{
	list_insert_before(head, item);
}

static inline void list_prepend(struct list *head, struct list *item)
{
	list_insert_before(head->next, item);
}

static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* All of `from` goes behind what is in `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_first(head, type, member) \
	(list_is_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_last(head, type, member) \
	(list_is_empty(head) ? NULL : list_entry((head)->prev, type, member))

/* `it` is declared by the caller and is past the end afterwards. */
#define list_foreach(head, it, member) \
	for ((it) = list_entry((head)->next, __typeof__(*it), member); &(it)->member != (head); \
	     (it) = list_entry((it)->member.next, __typeof__(*it), member))

/* The body may remove `it` (and nothing else). `it` is declared by the caller. */
#define list_foreach_safe(head, it, member) \
	for (__typeof__(it) it##_next = ((it) = list_entry((head)->next, __typeof__(*it), member), \
					list_entry((it)->member.next, __typeof__(*it), member)); \
	     &(it)->member != (head); \
	     (it) = it##_next, it##_next = list_entry((it)->member.next, __typeof__(*it), member))
