/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the network device (virtio 1.2 §5.1) that <linux/virtio_net.h> and <linux/if_tun.h>
 * of Debian 12 do not have yet: UDP segments. A kernel that has not heard of them refuses the
 * tap's.
 */
#pragma once

#define VIRTIO_NET_FEATURE_GUEST_USO4 54
#define VIRTIO_NET_FEATURE_GUEST_USO6 55
#define VIRTIO_NET_FEATURE_HOST_USO   56

#define VIRTIO_NET_HEADER_GSO_UDP_L4 5 /* gso_type */

#define TUN_OFFLOAD_USO4 0x20 /* TUNSETOFFLOAD */
#define TUN_OFFLOAD_USO6 0x40

#define VIRTIO_NET_HEADER_BYTES 12 /* struct virtio_net_hdr_v1 */
