/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A connection's end: into the namespace's counts, its row and an event. */
#pragma once

#include "verdict.h"

/* What the kernel's own counters will say of this end (docs/reference/coverage.md). */
static __always_inline void count_end(u32 netns, const struct sock *sk, const struct tcp_sock *tp, int before)
{
	struct netns *ns;

	if (before != TCP_ESTABLISHED && before != TCP_CLOSE_WAIT && before != TCP_SYN_SENT &&
	    before != TCP_SYN_RECV)
		return;
	ns = netns_counters(netns);
	if (!ns)
		return;
	if (before == TCP_ESTABLISHED || before == TCP_CLOSE_WAIT)
		__sync_fetch_and_add(&ns->estab_resets, 1);
	else if ((before == TCP_SYN_SENT || before == TCP_SYN_RECV) && sk->sk_err)
		__sync_fetch_and_add(&ns->attempt_fails, 1);
	else if (before == TCP_SYN_SENT && !tp->segs_out)
		__sync_fetch_and_add(&ns->active_opens, (u64)-1); /* no SYN left */
}

/*
 * Two segments that end a handshake at once, on two CPUs, make a child of the listener each. The kernel has
 * counted both, keeps one, and closes the other before anybody knew it: that was no connection. Whatever else
 * ends a child takes its port away first.
 */
static __always_inline bool is_spare(const struct sock *sk, const struct connection *c, int before)
{
	return before == TCP_SYN_RECV && c && c->role == ROLE_INGRESS && sk->__sk_common.skc_num;
}

static __always_inline void tell_end(const struct sock *sk, struct tcp_sock *tp, struct connection *c,
				     const struct verdict *v, bool attempt)
{
	struct flow_key key = {};
	struct delta d;
	struct marks marks;
	struct event *e;
	u32 before;

	if (attempt && !(c->flags & CONNECTION_ADOPTED) && v->state != STATE_FAILED) {
		c->latency_us = (bpf_ktime_get_ns() - c->started_ns) / 1000; /* to the failure */
		c->flags |= CONNECTION_HAS_LATENCY;
	}
	__builtin_memset(&d, 0, sizeof(d)); /* padding too: its bytes are an argument */
	d.ended = 1;
	before = __sync_lock_test_and_set(&c->reported, REPORTED_ENDED);
	marks_read(&marks, sk, tp, c);
	delta_left(&d, &c->marks, &marks, before & REPORTED_OPENED);
	look_at(&d.look, sk, tp, c->role, c->flags, &marks);
	delta_reported(&d, c->flags, before);
	d.reset_received = (c->flags & CONNECTION_RESET_RECEIVED) != 0;
	d.reset_sent = (c->flags & CONNECTION_RESET_SENT) || v->reset_side == RESET_LOCAL;
	d.timeout_by_application = v->timeout_by == TIMEOUT_APPLICATION;
	d.latency_us = c->latency_us;
	d.has_latency = (c->flags & CONNECTION_HAS_LATENCY) &&
			(d.established || !(c->flags & CONNECTION_ESTABLISHED));
	flow_key_of(&key, sk, c, v->state, c->role, c->flags);
	flow_add(FLOWS_LIVE, &key, &d);
	count_retransmits(c, tp, true);
	e = event_reserve(v->state != STATE_CLOSED);
	if (e) {
		event_fill(e, sk, tp, c, &marks, &d.look);
		event_submit(e, MOMENT_ENDED, v);
	}
}
