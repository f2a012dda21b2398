/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a socket looks like at one moment, of what is no count: round trips, and what waits for an
 * application. Read without payload, and without a program that runs with each segment.
 */
#pragma once

#include "marks.h"

/* Received and not read: as SIOCINQ computes it, a FIN that came being none of it. */
static __always_inline u32 unread_bytes(const struct sock *sk, const struct tcp_sock *tp)
{
	u32 unread = tp->rcv_nxt - tp->copied_seq;

	if (unread && ((sk->__sk_common.skc_flags >> SOCK_DONE_BIT) & 1))
		unread--;
	return (int)unread > 0 ? unread : 0; /* rcv_nxt and copied_seq are not read at once */
}

/*
 * Is an answer owed? Who was connected to owes one from the last payload that came until it sends some, once
 * its application has read it all; who connected is owed one once its last payload has been acknowledged.
 * Both times are in jiffies: within one of them nobody can tell which came first, and no answer is owed. One
 * that has shut its sending side down owes nothing.
 */
static __always_inline void look_waiting(struct look *look, const struct sock *sk, const struct tcp_sock *tp,
					 const struct connection *c)
{
	u32 received = tp->inet_conn.icsk_ack.lrcvtime, sent = tp->lsndtime, since;

	if (look->unread)
		return;
	if (c->role == ROLE_INGRESS) {
		if ((int)(received - sent) <= 0 || !payload_received(sk, tp) ||
		    (sk->sk_shutdown & SEND_SHUTDOWN))
			return;
		since = received;
	} else {
		if ((int)(sent - received) <= 0 || !payload_sent(tp) || tp->snd_una != tp->write_seq)
			return;
		since = sent;
	}
	look->waiting = true;
	look->waited = (u32)bpf_jiffies64() - since;
}

static __always_inline void look_at(struct look *look, const struct sock *sk, const struct tcp_sock *tp,
				    const struct connection *c)
{
	u32 smoothed = tp->srtt_us, least = tp->rtt_min.s[0].v;

	if (!(c->flags & CONNECTION_ESTABLISHED))
		return;
	look->has_rtt = smoothed != 0;
	look->rtt_us = smoothed >> 3;
	look->rtt_min_us = least == ~0u ? 0 : least;
	look->unread = unread_bytes(sk, tp);
	look_waiting(look, sk, tp, c);
}
