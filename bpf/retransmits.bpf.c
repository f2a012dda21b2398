// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Retransmissions: the namespace's count moves when the kernel's does. A connection's own number goes into
 * its row like its bytes, at the sweep and at its end.
 */
#include "listener.h"
#include "stand_in.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

/* What failed to leave this host is not told here up to 6.12; the sweep, or the socket's end, counts it. */
static __always_inline void on_tcp_retransmitted(unsigned long long *arguments)
{
	const struct sock *sk = (void *)arguments[0];
	struct tcp_sock *tp;
	struct connection *c;

	if (!counting())
		return;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp)
		return;
	c = connection_of((struct sock *)tp);
	if (c)
		count_retransmits(c, tp, true);
}

STOOD_IN_FOR(tcp_retransmit_skb, tcp_retransmitted, TELLS_RETRANSMIT, 0)

static __always_inline void on_tcp_synack_retransmitted(unsigned long long *arguments)
{
	const struct sock *sk = (void *)arguments[0];
	struct listener *l;
	struct netns *ns;
	u32 id;

	if (!counting())
		return;
	id = netns_id(sk->__sk_common.skc_net.net);
	if (id == NETNS_IGNORED)
		return;
	ns = netns_counters(id);
	if (ns)
		__sync_fetch_and_add(&ns->retrans_segs, 1);
	l = listener_of(sk);
	if (l)
		__sync_fetch_and_add(&l->synack_retransmits, 1);
}

STOOD_IN_FOR(tcp_retransmit_synack, tcp_synack_retransmitted, TELLS_SYNACK_RETRANSMIT, arguments[1])
