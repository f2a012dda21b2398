// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Resets: which side, and how many left this host. A received reset comes before the socket's end and decides
 * its side; a sent one mostly comes after it and only counts.
 */
#include "listener.h"
#include "stand_in.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

/* The agent sets it where the tracepoint has a third argument, the reason (6.10). */
const volatile bool tells_reset_reason __weak = false;

static __always_inline void count_out_rst(struct net *net, unsigned long long *arguments)
{
	struct shared *s = shared_state();
	u32 id = netns_id(net), reason;
	struct netns *ns;

	if (id == NETNS_IGNORED || !s)
		return;
	ns = netns_counters(id);
	if (ns)
		__sync_fetch_and_add(&ns->out_rsts, 1);
	if (!tells_reset_reason)
		return;
	reason = *(volatile u64 *)&arguments[2]; /* or it would be read before it is known to be there */
	if (reason >= RESET_REASONS_MAX)
		reason = 0; /* SK_RST_REASON_NOT_SPECIFIED */
	__sync_fetch_and_add(&s->resets[reason], 1);
}

static __always_inline void on_tcp_reset_received(unsigned long long *arguments)
{
	struct sock *sk = (void *)arguments[0];
	struct connection *c;

	if (sk->sk_protocol != IPPROTO_TCP)
		return;
	c = connection_of(sk);
	if (c)
		c->flags |= CONNECTION_RESET_RECEIVED;
}

STOOD_IN_FOR(tcp_receive_reset, tcp_reset_received, TELLS_RESET_RECEIVED, 0)

/* sk is absent for a segment that found no socket (6.10 and later), and may be in TIME_WAIT: then only its
 * namespace is read. */
static __always_inline void on_tcp_reset_sent(unsigned long long *arguments)
{
	struct sock *sk = (void *)arguments[0];
	struct sk_buff *skb = (void *)arguments[1];
	struct connection *c;
	struct listener *l;
	struct tcp_sock *tp;

	if (!counting())
		return;
	if (!sk) {
		if (skb && skb->dev)
			count_out_rst(skb->dev->nd_net.net, arguments);
		return;
	}
	count_out_rst(sk->__sk_common.skc_net.net, arguments);
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return;
	c = connection_of((struct sock *)tp);
	if (c && c->role == ROLE_LISTENER) { /* to a connection that it has not established yet */
		l = listener_of((struct sock *)tp);
		if (l)
			__sync_fetch_and_add(&l->resets_sent, 1);
		return;
	}
	if (c)
		c->flags |= CONNECTION_RESET_SENT;
}

/* An application's own resets have no skb, and no socket knows which of them was counted last. */
STOOD_IN_FOR(tcp_send_reset, tcp_reset_sent, TELLS_RESET_SENT, arguments[1])

/*
 * An error was queued for the application. Only one case tells us something: an ICMP error that comes while
 * connect() holds the socket (the host's own firewall rejects, say). The kernel notes it and keeps trying;
 * from 6.2 on it wakes the application, which asks for the error and closes: without this, the same as a
 * cancellation. No count: it fires for much else, and not for every failure.
 */
static __always_inline void on_tcp_error_noted(unsigned long long *arguments)
{
	const struct sock *sk = (void *)arguments[0];
	struct connection *c;
	struct sk_buff *queued;

	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_err || sk->__sk_common.skc_state != TCP_SYN_SENT)
		return;
	queued = sk->sk_error_queue.prev;
	if (!queued || (void *)queued == (void *)&sk->sk_error_queue)
		return;
	c = connection_of(sk);
	if (c)
		c->noted_error =
			*(u32 *)(queued->cb + bpf_core_field_offset(struct sock_exterr_skb, ee.ee_errno));
}

STOOD_IN_FOR(inet_sk_error_report, tcp_error_noted, TELLS_TCP_ERROR, 0)
