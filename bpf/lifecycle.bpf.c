// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Lifecycle: every TCP state change of every socket, in all network namespaces.
 * A record is made at SYN_SENT, or comes with the child of a listener; it is told in full at the end.
 */
#include "ends.h"
#include "listener.h"
#include "succession.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

/* The types that the agent reads and no map holds: a variable of each brings them into the object's BTF. */
const volatile struct {
	struct event event;
	enum direction direction;
	enum state state;
	enum reset_side reset_side;
	enum timeout_by timeout_by;
	enum close_reason close_reason;
	enum attribution attribution;
	enum form form;
	enum moment moment;
	enum loss loss;
	enum place place;
	enum table table;
	struct number number;
} told = {};

/* Opening: the current task owns it, if it holds the socket. */
static __always_inline void note_opener(const struct sock *sk, struct connection *c)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!task_holds(sk)) {
		c->owner = 0;
		c->attribution = OWNER_UNKNOWN;
		return;
	}
	connection_owned_by(c, task, task->flags & PF_KTHREAD ? OWNER_KERNEL : OWNER_EXACT);
}

/* Closing, in the context of the task that does it: who closes an accepted connection had it. */
static __always_inline void note_closer(struct connection *c)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct shared *s = shared_state();

	if ((task->flags & PF_KTHREAD) || !s || s->sweeper == (u32)task->tgid)
		return; /* a close() during the sweep is finished by the sweep */
	if (task->flags & PF_EXITING)
		c->flags |= CONNECTION_PROCESS_EXITED; /* its executable is gone already: the owner stays as
							  it was */
	else if (c->role == ROLE_INGRESS && c->attribution != OWNER_EXACT)
		connection_owned_by(c, task, OWNER_EXACT); /* right under fork and socket activation */
}

/* The sweep's first part knows a socket by it, and must not ask for it. */
static __always_inline void give_cookie(const struct sock *sk)
{
	if (sweeps_in_two)
		bpf_get_socket_cookie((void *)sk);
}

static __always_inline struct connection *connection_new(const struct sock *sk, u8 role, u32 netns)
{
	struct connection blank = {.reported = REPORTED_ENDED}; /* not for the sweep before it is filled in */
	struct connection *c;
	struct netns *ns;

	c = bpf_sk_storage_get(&connections, (void *)sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		ns = netns_counters(netns);
		if (ns && role != ROLE_LISTENER)
			__sync_fetch_and_add(&ns->untracked, 1);
		lose(LOSS_CONNECTIONS_UNTRACKED, 1);
		return 0;
	}
	__sync_lock_test_and_set(&c->reported, REPORTED_ENDED); /* it may have been a listener before */
	give_cookie(sk);
	c->role = role;
	c->netns = netns;
	return c;
}

/* A socket is used again after a failed connect: everything of the connection before is overwritten. */
static __always_inline void on_syn_sent(const struct sock *sk)
{
	u32 netns = netns_id(sk->__sk_common.skc_net.net);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct connection *c;
	struct netns *ns;

	if (netns == NETNS_IGNORED || !tp)
		return;
	ns = netns_counters(netns);
	if (ns)
		__sync_fetch_and_add(&ns->active_opens, 1);
	c = connection_new(sk, ROLE_EGRESS, netns);
	if (!c)
		return;
	c->started_ns = bpf_ktime_get_ns();
	look_for_agent(c->started_ns);
	c->sequence++;
	c->flags = begun_before(sk) ? CONNECTION_ADOPTED : 0;
	c->noted_error = 0;
	c->latency_us = 0;
	c->local_port = 0;
	c->handshake_retransmits = 0;
	marks_read(&c->marks, sk, tp, c);
	note_opener(sk, c);
	__sync_lock_test_and_set(&c->reported, 0); /* last: from here on the sweep may count it */
}

static __always_inline void on_listen(const struct sock *sk)
{
	u32 netns = netns_id(sk->__sk_common.skc_net.net);
	struct shared *s = shared_state();
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct connection *c;

	if (netns == NETNS_IGNORED)
		return;
	c = connection_new(sk, ROLE_LISTENER, netns);
	if (!c)
		return;
	c->started_ns = 0;
	c->local_port = sk->__sk_common.skc_num;
	if (tp)
		marks_read(&c->marks, sk, tp, c);
	note_opener(sk, c);
	if (s)
		listener_seen(sk, c, s->control.window + 1);
}

/* The kernel has cloned the listener's record: owner, namespace and port are there, the rest is the
 * listener's. */
static __always_inline void on_child(const struct sock *sk)
{
	struct connection *c = connection_of(sk);
	struct netns *ns;
	u32 netns;

	netns = c ? c->netns : netns_id(sk->__sk_common.skc_net.net);
	if (netns == NETNS_IGNORED)
		return;
	ns = netns_counters(netns);
	if (ns)
		__sync_fetch_and_add(&ns->passive_opens, 1);
	if (!c) /* its listener is older than us and not scanned yet */
		c = connection_new(sk, ROLE_INGRESS, netns);
	if (!c)
		return;
	give_cookie(sk);
	c->role = ROLE_INGRESS;
	c->attribution = c->owner ? OWNER_INHERITED : OWNER_UNKNOWN;
	c->started_ns = bpf_ktime_get_ns();
	look_for_agent(c->started_ns);
	c->local_port = sk->__sk_common.skc_num;
	c->sequence = 1;
	c->marks.sent = 0;
	c->marks.received = 0;
	c->marks.segments_sent = 0;
	c->marks.segments_received = 0;
	c->marks.retransmits = 0; /* its times begin with those of the listener, once a connection perhaps */
	c->handshake_retransmits = 0;
	c->marks.retransmits_counted = 0;
	c->latency_us = 0;
	c->flags = begun_before(sk) ? CONNECTION_ADOPTED : 0;
	c->noted_error = 0;
	__sync_lock_test_and_set(&c->reported, 0);
}

/* Any other change of a socket without a record: it is older than us, and in no file table that the seed
 * could read. */
static __always_inline struct connection *connection_adopt(const struct sock *sk, struct tcp_sock *tp)
{
	struct connection blank = {.netns = netns_id(sk->__sk_common.skc_net.net)};

	if (blank.netns == NETNS_IGNORED)
		return 0;
	blank.role = adopted_role(sk, tp);
	connection_mark_adopted(&blank, sk, tp);
	/* Whole at once: if the sweep was quicker, its record stands. Without memory it was counted when it
	 * opened. */
	return bpf_sk_storage_get(&connections, (void *)sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
}

static __always_inline void on_established(const struct sock *sk)
{
	struct connection *c = connection_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct verdict v = {.state = STATE_OPEN};
	struct shared *s = shared_state();
	u8 flags = CONNECTION_ESTABLISHED;
	struct event *e;
	bool slow;

	if (!tp || !s)
		return;
	if (!c)
		c = connection_adopt(sk, tp);
	if (!c)
		return;
	c->handshake_retransmits = tp->total_retrans; /* at most 127, as the kernel's limits go */
	if (c->flags & CONNECTION_ADOPTED) {
		c->flags |= CONNECTION_ESTABLISHED;
		return; /* when its SYN was sent nobody knows */
	}
	if (c->role == ROLE_EGRESS) {
		c->latency_us = (bpf_ktime_get_ns() - c->started_ns) / 1000;
		flags |= CONNECTION_HAS_LATENCY;
		c->local_port = sk->__sk_common.skc_num;
	} else {
		if (tp->srtt_us) {
			c->latency_us = tp->srtt_us >> 3; /* first sample: SYN-ACK to ACK */
			flags |= CONNECTION_HAS_LATENCY;
		}
		if (!tp->bytes_sent) { /* a child begins with its SYN-ACK's retransmissions: counted there
					  already */
			c->marks.retransmits_counted = tp->total_retrans;
		}
	}
	c->flags |= flags; /* last: a sweep that sees it established sees its latency too */
	slow = s->control.slow_us && c->latency_us >= s->control.slow_us;
	e = event_reserve(slow);
	if (e) {
		struct marks marks;
		struct look look;

		marks_read(&marks, sk, tp, c);
		__builtin_memset(&look, 0, sizeof(look));
		look_at(&look, sk, tp, c->role, c->flags, &marks);
		event_fill(e, sk, tp, c, &marks, &look);
		event_submit(e, MOMENT_ESTABLISHED, &v);
	}
}

static __always_inline void connection_over(struct connection *c)
{
	c->role = ROLE_NONE;
	c->started_ns = 0;
}

static __always_inline void on_close(const struct sock *sk, int before)
{
	struct connection *c = connection_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct verdict v = {.error = sk->sk_err};
	struct begun *b;
	bool attempt = before == TCP_SYN_SENT || before == TCP_SYN_RECV;
	u32 netns;

	if (!tp)
		return;
	if (before == TCP_LISTEN) {
		if (c)
			c->role = ROLE_NONE;
		listener_gone(sk);
		return;
	}
	netns = c ? c->netns : netns_id(sk->__sk_common.skc_net.net);
	if (netns == NETNS_IGNORED)
		return;
	count_end(netns, sk, tp, before);
	if (is_spare(sk, c, before))
		return;
	b = predecessors(sk);
	if (ended_before(b, c)) {
		if (!c)
			return;
		__sync_lock_test_and_set(&c->reported, REPORTED_ENDED);
		connection_over(c);
		return;
	}
	if (!c)
		c = connection_adopt(sk, tp);
	if (!c || c->role == ROLE_NONE || c->role == ROLE_LISTENER)
		return;
	inherit(b, c);
	if (b)
		b->started_ns = 0; /* the socket may connect again */
	/* From ESTABLISHED always a task's doing; a listener's close ends its queued children without their
	 * lock. */
	if (!v.error && (before == TCP_ESTABLISHED || before == TCP_CLOSE_WAIT))
		note_closer(c);
	else if (!v.error && before == TCP_SYN_SENT && task_holds(sk))
		note_closer(c);
	if (attempt) {
		judge_attempt(&v, sk, tp, c);
	} else {
		if (!(c->flags & CONNECTION_ESTABLISHED))
			c->handshake_retransmits = tp->total_retrans;
		c->flags |= CONNECTION_ESTABLISHED; /* a fast-open child may go from SYN_RECV straight to
						       FIN_WAIT1 */
		judge_connection(&v, sk, tp, c, before);
	}
	judge_exit(&v, c);
	tell_end(sk, tp, c, &v, attempt);
	connection_over(c);
}

static __always_inline void on_fin(const struct sock *sk)
{
	struct connection *c = connection_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	if (!c || !tp)
		return;
	c->data_segs_at_fin = tp->data_segs_in;
	if (task_holds(sk))
		note_closer(c);
}

static __always_inline void on_change(const struct sock *sk, int before, int after)
{
	switch (after) {
	case TCP_SYN_SENT:
		on_syn_sent(sk);
		break;
	case TCP_LISTEN:
		on_listen(sk);
		break;
	case TCP_SYN_RECV:
		if (before == TCP_LISTEN)
			on_child(sk); /* from SYN_SENT it is a simultaneous open */
		break;
	case TCP_ESTABLISHED:
		on_established(sk);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		on_fin(sk);
		break;
	case TCP_CLOSE:
		on_close(sk, before);
		break;
	}
}

/* MPTCP parents fire too; their subflows are TCP. */
static __always_inline bool concerns(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && counting();
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_changed, const struct sock *sk, int before, int after)
{
	struct connection *c;

	if (!concerns(sk))
		return 0;
	on_change(sk, before, after);
	c = leaves_out ? connection_of(sk) : 0;
	if (c)
		c->seen = after;
	return 0;
}

/*
 * As in stand_in.h, but the socket knows what was told of it last: it changes state under its lock, and never
 * twice into the same in a row.
 */
static __always_inline void stand_in(const struct sock *sk, int before, int after)
{
	struct connection *c;
	struct shared *s;

	if (!concerns(sk))
		return;
	c = connection_of(sk);
	if (c && c->seen == (u8)after)
		return;
	on_change(sk, before, after);
	c = connection_of(sk);
	s = shared_state();
	if (!c || !s)
		return; /* nothing of it is kept: so it was the first time too */
	c->seen = after;
	__sync_fetch_and_add(&s->stood_in, 1);
}

#define STANDS_IN(program)                                                    \
	SEC("tp_btf/inet_sock_set_state")                                     \
	int BPF_PROG(program, const struct sock *sk, int before, int after)   \
	{                                                                     \
		stand_in(sk, before, after);                                  \
		return 0;                                                     \
	}

/* A change takes longer than most of what a connection costs: under stress three tasks were in it at once. */
STANDS_IN(tcp_state_changed_2)
STANDS_IN(tcp_state_changed_3)
STANDS_IN(tcp_state_changed_4)
STANDS_IN(tcp_state_changed_5)
