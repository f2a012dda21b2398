/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A socket's own counters, and how much of each no row has yet. The sweep and a socket's end run at the same
 * time on two CPUs: marks move by compare-and-swap in the one and by exchange in the other, so that whoever
 * loses adds nothing, and the sum over all rows telescopes to the socket's own counters.
 */
#pragma once

#include "flow.h"

/* Payload: retransmissions are not new bytes, and a received FIN (SOCK_DONE) was counted as one. */
static __always_inline u64 payload_sent(const struct tcp_sock *tp)
{
	return tp->bytes_sent - tp->bytes_retrans;
}

static __always_inline u64 payload_received(const struct sock *sk, const struct tcp_sock *tp)
{
	return tp->bytes_received - ((sk->__sk_common.skc_flags >> SOCK_DONE_BIT) & 1);
}

/* Where the socket stands. */
static __always_inline void marks_read(struct marks *now, const struct sock *sk, const struct tcp_sock *tp)
{
	now->sent = payload_sent(tp);
	now->received = payload_received(sk, tp);
	now->segments_sent = tp->segs_out;
	now->segments_received = tp->segs_in;
	now->retransmits = tp->total_retrans;
}

/*
 * At the end, what is left to tell. A socket that no sweep has reported is in no sweep's hands either: its
 * marks are where they began, and need no locked exchange.
 */
#define LEFT(mark, now, swept) ((now) - ((swept) ? __sync_lock_test_and_set(&(mark), now) : (mark)))

static __always_inline void delta_left(struct delta *d, struct marks *marks, const struct marks *now,
				       bool swept)
{
	d->sent = LEFT(marks->sent, now->sent, swept);
	d->received = LEFT(marks->received, now->received, swept);
	d->segments_sent = LEFT(marks->segments_sent, now->segments_sent, swept);
	d->segments_received = LEFT(marks->segments_received, now->segments_received, swept);
	d->retransmits = LEFT(marks->retransmits, now->retransmits, swept);
}

/*
 * In the sweep: move the mark on, and say by how much; nothing if the socket's end was quicker. Numbers of 32
 * bits wrap around in a long life: which one is newer is a matter of their difference.
 */
#define ADVANCE(mark, now)                                                                                   \
	({                                                                                                   \
		typeof(mark) was = *(volatile typeof(mark) *)&(mark), is = (now);                            \
		s64 ahead = sizeof(mark) == 8 ? (s64)(is - was) : (s64)(int)(is - was);                      \
		ahead > 0 && __sync_val_compare_and_swap(&(mark), was, is) == was ? is - was : 0;            \
	})

static __always_inline void delta_advance(struct delta *d, struct marks *marks, const struct marks *now)
{
	d->sent = ADVANCE(marks->sent, now->sent);
	d->received = ADVANCE(marks->received, now->received);
	d->segments_sent = ADVANCE(marks->segments_sent, now->segments_sent);
	d->segments_received = ADVANCE(marks->segments_received, now->segments_received);
	d->retransmits = ADVANCE(marks->retransmits, now->retransmits);
}
