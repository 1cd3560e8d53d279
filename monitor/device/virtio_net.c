/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device (virtio 1.2 §5.1): features, sending, and the workers. A chain that is sent is
 * header and frame in one, whatever its pieces.
 *
 * What is offered follows from the backend: who can complete checksums and cut segments takes them
 * from the guest (CSUM, HOST_*), who can be asked to leave them gives them (GUEST_*), once the
 * driver is known to understand. A header that asks for what was not agreed on loses its frame; the
 * rules of the rings are another matter, and end the VM.
 *
 * A worker looks at the backend each time that it looks at the rings. It sleeps until the guest
 * notifies it (it asks for that on the receive queue only while it wants buffers) or the backend
 * has something. When the VM ends, what the guest had queued is sent, for there may be the last
 * bytes of an answer among it.
 *
 * Several pairs of queues are offered where the backend has as many and the guest more than one
 * CPU. Which pair a flow comes by is the backend's to remember (§5.1.6.5.5: by which it was sent
 * last). A pair that the driver does not use is off at the backend; its worker sleeps, and hands
 * notifications on to the first, whose control queue may be in that place (net_control_idx).
 */
#include "monitor/device/virtio_net.h"
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/device/net_device.h"
#include "monitor/net/iov.h"

#define BURST        64
#define BIT(feature) (1ull << (feature))

static const struct {
	enum net_offload offload;
	uint64_t taken, given; /* features that say so */
} offload_rows[] = {
	{ NET_OFFLOAD_SUM, BIT(VIRTIO_NET_F_CSUM), BIT(VIRTIO_NET_F_GUEST_CSUM) },
	{ NET_OFFLOAD_TSO4, BIT(VIRTIO_NET_F_HOST_TSO4), BIT(VIRTIO_NET_F_GUEST_TSO4) },
	{ NET_OFFLOAD_TSO6, BIT(VIRTIO_NET_F_HOST_TSO6), BIT(VIRTIO_NET_F_GUEST_TSO6) },
	{ NET_OFFLOAD_ECN, BIT(VIRTIO_NET_F_HOST_ECN), BIT(VIRTIO_NET_F_GUEST_ECN) },
	{ NET_OFFLOAD_USO, BIT(VIRTIO_NET_FEATURE_HOST_USO),
	  BIT(VIRTIO_NET_FEATURE_GUEST_USO4) | BIT(VIRTIO_NET_FEATURE_GUEST_USO6) },
};

static struct virtio_net *of_device(struct device *device)
{
	return container_of(device, struct virtio_net, device);
}

static struct net_pair *of_worker(struct worker *worker)
{
	return container_of(worker, struct net_pair, worker);
}

static struct net_pair *of_part(struct device_part *part)
{
	return container_of(part, struct net_pair, part);
}

static pthread_mutex_t *lock_of(struct net_pair *pair)
{
	return pair->idx == 0 ? &pair->net->device.lock : &pair->part.lock;
}

static uint64_t features_of(const struct virtio_net *net)
{
	const struct net_backend *backend = net->pairs[0]->backend;
	uint64_t features = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_MTU) |
			    BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF) |
			    BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |
			    BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_CTRL_VLAN) |
			    BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);

	for (size_t i = 0; i < ARRAY_SIZE(offload_rows); i++) {
		if ((backend->takes & offload_rows[i].offload) != 0)
			features |= offload_rows[i].taken;
		if ((backend->gives & offload_rows[i].offload) != 0)
			features |= offload_rows[i].given;
	}
	if (backend->sums_are_good)
		features |= BIT(VIRTIO_NET_F_GUEST_CSUM);
	if (net->nr_pairs > 1)
		features |= BIT(VIRTIO_NET_F_MQ);
	return features;
}

bool net_use_pairs(struct virtio_net *net, unsigned nr)
{
	for (unsigned i = 1; i < net->nr_pairs; i++) {
		struct net_pair *pair = net->pairs[i];
		bool on = i < nr;

		if (pair->is_active == on)
			continue;
		if (pair->backend->ops->set_active(pair->backend, on) != 0)
			return false;
		pair->is_active = on;
		worker_wake(&pair->worker);
	}
	return true;
}

/* The driver has started the device: what it understands goes to the backend. */
static void begin_locked(struct virtio_net *net)
{
	struct net_backend *backend = net->pairs[0]->backend;
	unsigned offloads = 0;

	net->features = net->device.driver_features;
	net->is_running = true;
	for (size_t i = 0; i < ARRAY_SIZE(offload_rows); i++)
		if ((net->features & offload_rows[i].given) == offload_rows[i].given)
			offloads |= offload_rows[i].offload;
	if (backend->ops->set_offloads != NULL)
		backend->ops->set_offloads(backend, offloads & backend->gives);
	if (net->nr_pairs > 1) /* net_control_idx */
		net->device.owners[NET_PAIR_QUEUES] = net_has(net, VIRTIO_NET_F_MQ) ? net->parts[0]
										    : NULL;
	net->pairs[0]->is_active = true;
	(void)net_use_pairs(net, 1); /* those that a driver before this one used */
	net_filter_reset(net);
	net->filter.any_vlan = !net_has(net, VIRTIO_NET_F_CTRL_VLAN);
}

static void begin(struct virtio_net *net)
{
	device_lock_parts(&net->device);
	begin_locked(net);
	device_unlock_parts(&net->device);
}

static void note_link(struct virtio_net *net)
{
	uint16_t status = net->pairs[0]->backend->link_up ? VIRTIO_NET_S_LINK_UP : 0;

	if (status == net->config.status)
		return;
	__atomic_store_n(&net->config.status, status, __ATOMIC_RELAXED);
	device_config_changed(&net->device);
}

/* ---- sending ---- */

static bool is_segment_agreed(const struct virtio_net *net, uint8_t type)
{
	if ((type & VIRTIO_NET_HDR_GSO_ECN) != 0 && !net_has(net, VIRTIO_NET_F_HOST_ECN))
		return false;
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return net_has(net, VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return net_has(net, VIRTIO_NET_F_HOST_TSO6);
	case VIRTIO_NET_HEADER_GSO_UDP_L4:
		return net_has(net, VIRTIO_NET_FEATURE_HOST_USO);
	default:
		return false;
	}
}

/* §5.1.6.2: what the driver may write there. */
static bool is_well_formed(const struct virtio_net *net, const struct virtqueue_chain *chain)
{
	struct virtio_net_hdr_v1 header;
	size_t len;

	if (chain->readable_bytes < sizeof(header) + NET_FRAME_MIN ||
	    chain->readable_bytes > sizeof(header) + NET_FRAME_MAX)
		return false;
	len = chain->readable_bytes - sizeof(header);
	iov_copy_out(chain->readable, chain->nr_readable, 0, &header, sizeof(header));
	if ((header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
		if (!net_has(net, VIRTIO_NET_F_CSUM) ||
		    (size_t)header.csum_start + header.csum_offset + 2 > len)
			return false;
	}
	if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	return is_segment_agreed(net, header.gso_type) && header.gso_size > 0 &&
	       (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
}

/* False: the backend does not take it yet. */
static bool send_held(struct net_pair *pair)
{
	const struct net_backend_ops *ops = pair->backend->ops;
	struct virtqueue_chain *chain = &pair->sent;
	struct virtio_net *net = pair->net;
	bool sane = is_well_formed(net, chain);

	if (sane && ops->send(pair->backend, chain->readable, chain->nr_readable) == -EAGAIN)
		return false;
	if (sane)
		capture_add(net->capture, net->idx, true,
			    &(struct capture_frame){ chain->readable, chain->nr_readable,
						     chain->readable_bytes });
	pair->is_sending = false;
	virtqueue_push(net_queue(pair, NET_QUEUE_TRANSMIT), chain->head, 0);
	return true;
}

static bool transmit(struct net_pair *pair)
{
	struct virtqueue *vq = net_queue(pair, NET_QUEUE_TRANSMIT);
	int nr = 0;

	while (nr < BURST) {
		if (!pair->is_sending)
			pair->is_sending = virtqueue_pop(vq, &pair->sent) > 0;
		if (!pair->is_sending || !send_held(pair))
			break;
		nr++;
	}
	return nr > 0;
}

/* ---- the workers' calls ---- */

static bool serve_pair(struct net_pair *pair)
{
	bool served;

	if (!pair->is_active)
		return false;
	served = transmit(pair);
	served |= net_receive_serve(pair);
	return served;
}

static bool serve(struct device *device)
{
	struct virtio_net *net = of_device(device);
	bool served = false;

	if (!net->is_running)
		begin(net);
	while (net_control_serve(net))
		served = true;
	served |= serve_pair(net->pairs[0]);
	note_link(net);
	return served;
}

static bool serve_part(struct device_part *part)
{
	return serve_pair(of_part(part));
}

static bool arm_pair(struct net_pair *pair)
{
	bool more = false;

	if (!pair->is_active)
		return false;
	if (!pair->is_sending)
		more |= virtqueue_arm(net_queue(pair, NET_QUEUE_TRANSMIT));
	if (!net_receive_is_ready(pair))
		more |= virtqueue_arm(net_queue(pair, NET_QUEUE_RECEIVE));
	return more;
}

static bool arm(struct device *device)
{
	struct virtio_net *net = of_device(device);
	bool more = virtqueue_arm(&device->queues[net_control_idx(net)]);

	return arm_pair(net->pairs[0]) || more;
}

static bool arm_part(struct device_part *part)
{
	return arm_pair(of_part(part));
}

static void on_reset(struct device *device)
{
	struct virtio_net *net = of_device(device);

	net->is_running = false;
	for (unsigned i = 0; i < net->nr_pairs; i++) {
		net->pairs[i]->is_sending = false;
		net_receive_reset(net->pairs[i]);
	}
}

static void before_poll(struct net_pair *pair)
{
	bool ready, running;

	pthread_mutex_lock(lock_of(pair));
	running = pair->net->device.running && pair->net->is_running && pair->is_active;
	ready = running && net_receive_is_ready(pair);
	if (running || pair->idx == 0)
		pair->backend->ops->before_poll(pair->backend, &pair->poll, ready);
	pthread_mutex_unlock(lock_of(pair));
}

static void after_poll(struct net_pair *pair)
{
	pthread_mutex_lock(lock_of(pair));
	pair->backend->ops->after_poll(pair->backend, &pair->poll);
	if (pair->idx == 0)
		note_link(pair->net);
	else if (!pair->is_active && pair->poll.fds[0].revents != 0)
		worker_wake(&pair->net->pairs[0]->worker);
	pthread_mutex_unlock(lock_of(pair));
}

static void sleep_on_backend(struct worker *worker)
{
	struct net_pair *pair = of_worker(worker);
	struct net_poll *p = &pair->poll;

	p->nr = 0;
	p->timeout_ms = -1;
	if (net_poll_add(p, worker->kick_fd, POLLIN) < 0)
		return;
	capture_flush(pair->net->capture);
	before_poll(pair);
	if (poll(p->fds, p->nr, p->timeout_ms) < 0)
		return;
	if (p->fds[0].revents != 0)
		worker_drain(worker);
	after_poll(pair);
}

static void finish(struct worker *worker)
{
	struct net_pair *pair = of_worker(worker);
	struct virtio_net *net = pair->net;
	bool sent = true;

	pthread_mutex_lock(lock_of(pair));
	while (net->device.running && net->is_running && pair->is_active && sent)
		sent = transmit(pair);
	if (pair->backend->ops->flush != NULL)
		pair->backend->ops->flush(pair->backend);
	capture_flush(net->capture);
	pthread_mutex_unlock(lock_of(pair));
}

/* ---- birth and death ---- */

/* NULL: no memory, and `backend` is gone. */
static struct net_pair *add_pair(struct virtio_net *net, struct net_backend *backend)
{
	struct net_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL) {
		backend->ops->free(backend);
		return NULL;
	}
	pair->net = net;
	pair->idx = net->nr_pairs;
	pair->backend = backend;
	pair->poll.timeout_ms = -1;
	pair->worker.kick_fd = -1;
	pair->part.first_queue = NET_PAIR_QUEUES * pair->idx;
	pair->part.nr_queues = NET_PAIR_QUEUES;
	pair->part.serve = serve_part;
	pair->part.arm = arm_part;
	net->pairs[net->nr_pairs++] = pair;
	if (pair->idx > 0)
		net->parts[net->device.nr_parts++] = &pair->part;
	net->device.parts = net->parts;
	return pair;
}

/* As many as the guest has CPUs, or as there are. */
static void add_more_pairs(struct virtio_net *net, unsigned nr_cpus)
{
	struct net_backend *first = net->pairs[0]->backend, *more;

	while (net->nr_pairs < min(nr_cpus, NET_PAIRS_MAX) && first->ops->add_queue != NULL &&
	       (more = first->ops->add_queue(first)) != NULL)
		if (add_pair(net, more) == NULL)
			return;
}

static int open_backend(struct virtio_net *net, struct vm *vm)
{
	const struct vm_net *config = &vm->config->nets[net->idx];
	struct net_backend *backend = net_backend_new(config, &net->error, net->message);

	if (backend == NULL)
		return vm_fail(vm, -net->error, "%s", net->message);
	if (add_pair(net, backend) == NULL)
		return vm_fail(vm, ENOMEM, "no memory for the network device");
	add_more_pairs(net, vm->config->nr_cpus);
	memcpy(net->config.mac, config->mac, sizeof(net->config.mac));
	net->config.mtu = (uint16_t)(config->mtu != 0 ? config->mtu : backend->mtu);
	net->config.status = backend->link_up ? VIRTIO_NET_S_LINK_UP : 0;
	net->config.max_virtqueue_pairs = (uint16_t)net->nr_pairs;
	return 0;
}

static int init_workers(struct virtio_net *net, struct vm *vm)
{
	bool is_user = vm->config->nets[net->idx].kind == VM_NET_USER;
	int error = 0;

	for (unsigned i = 0; i < net->nr_pairs; i++)
		net->pairs[i]->worker = (struct worker){
			.confinement = is_user ? CONFINE_SOCKETS : CONFINE_FRAMES,
			.kick_fd = -1,
			.sleep = sleep_on_backend,
			.finish = finish,
		};
	for (unsigned i = 0; i < net->nr_pairs && error == 0; i++)
		error = worker_init(&net->pairs[i]->worker, vm);
	if (error != 0)
		return error;
	worker_adopt(&net->pairs[0]->worker, &net->device);
	for (unsigned i = 1; i < net->nr_pairs; i++)
		worker_adopt_part(&net->pairs[i]->worker, &net->pairs[i]->part);
	return 0;
}

struct virtio_net *virtio_net_new(struct vm *vm, unsigned idx, struct capture *capture)
{
	struct virtio_net *net = calloc(1, sizeof(*net));

	if (net == NULL) {
		vm_fail(vm, ENOMEM, "no memory for the network device");
		return NULL;
	}
	net->idx = idx;
	net->capture = capture;
	if (open_backend(net, vm) != 0 || init_workers(net, vm) != 0)
		goto err_free;
	net->device.name = "net";
	net->device.type = VIRTIO_ID_NET;
	net->device.features = features_of(net);
	net->device.config = &net->config;
	net->device.config_bytes = sizeof(net->config);
	net->device.nr_queues = NET_PAIR_QUEUES * net->nr_pairs + 1;
	net->device.serve = serve;
	net->device.arm = arm;
	net->device.on_reset = on_reset;
	if (device_add(vm, &net->device) != 0)
		goto err_free;
	return net;

err_free:
	virtio_net_free(net);
	return NULL;
}

int virtio_net_start(struct virtio_net *net)
{
	int error = 0;

	for (unsigned i = 0; i < net->nr_pairs && error == 0; i++)
		error = worker_start(&net->pairs[i]->worker);
	return error;
}

void virtio_net_stop(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->nr_pairs; i++)
		worker_join(&net->pairs[i]->worker);
}

void virtio_net_free(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->nr_pairs; i++) {
		struct net_pair *pair = net->pairs[i];

		worker_fini(&pair->worker);
		pair->backend->ops->free(pair->backend);
		net_poll_fini(&pair->poll);
		free(pair);
	}
	device_remove(&net->device);
	free(net);
}
