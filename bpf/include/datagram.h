/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A packet as cgroup hooks have it, from its IP header on: whether it is UDP, between whom, and how much. */
#pragma once

#include "udp.h"

#define IPV6_EXTENSIONS_MAX 4

struct ipv4_header {
	u8 version_and_length;
	u8 service;
	u16 length;
	u32 fragment;
	u8 hops;
	u8 protocol;
	u16 sum;
	u32 source;
	u32 destination;
};

struct ipv6_header {
	u8 version;
	u8 label[3];
	u16 length;
	u8 next;
	u8 hops;
	u32 source[4];
	u32 destination[4];
};

struct udp_header {
	u16 source;
	u16 destination;
	u16 length;
	u16 sum;
};

static __always_inline void mapped(u8 *out, u32 v4)
{
	u32 *a = (u32 *)out;

	a[0] = 0;
	a[1] = 0;
	a[2] = bpf_htonl(0xffff);
	a[3] = v4;
}

/* Where the UDP header is behind an IPv6 header, from its start; 0: this is no UDP. */
static __always_inline u32 behind_ipv6(void *data, void *end, u8 next)
{
	u32 at = sizeof(struct ipv6_header);
	u8 *extension;

#pragma unroll
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		if (next == IPPROTO_UDP)
			return at;
		if (next != 0 && next != 43 && next != 60) /* hop-by-hop, routing, destination options */
			return 0;
		extension = data + at;
		if ((void *)(extension + 2) > end)
			return 0;
		next = extension[0];
		at += (extension[1] + 1) * 8;
	}
	return next == IPPROTO_UDP ? at : 0;
}

/* Most packets are none, and leave here: IPv4 of another protocol, IPv6 with TCP behind its header. */
static __always_inline bool may_be_udp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *v4 = data;
	struct ipv6_header *v6 = data;

	if ((void *)(v4 + 1) > end)
		return false;
	return v4->version_and_length >> 4 == 4 ? v4->protocol == IPPROTO_UDP : v6->next != IPPROTO_TCP;
}

/* False for what is no UDP. The headers are in one piece: the kernel has written or read them just now. */
static __always_inline bool udp_read(struct __sk_buff *skb, struct udp_datagrams *d)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	bool sent = d->direction == DIRECTION_EGRESS;
	struct ipv4_header *v4 = data;
	struct ipv6_header *v6 = data;
	struct udp_header *udp;
	u32 at;

	if ((void *)(v4 + 1) > end)
		return false;
	if (v4->version_and_length >> 4 == 4) {
		if (v4->protocol != IPPROTO_UDP)
			return false;
		at = (v4->version_and_length & 15) * 4;
		mapped(d->key.remote, sent ? v4->destination : v4->source);
		mapped(d->local, sent ? v4->source : v4->destination);
	} else {
		if (v6->next == IPPROTO_TCP || (void *)(v6 + 1) > end)
			return false;
		at = behind_ipv6(data, end, v6->next);
		if (!at)
			return false;
		__builtin_memcpy(d->key.remote, sent ? v6->destination : v6->source, 16);
		__builtin_memcpy(d->local, sent ? v6->source : v6->destination, 16);
	}
	udp = data + at;
	if ((void *)(udp + 1) > end)
		return false;
	d->key.remote_port = bpf_ntohs(sent ? udp->destination : udp->source);
	at += sizeof(*udp);
	d->bytes = skb->len > at ? skb->len - at : 0;
	/* Segmentation offload: one header for all of them, each of gso_size but the last. */
	d->count = skb->gso_size ? (d->bytes + skb->gso_size - 1) / skb->gso_size : 1;
	return true;
}
