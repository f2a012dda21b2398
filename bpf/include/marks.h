/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A socket's own counters, and how much of each no row has yet. The sweep and a socket's end run at the same
 * time on two CPUs: marks move by compare-and-swap in the one and by exchange in the other, so that whoever
 * loses adds nothing, and the sum over all rows telescopes to the socket's own counters.
 */
#pragma once

#include "flow.h"

/*
 * Payload: retransmissions are not new bytes, and a received FIN (SOCK_DONE) was counted as one. What is
 * taken off is read last: without the socket's lock too little is told, and never too much.
 */
static __always_inline u64 payload_sent(const struct tcp_sock *tp)
{
	u64 sent = *(volatile u64 *)&tp->bytes_sent;

	return sent - *(volatile u64 *)&tp->bytes_retrans;
}

static __always_inline u32 fin_received(const struct sock *sk)
{
	return (*(volatile unsigned long *)&sk->__sk_common.skc_flags >> SOCK_DONE_BIT) & 1;
}

static __always_inline u64 payload_received(const struct sock *sk, const struct tcp_sock *tp)
{
	u64 received = *(volatile u64 *)&tp->bytes_received;

	return received - fin_received(sk);
}

/*
 * The same without the socket's lock. A FIN is counted first, and said to be one later, under that lock:
 * while somebody has it, the last byte may be one.
 */
static __always_inline u64 payload_received_at_least(const struct sock *sk, const struct tcp_sock *tp)
{
	u64 received = *(volatile u64 *)&tp->bytes_received, at = bpf_core_field_offset(sk->sk_lock.slock);
	u32 locked;

	asm volatile("" : "+r"(at)); /* or the load would be merged with the relocation */
	locked = *(volatile u32 *)((void *)sk + at) | *(volatile u32 *)&sk->sk_lock.owned;
	return received - (fin_received(sk) | (locked && received));
}

/* Until it is established all of them are SYNs, or SYN-ACKs. */
static __always_inline u32 handshake_retransmits(const struct connection *c, u32 total)
{
	return c->flags & CONNECTION_ESTABLISHED ? c->handshake_retransmits : total;
}

/* A bit field's place in its byte is the running kernel's too. */
static __always_inline u8 chrono_type(const struct tcp_sock *tp)
{
	u64 at = __CORE_RELO(tp, chrono_type, BYTE_OFFSET), byte;

	/* Or the load would be merged with the relocation, which insists on a whole field. */
	asm volatile("" : "+r"(at));
	byte = *(volatile u8 *)((void *)tp + at);
	byte <<= __CORE_RELO(tp, chrono_type, LSHIFT_U64);
	return byte >> __CORE_RELO(tp, chrono_type, RSHIFT_U64);
}

/*
 * What the sender was held up by, as TCP_INFO computes it: the running one has its time still to come. Which
 * one that is are two bits, and the sums are products with them: each branch here would be looked at anew by
 * the verifier on every way that comes by. Answers when the running one began.
 */
static __always_inline u32 marks_read_chrono(struct marks *now, const struct tcp_sock *tp)
{
	u32 start = *(volatile u32 *)&tp->chrono_start;
	u32 busy = *(volatile u32 *)&tp->chrono_stat[TCP_CHRONO_BUSY - 1];
	u32 peer_window = *(volatile u32 *)&tp->chrono_stat[TCP_CHRONO_RWND_LIMITED - 1];
	u32 send_buffer = *(volatile u32 *)&tp->chrono_stat[TCP_CHRONO_SNDBUF_LIMITED - 1];
	u32 type = chrono_type(tp), low = type & 1, high = type >> 1;
	u32 running = (u32)bpf_jiffies64() - start;

	now->peer_window = peer_window + running * (high & ~low);
	now->send_buffer = send_buffer + running * (high & low);
	now->busy = busy + peer_window + send_buffer + running * (high | low);
	return start;
}

/*
 * Read without the socket's lock, the kernel may be about to add the running time to the sums: then what was
 * told before stands, and the next look tells.
 */
static __always_inline void marks_settle(struct marks *now, const struct sock *sk, const struct tcp_sock *tp,
					 const struct marks *before, u32 chrono_start)
{
	now->received = payload_received_at_least(sk, tp);
	if (*(volatile u32 *)&tp->chrono_start == chrono_start)
		return;
	now->busy = before->busy;
	now->peer_window = before->peer_window;
	now->send_buffer = before->send_buffer;
}

/* Where the socket of `c` stands; answers what marks_settle wants. */
static __always_inline u32 marks_read(struct marks *now, const struct sock *sk, const struct tcp_sock *tp,
				      const struct connection *c)
{
	u32 retransmits = tp->total_retrans;

	now->sent = payload_sent(tp);
	now->received = payload_received(sk, tp);
	now->segments_sent = tp->segs_out;
	now->segments_received = tp->segs_in;
	now->retransmits = (u64)handshake_retransmits(c, retransmits) << 32 | retransmits;
	now->retransmits_counted = retransmits;
	return marks_read_chrono(now, tp);
}

/*
 * At the end, what is left to tell. A socket that no sweep has reported is in no sweep's hands either: its
 * marks are where they began, and need no locked exchange.
 */
#define LEFT(mark, now, swept) ((now) - ((swept) ? __sync_lock_test_and_set(&(mark), now) : (mark)))

/* Functions of the object's own, these two: see flow_sum. */

/*
 * A sweep may have told of a running time twice (marks_read_chrono), or have begun with a FIN taken for a
 * byte: what comes next is less, but no less than nothing.
 */
static __always_inline u32 not_negative(u32 jiffies)
{
	return (int)jiffies < 0 ? 0 : jiffies;
}

static __always_inline u64 no_bytes_less(u64 bytes)
{
	return (s64)bytes < 0 ? 0 : bytes;
}

__weak int delta_left(struct delta *d, struct marks *marks, const struct marks *now, bool swept)
{
	u64 retransmits;

	if (!d || !marks || !now)
		return 0;
	retransmits = LEFT(marks->retransmits, now->retransmits, swept);
	d->sent = no_bytes_less(LEFT(marks->sent, now->sent, swept));
	d->received = no_bytes_less(LEFT(marks->received, now->received, swept));
	d->segments_sent = LEFT(marks->segments_sent, now->segments_sent, swept);
	d->segments_received = LEFT(marks->segments_received, now->segments_received, swept);
	d->retransmits = retransmits;
	d->handshake_retransmits = retransmits >> 32;
	d->busy = not_negative(LEFT(marks->busy, now->busy, swept));
	d->peer_window = not_negative(LEFT(marks->peer_window, now->peer_window, swept));
	d->send_buffer = not_negative(LEFT(marks->send_buffer, now->send_buffer, swept));
	return 0;
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

__weak int delta_advance(struct delta *d, struct marks *marks, const struct marks *now)
{
	u64 retransmits;

	if (!d || !marks || !now)
		return 0;
	retransmits = ADVANCE(marks->retransmits, now->retransmits);
	d->sent = ADVANCE(marks->sent, now->sent);
	d->received = ADVANCE(marks->received, now->received);
	d->segments_sent = ADVANCE(marks->segments_sent, now->segments_sent);
	d->segments_received = ADVANCE(marks->segments_received, now->segments_received);
	d->retransmits = retransmits;
	d->handshake_retransmits = retransmits >> 32;
	d->busy = ADVANCE(marks->busy, now->busy);
	d->peer_window = ADVANCE(marks->peer_window, now->peer_window);
	d->send_buffer = ADVANCE(marks->send_buffer, now->send_buffer);
	return 0;
}
