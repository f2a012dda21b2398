/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * One connection end: from a socket and its record to flow rows and events.
 */
#pragma once

#include "event.h"
#include "look.h"
#include "netns.h"
#include "owner.h"

/* How it ended. */
struct verdict {
	u8 state;
	u8 reset_side;
	u8 close_reason;
	u8 timeout_by;
	u16 error;
};

static __always_inline struct connection *connection_of(const struct sock *sk)
{
	return bpf_sk_storage_get(&connections, (void *)sk, 0, 0);
}

static __always_inline void remote_address(const struct sock *sk, u8 *out)
{
	u32 *a = (u32 *)out;

	if (sk->__sk_common.skc_family == AF_INET) {
		a[0] = 0;
		a[1] = 0;
		a[2] = bpf_htonl(0xffff);
		a[3] = sk->__sk_common.skc_daddr;
		return;
	}
	a[0] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
	a[1] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
	a[2] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
	a[3] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
}

static __always_inline void local_address(const struct sock *sk, u8 *out)
{
	u32 *a = (u32 *)out;

	if (sk->__sk_common.skc_family == AF_INET) {
		a[0] = 0;
		a[1] = 0;
		a[2] = bpf_htonl(0xffff);
		a[3] = sk->__sk_common.skc_rcv_saddr;
		return;
	}
	a[0] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0];
	a[1] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1];
	a[2] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2];
	a[3] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3];
}

/*
 * Who opened a connection that is older than us? The opener's SYN was acknowledged and counted in
 * bytes_acked; the other end's was not (its count starts behind the SYN). What is acknowledged or in flight,
 * less payload and FIN, tells.
 */
static __always_inline u8 adopted_role(const struct sock *sk, const struct tcp_sock *tp)
{
	u8 state = sk->__sk_common.skc_state;
	u32 fin = state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ? 0 : 1;
	u64 counted = tp->bytes_acked + (u32)(tp->snd_nxt - tp->snd_una);

	if (state == TCP_SYN_SENT)
		return ROLE_EGRESS;
	if (state == TCP_SYN_RECV)
		return ROLE_INGRESS;
	return (s64)(counted - payload_sent(tp) - fin) > 0 ? ROLE_EGRESS : ROLE_INGRESS;
}

static __always_inline void connection_mark_adopted(struct connection *c, const struct sock *sk,
						    const struct tcp_sock *tp)
{
	u8 state = sk->__sk_common.skc_state;

	c->started_ns = bpf_ktime_get_ns();
	c->sequence = 1;
	c->local_port = sk->__sk_common.skc_num;
	c->flags = CONNECTION_ADOPTED;
	c->reported = 0;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV)
		c->flags |= CONNECTION_ESTABLISHED;
	marks_read(&c->marks, sk, tp, c);
}

/* `role` and `flags` are the connection's, read once. */
static __always_inline void flow_key_of(struct flow_key *key, const struct sock *sk,
					const struct connection *c, u8 state, u8 role, u8 flags)
{
	struct shared *s = shared_state();

	if (s)
		owner_used(c->owner, s);
	key->netns = c->netns;
	key->owner = c->owner;
	key->transport = IPPROTO_TCP;
	key->state = state;
	key->established = (flags & CONNECTION_ESTABLISHED) != 0;
	key->attribution = c->attribution;
	key->form = FORM_EXACT;
	if (role == ROLE_EGRESS) {
		key->direction = DIRECTION_EGRESS;
		key->service_port = bpf_ntohs(sk->__sk_common.skc_dport);
		remote_address(sk, key->destination);
	} else {
		key->direction = DIRECTION_INGRESS;
		key->service_port = c->local_port;
		remote_address(sk, key->source);
		local_address(sk, key->destination);
		if (public_address((u32 *)key->source)) {
			to_prefix((u32 *)key->source);
			key->form = FORM_PREFIX;
		}
	}
	if (s && !s->control.detail_closed && (state == STATE_CLOSED || state == STATE_OPEN)) {
		to_nothing(remote_of(key));
		key->form = FORM_FOLDED;
	}
}

static __always_inline void delta_reported(struct delta *d, u8 flags, u32 before)
{
	bool adopted = flags & CONNECTION_ADOPTED;

	if (!(before & REPORTED_OPENED)) {
		d->opened = !adopted;
		d->adopted = adopted;
	}
	if (!(before & REPORTED_ESTABLISHED) && (flags & CONNECTION_ESTABLISHED) && !adopted)
		d->established = 1;
}

/*
 * The namespace's count follows the kernel's as it moves: rows tell of an open socket's retransmissions only
 * after the next sweep. Where the socket is locked (it retransmits, or ends) its number is the newest; the
 * sweep reads beside that, and moves the mark only if nobody else did.
 */
static __always_inline void count_retransmits(struct connection *c, const struct tcp_sock *tp, bool locked)
{
	u32 now = tp->total_retrans, was = *(volatile u32 *)&c->marks.retransmits_counted;
	struct netns *ns;

	if (now == was)
		return;
	ns = netns_counters(c->netns);
	if (!ns)
		return;
	if (locked)
		was = __sync_lock_test_and_set(&c->marks.retransmits_counted, now);
	else if (now < was || __sync_val_compare_and_swap(&c->marks.retransmits_counted, was, now) != was)
		return;
	__sync_fetch_and_add(&ns->retrans_segs, (u64)now - was);
}

/* `now` and `look` are the socket's at this moment. */
static __always_inline void event_fill(struct event *e, const struct sock *sk, struct tcp_sock *tp,
				       const struct connection *c, const struct marks *now,
				       const struct look *look)
{
	e->started_ns = c->started_ns;
	e->cookie = bpf_get_socket_cookie((void *)sk);
	e->pid_started_ns = c->pid_started_ns;
	e->bytes_sent = now->sent;
	e->bytes_received = now->received;
	e->netns = c->netns;
	e->owner = c->owner;
	e->pid = c->pid;
	e->parent_pid = c->parent_pid;
	__builtin_memcpy(e->parent_name, c->parent_name, sizeof(e->parent_name));
	e->sequence = c->sequence;
	e->latency_us = c->latency_us;
	e->has_latency = (c->flags & CONNECTION_HAS_LATENCY) != 0;
	e->segments_sent = now->segments_sent;
	e->segments_received = now->segments_received;
	e->retransmits = now->retransmits;
	e->handshake_retransmits = now->retransmits >> 32;
	e->busy_jiffies = now->busy;
	e->peer_window_jiffies = now->peer_window;
	e->send_buffer_jiffies = now->send_buffer;
	e->rtt_us = look->rtt_us;
	e->rtt_min_us = look->rtt_min_us;
	e->unread_bytes = look->unread;
	e->waiting_jiffies = look->waited;
	e->attribution = c->attribution;
	e->established = (c->flags & CONNECTION_ESTABLISHED) != 0;
	e->adopted = (c->flags & CONNECTION_ADOPTED) != 0;
	if (c->role == ROLE_EGRESS) {
		e->direction = DIRECTION_EGRESS;
		local_address(sk, e->source);
		remote_address(sk, e->destination);
		e->source_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
		e->destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
	} else {
		e->direction = DIRECTION_INGRESS;
		remote_address(sk, e->source);
		local_address(sk, e->destination);
		e->source_port = bpf_ntohs(sk->__sk_common.skc_dport);
		e->destination_port = c->local_port;
	}
}

/* Room for one, if somebody wants it: `detail` is what the policy wants, the rest is for a live trace. */
static __always_inline struct event *event_reserve(bool detail)
{
	struct shared *s = shared_state();
	struct event *e;
	u64 now;

	if (!s || (!detail && !s->control.trace))
		return 0;
	now = bpf_ktime_get_ns();
	if (!event_allowed(s, detail ? EVENT_DETAIL : EVENT_TRACE, now)) {
		__sync_fetch_and_add(&s->losses[LOSS_EVENTS_SUPPRESSED], 1);
		return 0;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&s->losses[LOSS_EVENTS_RING_FULL], 1);
		return 0;
	}
	e->at_ns = now;
	e->detail = detail;
	return e;
}

static __always_inline void event_submit(struct event *e, u8 moment, const struct verdict *v)
{
	e->moment = moment;
	e->state = v->state;
	e->reset_side = v->reset_side;
	e->close_reason = v->close_reason;
	e->timeout_by = v->timeout_by;
	e->error = v->error;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}
