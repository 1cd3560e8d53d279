/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing the platform, keeping the devices that it finds, and giving them to drivers. */
#include "core/platform.h"

#include "core/log.h"
#include "core/panic.h"
#include "lib/errno.h"

LINKER_SET(platforms, struct platform);
LINKER_SET(drivers, struct driver);

const struct platform *platform;

static struct device devices[DEVICES_MAX]; /* [I] after platform->init */
static unsigned nr_devices;

void platform_choose(const struct boot_info *info)
{
	int best = 0;

	LINKER_SET_FOREACH(platforms, p) {
		int score = p->probe(info);

		if (score > best) {
			best = score;
			platform = p;
		}
	}
	if (platform == NULL)
		panic("no platform fits this machine");
}

int device_add(const struct device *d)
{
	if (nr_devices == DEVICES_MAX)
		return -ENOSPC;
	devices[nr_devices++] = *d;
	return 0;
}

static void probe(struct device *d)
{
	LINKER_SET_FOREACH(drivers, drv) {
		int err;

		if (!drv->match(d))
			continue;
		err = drv->probe(d);
		if (err != 0 && err != -ENODEV)
			log_warn("%s: device at %#llx irq %u: error %d", drv->name,
				 (unsigned long long)d->base, d->irq, err);
		return;
	}
}

void device_probe_all(void)
{
	for (unsigned i = 0; i < nr_devices; i++)
		probe(&devices[i]);
}
