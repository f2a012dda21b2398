/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The inventory of TCP listeners. An entry lives as long as its socket listens, and then until the agent has
 * told of it. Looked at when it begins to listen, by every sweep, and when it ends.
 */
#pragma once

#include "connection.h"

/* The agent sets it where the kernel has bpf_rdonly_cast. */
const volatile bool casts_pointers __weak = false;

static __always_inline struct listener *listener_of(const struct sock *sk)
{
	u64 cookie = bpf_get_socket_cookie((void *)sk);

	return bpf_map_lookup_elem(&listeners, &cookie);
}

/* What it dropped before belongs to nobody that we know of. */
static __always_inline struct listener *listener_new(const struct sock *sk, u32 first)
{
	struct listener fresh = {.first = first, .drops_before = sk->sk_drops.counter};
	u64 cookie = bpf_get_socket_cookie((void *)sk);

	bpf_map_update_elem(&listeners, &cookie, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&listeners, &cookie);
}

static __always_inline void listener_fill(struct listener *l, const struct sock *sk,
					  const struct connection *c)
{
	l->netns = c->netns;
	l->owner = c->owner;
	l->pid = c->pid;
	l->pid_started_ns = c->pid_started_ns;
	l->attribution = c->attribution;
	l->backlog = sk->sk_ack_backlog;
	l->backlog_max = sk->sk_max_ack_backlog;
	l->drops = sk->sk_drops.counter - l->drops_before;
	l->port = sk->__sk_common.skc_num;
	l->ipv6 = sk->__sk_common.skc_family == AF_INET6;
	local_address(sk, l->address);
}

/* It begins to listen, or was found: then in the window that is being closed. */
static __always_inline struct listener *listener_seen(const struct sock *sk, const struct connection *c,
						      u32 window)
{
	struct listener *l = listener_of(sk);

	if (!l)
		l = listener_new(sk, window);
	if (!l) {
		lose(LOSS_LISTENERS_FULL, 1);
		return 0;
	}
	__sync_lock_test_and_set(&l->gone, 0);
	listener_fill(l, sk, c);
	return l;
}

/* Its port is lost already; the entry has it. */
static __always_inline void listener_gone(const struct sock *sk)
{
	struct listener *l = listener_of(sk);

	if (!l)
		return;
	l->drops = sk->sk_drops.counter - l->drops_before;
	__sync_lock_test_and_set(&l->gone, 1);
}

/*
 * How long the first in the accept queue has been there. A connection has the time at which it was made, and
 * sends nothing of its own before accept(). Nobody holds it for us: if it has left the queue meanwhile it may
 * be another one by now, and nothing is known.
 */
static __always_inline void listener_waiting(struct listener *l, const struct tcp_sock *tp)
{
	struct request_sock *volatile const *first = &tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	struct request_sock *request;
	struct tcp_sock *child;
	u32 made;
	int waits;

	l->waiting_known = 0;
	if (!casts_pointers)
		return;
	request = *first;
	if (!request) {
		l->waiting_jiffies = 0;
		l->waiting_known = 1;
		return;
	}
	child = bpf_rdonly_cast(request->sk, bpf_core_type_id_kernel(struct tcp_sock));
	made = *(volatile u32 *)&child->lsndtime;
	if (*first != request)
		return;
	waits = (u32)bpf_jiffies64() - made;
	l->waiting_jiffies = waits > 0 ? waits : 0;
	l->waiting_known = 1;
}

static __always_inline void sweep_listener(const struct sock *sk, const struct tcp_sock *tp,
					   const struct connection *c, u32 window)
{
	struct listener *l;

	if (sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	l = listener_seen(sk, c, window);
	if (!l)
		return;
	listener_waiting(l, tp);
	if (*(volatile u8 *)&c->role != ROLE_LISTENER)
		__sync_lock_test_and_set(&l->gone, 1); /* it ended meanwhile, and its end was overwritten */
}
