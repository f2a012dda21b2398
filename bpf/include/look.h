/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a socket looks like at one moment, of what is no count: round trips, and what waits for an
 * application. Read without payload, and without a program that runs with each segment.
 */
#pragma once

#include "marks.h"

/*
 * Is an answer owed? Who was connected to owes one from the last payload that came until it sends some, once
 * its application has read it all; who connected is owed one once its last payload has been acknowledged.
 * Both times are in jiffies: within one of them nobody can tell which came first, and no answer is owed. One
 * that has shut its sending side down owes nothing.
 */
static __always_inline bool answer_owed(const struct look *look)
{
	int later = look->received_at - look->sent_at;

	if (look->unread)
		return false;
	if (look->role == ROLE_INGRESS)
		return later > 0 && look->received && !(look->shutdown & SEND_SHUTDOWN);
	return later < 0 && look->sent && !look->unacknowledged;
}

/* From what was read to what it says. A function of the object's own: see flow_sum. */
__weak int look_judge(struct look *look)
{
	if (!look)
		return 0;
	if (!(look->flags & CONNECTION_ESTABLISHED)) {
		look->smoothed = 0;
		look->least = ~0u;
		look->unread = 0;
	}
	if ((int)look->unread < 0)
		look->unread = 0; /* a FIN is none of it; nor are both ends of the queue read at once */
	look->rtt_us = look->smoothed >> 3;
	look->rtt_min_us = look->least == ~0u ? 0 : look->least;
	look->waiting = (look->flags & CONNECTION_ESTABLISHED) && answer_owed(look);
	look->waited = !look->waiting		   ? 0
		       : look->role == ROLE_INGRESS ? look->now - look->received_at
						    : look->now - look->sent_at;
	return 0;
}

/* `marks` are the socket's at this moment, `role` and `flags` its connection's. Every byte of `look` must have been written before. */
static __always_inline void look_at(struct look *look, const struct sock *sk, const struct tcp_sock *tp,
				    u8 role, u8 flags, const struct marks *marks)
{
	look->smoothed = tp->srtt_us;
	look->least = tp->rtt_min.s[0].v;
	look->unread = tp->rcv_nxt - tp->copied_seq - ((sk->__sk_common.skc_flags >> SOCK_DONE_BIT) & 1);
	look->received_at = tp->inet_conn.icsk_ack.lrcvtime;
	look->sent_at = tp->lsndtime;
	look->now = bpf_jiffies64();
	look->sent = marks->sent;
	look->received = marks->received;
	look->unacknowledged = tp->write_seq - tp->snd_una;
	look->shutdown = sk->sk_shutdown;
	look->role = role;
	look->flags = flags;
	look_judge(look);
}
