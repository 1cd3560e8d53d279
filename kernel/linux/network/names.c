/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of and for this machine, from the launch record and from advice (net/ip/advice.h). The
 * last advice of each interface and source counts; in resolv.conf the command line's servers come
 * first, then by interface DHCP's, DHCPv6's and the routers'. A host's name that was asked for is
 * kept; otherwise the first advised one is taken.
 */
#include "core/cred.h"
#include "core/log.h"
#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/exec/launch.h"
#include "linux/network/network.h"
#include "linux/system.h"
#include "mm/alloc/kmem.h"
#include "net/netdev.h"

struct advice {
	struct list link; /* [lock] of `advices` */
	struct netdev *dev;
	enum advice_source source;
	struct net_advice last; /* [lock] */
};

static struct spinlock lock;
static struct list advices = LIST_INIT(advices); /* [lock] in the order of their use */
static const struct launch_record *record;       /* [I] */
static unsigned nr_changes, nr_written;          /* [a] the files are right when equal */
static char name_set[SYSTEM_NAME_MAX + 1];       /* [writer] the last one by advice */

/* ---- advice comes ---- */

static bool comes_before(const struct advice *a, const struct advice *b)
{
	static const uint8_t rank[] = {
		[ADVICE_DHCP4] = 0,
		[ADVICE_DHCP6] = 1,
		[ADVICE_ROUTER] = 2,
	};

	if (a->dev != b->dev)
		return a->dev->index < b->dev->index;
	return rank[a->source] < rank[b->source];
}

static struct advice *find_locked(const struct netdev *d, enum advice_source source)
{
	struct advice *a;

	list_foreach(&advices, a, link) {
		if (a->dev == d && a->source == source)
			return a;
	}
	return NULL;
}

static void insert_locked(struct advice *new)
{
	struct advice *a;

	list_foreach(&advices, a, link) {
		if (comes_before(new, a))
			break;
	}
	list_insert_before(&a->link, &new->link);
}

/* False: there is no memory. */
static bool keep_locked(struct netdev *d, enum advice_source source, const struct net_advice *last)
{
	struct advice *a = find_locked(d, source);

	if (a != NULL && memcmp(&a->last, last, sizeof(*last)) == 0)
		return true;
	if (a == NULL) {
		a = kmem_alloc_nowait(sizeof(*a));
		if (a == NULL)
			return false;
		a->dev = d;
		a->source = source;
		insert_locked(a);
	}
	a->last = *last;
	(void)atomic_add(&nr_changes, 1u);
	return true;
}

static void advised(struct net_adviser *self, struct netdev *d, enum advice_source source,
		    const struct net_advice *last)
{
	bool kept;

	spin_lock(&lock);
	kept = keep_locked(d, source, last);
	spin_unlock(&lock);
	if (!kept)
		log_warn("%s: no memory for the names that the network told", d->name);
	waitq_wake_all(&network_changed, 0);
}

static struct net_adviser adviser = { .advised = advised };

/* ---- files are written ---- */

static void add_server(struct names *n, const char *text)
{
	for (unsigned i = 0; i < n->nr_servers; i++) {
		if (strcmp(n->servers[i], text) == 0)
			return;
	}
	if (n->nr_servers < NAMESERVERS_MAX)
		string_copy(n->servers[n->nr_servers++], text, NAMESERVER_TEXT_MAX);
}

/* A link's own address says nothing without the link (RFC 4007 §11). */
static void add_advised_server(struct names *n, const struct netdev *d, const uint8_t ip[16])
{
	char address[INET_TEXT_MAX], text[NAMESERVER_TEXT_MAX];
	bool scoped = !inet_ip_is_v4(ip) && inet_ip_is_link_local(ip);

	inet_ip_text(ip, address);
	(void)fmt(text, sizeof(text), "%s%s%s", address, scoped ? "%" : "", scoped ? d->name : "");
	add_server(n, text);
}

static void add_advice(struct names *n, const struct netdev *d, const struct net_advice *a)
{
	for (unsigned i = 0; i < a->nr_dns; i++)
		add_advised_server(n, d, a->dns[i]);
	if (n->search[0] == '\0')
		memcpy(n->search, a->search, sizeof(n->search));
	if (n->host_name[0] == '\0')
		memcpy(n->host_name, a->host_name, sizeof(n->host_name));
}

static void gather(struct names *n)
{
	const char *server;
	struct advice *a;
	size_t at = 0;

	if ((record->options & LAUNCH_NAME_IS_GIVEN) != 0 && record->hostname != NULL)
		string_copy(n->host_name, record->hostname, sizeof(n->host_name));
	while ((server = launch_record_string(record, LAUNCH_NAMESERVER, &at)) != NULL)
		add_server(n, server);
	scoped_spin(&lock);
	list_foreach(&advices, a, link)
		add_advice(n, a->dev, &a->last);
}

/* A program that gave itself another name keeps it until the network says something new. */
static void set_host_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) > SYSTEM_NAME_MAX || strcmp(name, name_set) == 0)
		return;
	string_copy(name_set, name, sizeof(name_set));
	system_hostname_set(name);
}

static void write_names(void)
{
	struct names *n = kmem_new(struct names);
	unsigned nr = atomic_load(&nr_changes);

	if (n != NULL) {
		gather(n);
		set_host_name(n->host_name);
		name_files_write(n);
		kmem_free(n);
	}
	atomic_store(&nr_written, nr);
	waitq_wake_all(&network_changed, 0);
}

bool names_are_written(void)
{
	return atomic_load(&nr_written) == atomic_load(&nr_changes);
}

static void writer(void *arg)
{
	for (;;) {
		(void)wait_event(&network_changed, !names_are_written(), WAIT_UNINTERRUPTIBLE,
				 NSEC_NEVER);
		write_names();
	}
}

/* ---- begin ---- */

static int start_writer(void)
{
	struct thread *t = thread_new("names", writer, NULL);

	if (t == NULL)
		return -ENOMEM;
	t->cred = cred_get(&cred_kernel);
	t->fs_view = fs_view_copy(thread_current()->fs_view);
	if (t->fs_view == NULL) {
		cred_put(t->cred);
		thread_discard(t);
		return -ENOMEM;
	}
	thread_start(t);
	return 0;
}

int names_start(const struct launch_record *r, struct net *net)
{
	bool named = (r->options & LAUNCH_NAME_IS_GIVEN) != 0;
	size_t at = 0;
	int err;

	if (launch_record_string(r, LAUNCH_NAMESERVER, &at) != NULL)
		named = true;
	if (!named && net == NULL)
		return 0;
	record = r;
	err = start_writer();
	if (err != 0)
		return err;
	if (named) {
		(void)atomic_add(&nr_changes, 1u);
		waitq_wake_all(&network_changed, 0);
	}
	if (net != NULL)
		atomic_store(&net->adviser, &adviser);
	return 0;
}
