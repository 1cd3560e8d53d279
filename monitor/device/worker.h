/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device thread. It sleeps on one eventfd, `kick_fd`, which is what the guest's notifications and
 * the VM's end write to; a busy ring keeps it awake: after work it looks at its rings for a while
 * before it sleeps, so that a stream of requests costs neither exits nor wake-ups.
 *
 * How long it looks. A notification and a wake-up take as long as WORKER_LOOK_US of looking, so
 * that much is always worth it. It is worth more where requests come in a row, as from a program
 * that starts, every 50 to 300 us: each sleep that ends within WORKER_LOOK_LONG_US doubles what a
 * thread looks beyond the least, up to that; each that lasts longer, and each look in vain, halves
 * it, so that a request now and then is not paid for by looking. But only on a CPU that neither a
 * vCPU nor another worker that looks long may need, and not while other programs want it, which
 * shows as gaps in the thread's own time. On a host with one CPU it never looks, for nobody could
 * give it work meanwhile.
 *
 * `sleep` waits for kick_fd, and for whatever else the worker has to look at. `finish` runs once
 * when the VM ends.
 */
#pragma once
#include "monitor/confine.h"
#include "monitor/vm.h"

#define WORKER_LOOK_US      50u
#define WORKER_LOOK_LONG_US 400u
#define WORKER_MAX_DEVICES  2

struct device_part;

struct worker {
	/* [I] immutable once started  [w] the worker's thread only */
	struct vm *vm;                              /* [I] */
	enum confine_kind confinement;              /* [I] */
	int kick_fd;                                /* [I] */
	struct device *devices[WORKER_MAX_DEVICES]; /* [I] */
	unsigned nr_devices;                        /* [I] */
	struct device_part *part;                   /* [I] that it serves instead; NULL: none */
	void (*sleep)(struct worker *);             /* [I] NULL: on kick_fd alone */
	void (*finish)(struct worker *);            /* [I] NULL: nothing to finish */
	pthread_t thread;                           /* [I] */
	bool started;                               /* [I] */
	uint64_t look_least, look_long;             /* [w] ticks of the TSC */
	unsigned nr_spare_cpus;                     /* [w] of the host's, beside the vCPUs' */
	uint64_t look_more;                         /* [w] ticks beyond the least */
	unsigned nr_modest;                         /* [w] sleeps until it may look long again */
};

/* `sleep`, `finish` and `confinement` are set by the caller. */
int worker_init(struct worker *worker, struct vm *vm);
/* The worker will serve the device; before device_add() and worker_start(). */
void worker_adopt(struct worker *worker, struct device *device);
void worker_adopt_part(struct worker *worker, struct device_part *part);
int worker_start(struct worker *worker);
void worker_wake(struct worker *worker);
void worker_join(struct worker *worker);
void worker_fini(struct worker *worker);
/* One step of each device; true: something was done. */
bool worker_serve(struct worker *worker);
/* Takes what is in kick_fd; only when it is readable or sleeping is meant. */
void worker_drain(struct worker *worker);
