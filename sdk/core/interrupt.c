/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals, as callbacks: the handler notes which came and wakes the loop that asked. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/core.h"

#define NR_SIGNALS 65

static struct interrupt {
	struct hull_loop *loop; /* [atomic] NULL: nobody asked */
	void (*fn)(int signo, void *user);
	void *user;
} interrupts[NR_SIGNALS];

static void came(int signo)
{
	struct hull_loop *l = __atomic_load_n(&interrupts[signo].loop, __ATOMIC_ACQUIRE);
	int saved = errno;

	if (l != NULL) {
		(void)__atomic_fetch_or(&l->interrupts, 1ull << (signo - 1), __ATOMIC_SEQ_CST);
		l->backend->wake(l);
	}
	errno = saved;
}

int hull_on_interrupt(int signo, void (*fn)(int signo, void *user), void *user)
{
	struct sigaction act;

	if (signo < 1 || signo >= NR_SIGNALS)
		return -EINVAL;
	memset(&act, 0, sizeof(act));
	act.sa_handler = fn == NULL ? SIG_DFL : came;
	act.sa_flags = SA_RESTART;
	sigfillset(&act.sa_mask);
	interrupts[signo].fn = fn;
	interrupts[signo].user = user;
	__atomic_store_n(&interrupts[signo].loop, fn == NULL ? NULL : hull_loop_here(),
			 __ATOMIC_RELEASE);
	return sigaction(signo, &act, NULL) == 0 ? 0 : -errno;
}

void hull_interrupts_run(struct hull_loop *l)
{
	uint64_t came_now;

	if (__atomic_load_n(&l->interrupts, __ATOMIC_SEQ_CST) == 0)
		return;
	came_now = __atomic_exchange_n(&l->interrupts, 0, __ATOMIC_SEQ_CST);
	for (int signo = 1; signo < NR_SIGNALS && !l->stops; signo++) {
		const struct interrupt *i = &interrupts[signo];

		if ((came_now >> (signo - 1) & 1) != 0 && i->fn != NULL && i->loop == l)
			i->fn(signo, i->user);
	}
}
