/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Refusals: connection attempts from outside to a port where nobody listens. There is no socket: the kernel
 * answers the SYN with a reset, and says so from 6.10 on. Each is counted in a flow row, and is no
 * connection.
 */
#pragma once

#include "connection.h"

#define HEADER(skb, which, type) \
	((type *)bpf_rdonly_cast((skb)->head + (skb)->which, bpf_core_type_id_kernel(type)))

#define TCP_FLAGS_BYTE 13 /* RFC 9293, 3.1 */
#define TCP_FLAG_SYN   0x02
#define TCP_FLAG_ACK   0x10

static __always_inline void refused_addresses(struct flow_key *key, struct sk_buff *skb)
{
	u32 *source = (u32 *)key->source, *destination = (u32 *)key->destination;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		ip = HEADER(skb, network_header, struct iphdr);
		source[2] = bpf_htonl(0xffff);
		source[3] = ip->saddr;
		destination[2] = bpf_htonl(0xffff);
		destination[3] = ip->daddr;
		return;
	}
	ip6 = HEADER(skb, network_header, struct ipv6hdr);
#pragma unroll
	for (int i = 0; i < 4; i++) {
		source[i] = ip6->saddr.in6_u.u6_addr32[i];
		destination[i] = ip6->daddr.in6_u.u6_addr32[i];
	}
}

static __always_inline void count_refusal(struct sk_buff *skb)
{
	struct flow_key key = {.direction = DIRECTION_INGRESS,
			       .transport = IPPROTO_TCP,
			       .state = STATE_REFUSED,
			       .form = FORM_EXACT,
			       .attribution = OWNER_KERNEL};
	struct delta d = {.refusal = 1, .reset_sent = 1};
	struct tcphdr *tcp;
	u8 flags;

	if (!skb || !skb->dev || !counting())
		return;
	tcp = HEADER(skb, transport_header, struct tcphdr);
	flags = *((u8 *)tcp + TCP_FLAGS_BYTE);
	if ((flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
		return; /* a segment of a connection that is over */
	key.netns = netns_id(skb->dev->nd_net.net);
	if (key.netns == NETNS_IGNORED)
		return;
	key.owner = owner_kernel();
	key.service_port = bpf_ntohs(tcp->dest);
	refused_addresses(&key, skb);
	if (public_address((u32 *)key.source)) {
		to_prefix((u32 *)key.source);
		key.form = FORM_PREFIX;
	}
	flow_add(FLOWS_LIVE, &key, &d);
}
