/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of signal actions: actions.h has the theory. */
#include "linux/signal/actions.h"

#include "lib/string.h"
#include "mm/alloc/kmem.h"

struct signal_actions *signal_actions_new(struct signal_actions *from)
{
	struct signal_actions *a = kmem_new(struct signal_actions);

	if (a == NULL)
		return NULL;
	ref_init(&a->ref);
	if (from == NULL)
		return a;
	scoped_spin(&from->lock);
	memcpy(a->of, from->of, sizeof(a->of));
	return a;
}

struct signal_actions *signal_actions_get(struct signal_actions *a)
{
	ref_get(&a->ref);
	return a;
}

void signal_actions_put(struct signal_actions *a)
{
	if (ref_put(&a->ref))
		kmem_free(a);
}

bool signal_actions_are_shared(const struct signal_actions *a)
{
	return atomic_load(&a->ref.count) > 1;
}

struct sigaction signal_action_get(struct signal_actions *a, int sig)
{
	scoped_spin(&a->lock);
	return a->of[sig - 1];
}

void signal_action_set(struct signal_actions *a, int sig, const struct sigaction *to)
{
	scoped_spin(&a->lock);
	a->of[sig - 1] = *to;
}

void signal_actions_reset(struct signal_actions *a)
{
	scoped_spin(&a->lock);
	for (int i = 0; i < NSIG_MAX; i++) {
		__sighandler_t handler = a->of[i].sa_handler;

		a->of[i] = (struct sigaction){ .sa_handler = handler == SIG_IGN ? SIG_IGN
										: SIG_DFL };
	}
}
