/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was learnt of the path MTU (RFC 1191 §6.3, RFC 8201 §5.3), by destination. A report only
 * lowers it, never below what each family must carry (RFC 1191 §3, RFC 8201 §4), and is forgotten
 * after ten minutes, so that a better way is found again. Who sent the packet checks that the
 * report is about one of his. A fixed number of entries: a stranger's reports push out each other.
 */
#include "lib/errno.h"
#include "lib/hash.h"
#include "mm/alloc/kmem.h"
#include "net/ip/ip.h"
#include "net/wire/ip.h"

#define NR_ENTRIES 256u
#define KEPT_NS    (600 * NSEC_PER_SEC)
#define MTU4_LEAST 552u /* as Linux's min_pmtu: a forged report must not make us crawl */

struct entry {
	uint8_t to[16];
	uint32_t mtu; /* 0: free */
	nsec_t until;
};

struct pmtu_table {
	struct entry entries[NR_ENTRIES]; /* [net->lock] */
};

int pmtu_init(struct net *net)
{
	net->pmtu = kmem_new(struct pmtu_table);
	return net->pmtu == NULL ? -ENOMEM : 0;
}

void pmtu_fini(struct net *net)
{
	kmem_free(net->pmtu);
	net->pmtu = NULL;
}

static struct entry *entry_of(struct net *net, const uint8_t to[16])
{
	uint64_t key;

	memcpy(&key, net->secret, sizeof(key));
	return &net->pmtu->entries[hash_bytes(to, 16, key) % NR_ENTRIES];
}

void pmtu_learn(struct net *net, const uint8_t to[16], uint32_t mtu)
{
	uint32_t least = inet_ip_is_v4(to) ? MTU4_LEAST : IP6_MTU_MIN;
	struct entry *e = entry_of(net, to);
	nsec_t now = clock_monotonic();

	mtu = max(mtu, least);
	spin_lock(&net->lock);
	if (e->mtu == 0 || e->until <= now || !inet_ip_equal(e->to, to) || mtu < e->mtu) {
		memcpy(e->to, to, sizeof(e->to));
		e->mtu = mtu;
		e->until = now + KEPT_NS;
	}
	spin_unlock(&net->lock);
	net_changed(net, NET_ROUTE);
}

uint32_t pmtu_known_locked(struct net *net, const uint8_t to[16], uint32_t otherwise)
{
	const struct entry *e = entry_of(net, to);

	if (e->mtu == 0 || e->until <= clock_monotonic() || !inet_ip_equal(e->to, to))
		return otherwise;
	return min(e->mtu, otherwise);
}
