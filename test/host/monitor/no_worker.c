/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor around a device, without threads: no_worker.h. */
#include "test/host/monitor/no_worker.h"

#include "monitor/device/device.h"
#include "monitor/device/worker.h"

unsigned nr_fails;
int no_worker_kick_fd = -1;

int vm_fail(struct vm *v, int error, const char *format, ...)
{
	(void)v;
	(void)format;
	nr_fails++;
	return -error;
}

bool vm_is_stopping(const struct vm *v)
{
	(void)v;
	return false;
}

int worker_init(struct worker *worker, struct vm *v)
{
	worker->vm = v;
	return 0;
}

void worker_adopt(struct worker *worker, struct device *device)
{
	(void)worker;
	device->kick_fd = no_worker_kick_fd;
}

void worker_adopt_part(struct worker *worker, struct device_part *part)
{
	(void)worker;
	part->kick_fd = no_worker_kick_fd;
}

void worker_wake(struct worker *worker)
{
	(void)worker;
}

int worker_start(struct worker *worker)
{
	(void)worker;
	return 0;
}

void worker_join(struct worker *worker)
{
	(void)worker;
}

void worker_fini(struct worker *worker)
{
	(void)worker;
}

void worker_drain(struct worker *worker)
{
	(void)worker;
}
