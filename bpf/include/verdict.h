/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How a connection ended, from what is known at its change to CLOSE: the state before, the error, what was
 * shut down, what was sent and received. The local reset's own tracepoint mostly comes later, and has no say.
 */
#pragma once

#include "connection.h"

static __always_inline void by_reset(struct verdict *v, u8 side)
{
	v->state = STATE_RESET;
	v->reset_side = side;
	v->close_reason = side == RESET_ADMIN	? CLOSE_ADMIN
			  : side == RESET_LOCAL ? CLOSE_RESET_SENT
						: CLOSE_RESET_RECEIVED;
}

/* A RST of this end for which its application asked. */
static __always_inline void by_abort(struct verdict *v)
{
	by_reset(v, RESET_LOCAL);
	v->close_reason = CLOSE_ABORTED;
}

static __always_inline void by_timeout(struct verdict *v, u8 by, u8 reason)
{
	v->state = STATE_TIMED_OUT;
	v->timeout_by = by;
	v->close_reason = reason;
}

/* Ended before it was established. A noted error stands in for none: it is what the application gave up for.
 */
static __always_inline void judge_attempt(struct verdict *v, const struct sock *sk, struct tcp_sock *tp,
					  const struct connection *c)
{
	if (!v->error)
		v->error = c->noted_error;
	switch (v->error) {
	case 0:
		if (c->role == ROLE_INGRESS)
			by_abort(v); /* a fast-open child whose listener closes */
		else if (!tp->segs_out && !sk->sk_shutdown)
			v->state = STATE_FAILED; /* no SYN left: no local port */
		else if (tp->total_retrans)
			by_timeout(v, TIMEOUT_APPLICATION, CLOSE_TIMEOUT);
		else
			v->state = STATE_CANCELED;
		return;
	case ETIMEDOUT:
		by_timeout(v, TIMEOUT_KERNEL, CLOSE_TIMEOUT);
		return;
	case ECONNREFUSED: /* a RST, or ICMP port unreachable */
		v->state = STATE_REFUSED;
		if (c->flags & CONNECTION_RESET_RECEIVED)
			v->close_reason = CLOSE_RESET_RECEIVED;
		return;
	case ECONNRESET:
		by_reset(v, RESET_REMOTE);
		return;
	case ECONNABORTED:
		by_reset(v, RESET_ADMIN);
		return;
	default:
		v->state = STATE_UNREACHABLE;
	}
}

/* Of a task that ends the socket: close with unread data, close with SO_LINGER 0, or connect(AF_UNSPEC). */
static __always_inline bool aborts(const struct sock *sk, const struct tcp_sock *tp)
{
	bool lingers = (sk->__sk_common.skc_flags >> SOCK_LINGER_BIT) & 1;

	return tp->rcv_nxt != tp->copied_seq || (lingers && !sk->sk_lingertime) ||
	       sk->sk_shutdown != SHUTDOWN_MASK;
}

/* Ended from ESTABLISHED or later; `before` is the state it ended in. Both FINs seen: closed, whatever came
 * after. */
static __always_inline void judge_connection(struct verdict *v, const struct sock *sk, struct tcp_sock *tp,
					     const struct connection *c, int before)
{
	bool fin_sent = before == TCP_FIN_WAIT1 || before == TCP_FIN_WAIT2;
	bool fin_received = (sk->__sk_common.skc_flags >> SOCK_DONE_BIT) & 1;
	/* Data that comes when nobody can read it any more makes the kernel send a RST, and take it for a
	 * received one. */
	bool data_after_close = fin_sent && !fin_received && sk->sk_shutdown == SHUTDOWN_MASK &&
				!task_holds(sk) && (u16)tp->data_segs_in != c->data_segs_at_fin;

	v->state = STATE_CLOSED;
	v->close_reason = before == TCP_LAST_ACK  ? CLOSE_FIN_REMOTE
			  : before == TCP_CLOSING ? CLOSE_FIN_BOTH
						  : CLOSE_FIN_LOCAL;
	if (before == TCP_LAST_ACK || before == TCP_CLOSING)
		return;
	if (v->error == ECONNABORTED)
		by_reset(v, RESET_ADMIN);
	else if (data_after_close)
		by_reset(v, RESET_LOCAL);
	else if (c->flags & CONNECTION_RESET_RECEIVED)
		by_reset(v, RESET_REMOTE);
	else if (v->error)
		by_timeout(v, TIMEOUT_KERNEL,
			   (c->flags & CONNECTION_RESET_SENT) ? CLOSE_KEEPALIVE : CLOSE_TIMEOUT);
	else if (!fin_sent && (task_holds(sk) || !sk->sk_socket))
		by_abort(v); /* a listener that closes does not hold those that it never gave away */
	else if (!fin_sent)
		by_reset(v, RESET_LOCAL); /* MPTCP gives a subflow up */
	else if (!fin_received && task_holds(sk) && aborts(sk, tp))
		by_abort(v); /* after shutdown; with the peer's FIN it is TIME_WAIT */
}

/*
 * The process ended and took the connection along: that is the reason, whatever segment it sent. Nobody asked
 * for an abort then: it left something unread, or had set SO_LINGER long before.
 */
static __always_inline void judge_exit(struct verdict *v, const struct connection *c)
{
	if (!(c->flags & CONNECTION_PROCESS_EXITED))
		return;
	if (v->close_reason == CLOSE_FIN_LOCAL || v->close_reason == CLOSE_RESET_SENT ||
	    v->close_reason == CLOSE_ABORTED || v->state == STATE_CANCELED ||
	    v->timeout_by == TIMEOUT_APPLICATION)
		v->close_reason = CLOSE_PROCESS_EXIT;
}
