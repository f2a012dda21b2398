/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the sweep does with a socket and one who has it, in whichever way it met them. */
#pragma once

#include "dns.h"
#include "listener.h"
#include "succession.h"
#include "udp.h"

/* `locked`: the kernel holds it for us, and it stands still. */
static __always_inline void sweep_open(struct sock *sk, struct tcp_sock *tp, struct connection *c, u32 window,
				       bool locked)
{
	struct flow_key key = {};
	struct delta d;
	struct marks marks;
	u32 before = *(volatile u32 *)&c->reported, after, chrono_start;
	u8 role, flags;

	if ((before & REPORTED_ENDED) || (before & REPORTED_WINDOW_MASK) == window)
		return; /* ended, or a second descriptor of the same socket */
	/* What it is, before the exchange: after it, it may end, and be nothing any more. */
	role = *(volatile u8 *)&c->role;
	flags = *(volatile u8 *)&c->flags;
	if (role != ROLE_EGRESS && role != ROLE_INGRESS)
		return;
	flow_key_of(&key, sk, c, STATE_OPEN, role, flags);
	after = (before & REPORTED_ESTABLISHED) | REPORTED_OPENED | window;
	if (flags & CONNECTION_ESTABLISHED)
		after |= REPORTED_ESTABLISHED;
	if (__sync_val_compare_and_swap(&c->reported, before, after) != before)
		return; /* it ended meanwhile: then its end tells all */
	__builtin_memset(&d, 0, sizeof(d)); /* padding too: its bytes are an argument */
	d.open = 1;
	delta_reported(&d, flags, before);
	chrono_start = marks_read(&marks, sk, tp, c);
	if (!locked)
		marks_settle(&marks, sk, tp, &c->marks, chrono_start);
	delta_advance(&d, &c->marks, &marks);
	look_at(&d.look, sk, tp, role, flags, &marks);
	d.latency_us = c->latency_us;
	d.has_latency = d.established && (flags & CONNECTION_HAS_LATENCY);
	flow_add(FLOWS_CLOSING, &key, &d);
	count_retransmits(c, tp, false);
}

/* A holder found in a file table: for what nobody was seen to open, and for what was accepted from an
 * inherited listener. */
static __always_inline void sweep_owner(struct connection *c, struct task_struct *task)
{
	if (c->attribution == OWNER_EXACT || c->attribution == OWNER_KERNEL)
		return;
	if (c->attribution == OWNER_SCANNED && (c->pid != 1 || task->tgid == 1))
		return;
	if (c->attribution == OWNER_INHERITED && task->tgid == 1)
		return; /* socket activation: the service will be along */
	connection_owned_by(c, task, OWNER_SCANNED);
}

static __always_inline bool is_owner(const struct connection *c, const struct task_struct *task)
{
	return c->pid == (u32)task->tgid && c->pid_started_ns == task->group_leader->start_boottime;
}

/*
 * Whoever opened it stays its owner until that is told; then who has it counts. The owner may run another
 * program by now, or have left the socket to others (forked, or passed on): the sweep before found it with
 * others only. Pid 1 keeps descriptors for services, and gets one more window.
 */
static __always_inline void sweep_holder(struct connection *c, struct task_struct *task, u32 window)
{
	bool listener = c->role == ROLE_LISTENER, init = task->tgid == 1;

	if (!listener && !(c->reported & REPORTED_OPENED))
		return;
	if (is_owner(c, task)) {
		c->held = window;
		if (c->exec != (u8)task->self_exec_id)
			connection_owned_by(c, task, OWNER_SCANNED);
		return;
	}
	if ((u8)(window - c->held) > 1 + init || (listener && c->pid == 1))
		connection_owned_by(c, task, OWNER_SCANNED);
}

static __always_inline struct connection *sweep_adopt(struct sock *sk, struct tcp_sock *tp)
{
	u32 netns = netns_id(sk->__sk_common.skc_net.net);
	struct connection blank = {};
	struct connection *c;

	if (netns == NETNS_IGNORED)
		return 0;
	blank.netns = netns;
	blank.role = sk->__sk_common.skc_state == TCP_LISTEN ? ROLE_LISTENER : adopted_role(sk, tp);
	connection_mark_adopted(&blank, sk, tp);
	if (blank.role == ROLE_LISTENER)
		blank.started_ns = 0;
	c = bpf_sk_storage_get(&connections, sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c)
		lose(LOSS_CONNECTIONS_UNTRACKED, 1);
	return c;
}

/* A server of DNS that is older than us, and has sent nothing yet; and whose number is not to be used again. */
static __always_inline void sweep_dns(struct sock *sk, struct task_struct *task, const struct shared *s)
{
	struct dns_socket blank = {};
	struct dns_socket *d;
	u32 netns;

	d = bpf_sk_storage_get(&dns_sockets, sk, 0, 0);
	if (d && owner_used(d->owner, s) && d->attribution != OWNER_UNKNOWN)
		return;
	if (!d && !is_dns_port(s, sk->__sk_common.skc_num, sk->__sk_common.skc_num))
		return;
	netns = netns_id(sk->__sk_common.skc_net.net);
	if (netns == NETNS_IGNORED)
		return;
	dns_socket_owned_by(&blank, task, netns, OWNER_SCANNED);
	if (d)
		*d = blank;
	else
		bpf_sk_storage_get(&dns_sockets, sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * A holder found in a file table: for what was not seen to send yet, for what is older than us, and, as for a
 * connection, for what its sender has left to others, or has now as another program.
 */
static __always_inline bool udp_is_anothers(struct udp_socket *u, struct task_struct *task,
					    const struct shared *s)
{
	bool init = task->tgid == 1, known = owner_used(SENDER_OWNER(u->sender), s);
	u32 pid = SENDER_PID(u->sender);

	if (u->attribution == OWNER_KERNEL)
		return false;
	if (pid == (u32)task->tgid) {
		u->held = s->control.window;
		return !known || !is_sender(u, task) || u->attribution == OWNER_UNKNOWN ||
		       u->attribution == OWNER_INHERITED;
	}
	if (u->attribution == OWNER_UNKNOWN)
		return true;
	if (u->attribution == OWNER_INHERITED)
		return !init; /* socket activation: the service will be along */
	if (u->attribution == OWNER_SCANNED && pid == 1)
		return true;
	return !s->control.seeding && (u8)(s->control.window - u->held) > 1 + init;
}

static __always_inline void sweep_udp(struct sock *sk, struct task_struct *task, const struct shared *s)
{
	struct udp_socket *u = bpf_sk_storage_get(&udp_sockets, sk, 0, 0), blank = {};

	if (!u) {
		blank.netns = netns_id(sk->__sk_common.skc_net.net);
		blank.older_ns = bpf_ktime_get_ns();
		u = bpf_sk_storage_get(&udp_sockets, sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
	}
	if (u && u->netns != NETNS_IGNORED && udp_is_anothers(u, task, s))
		udp_owned_by(u, task, OWNER_SCANNED);
}

#define TOUCH(field) ((void)*(const volatile typeof(field) *)&(field))

/*
 * Asks for the socket's cache lines at once, instead of one by one as they are needed: over many sockets a
 * sweep mostly waits for memory.
 */
static __always_inline void touch(const struct sock *sk, const struct tcp_sock *tp)
{
	TOUCH(tp->bytes_sent);
	TOUCH(tp->bytes_retrans);
	TOUCH(tp->bytes_received);
	TOUCH(tp->segs_in);
	TOUCH(tp->segs_out);
	TOUCH(tp->total_retrans);
	TOUCH(tp->chrono_start);
	TOUCH(tp->chrono_stat[0]);
	TOUCH(tp->srtt_us);
	TOUCH(tp->rtt_min.s[0].v);
	TOUCH(tp->rcv_nxt);
	TOUCH(tp->copied_seq);
	TOUCH(tp->write_seq);
	TOUCH(tp->snd_una);
	TOUCH(tp->lsndtime);
	TOUCH(tp->inet_conn.icsk_ack.lrcvtime);
	TOUCH(sk->sk_shutdown);
}

/* A holder of a connection's socket, or of a listener's. */
static __always_inline void sweep_held(struct connection *c, struct task_struct *task, const struct shared *s)
{
	if (!s->control.seeding)
		sweep_holder(c, task, s->control.window);
	sweep_owner(c, task);
}

/* What is to be done with it besides. */
static __always_inline void sweep_tcp(struct sock *sk, struct tcp_sock *tp, struct connection *c,
				      const struct shared *s, bool locked)
{
	if (!s->control.seeding || s->control.forgetting)
		inherit(predecessors(sk), c);
	if (s->control.forgetting)
		bpf_sk_storage_delete(&predecessor, sk);
	if (c->role == ROLE_LISTENER) {
		owner_used(c->owner, s); /* its children will have it */
		sweep_listener(sk, tp, c, s->control.window);
	}
	if (!s->control.seeding)
		sweep_open(sk, tp, c, s->control.window & REPORTED_WINDOW_MASK, locked);
}
