/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Packets, from their network header on, by direct access: what is not asked for leaves after a few loads. */
#pragma once

#include "kernel.h"

struct ipv4_header {
	u8 version_length;
	u8 service;
	u16 total_length;
	u16 id;
	u16 fragment;
	u8 hops;
	u8 protocol;
	u16 checksum;
	u32 source;
	u32 destination;
};

struct ipv6_header {
	u32 version_class_label;
	u16 payload_length;
	u8 next_header;
	u8 hops;
	u32 source[4];
	u32 destination[4];
};

struct udp_header {
	u16 source;
	u16 destination;
	u16 length;
	u16 checksum;
};

struct tcp_header {
	u16 source;
	u16 destination;
	u32 sequence;
	u32 acknowledged;
	u8 offset;
	u8 flags;
	u16 window;
};

#define IPV4_FRAGMENT_OFFSET 0x1fff

/* Where a packet's transport header is. */
struct network_part {
	u32 at; /* 20 to 60 */
	u8 protocol;
	u8 version;
};

/* False for what is no IP packet, no first fragment, or has extension headers before its transport. */
static __always_inline bool network_part_of(struct __sk_buff *skb, struct network_part *n)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *v4 = data;
	struct ipv6_header *v6 = data;

	if ((void *)(v4 + 1) > end)
		return false;
	n->version = v4->version_length >> 4;
	if (n->version == 4) {
		n->at = (v4->version_length & 15) << 2;
		n->protocol = v4->protocol;
		return !(v4->fragment & bpf_htons(IPV4_FRAGMENT_OFFSET));
	}
	if ((void *)(v6 + 1) > end)
		return false;
	n->at = sizeof(*v6);
	n->protocol = v6->next_header;
	return n->version == 6;
}

static __always_inline void mapped_address(u32 *out, u32 v4)
{
	out[0] = 0;
	out[1] = 0;
	out[2] = bpf_htonl(0xffff);
	out[3] = v4;
}

/* Both addresses, IPv4 as ::ffff:a.b.c.d. */
static __always_inline bool addresses_of(struct __sk_buff *skb, u8 version, u32 *source, u32 *destination)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *v4 = data;
	struct ipv6_header *v6 = data;

	if (version == 4) {
		if ((void *)(v4 + 1) > end)
			return false;
		mapped_address(source, v4->source);
		mapped_address(destination, v4->destination);
		return true;
	}
	if ((void *)(v6 + 1) > end)
		return false;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		source[i] = v6->source[i];
		destination[i] = v6->destination[i];
	}
	return true;
}
