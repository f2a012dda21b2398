// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Sweep: every socket in every file table. Once at start it makes records for what is older than us
 * (seeding); at each window's end it reports what is still open into the window being closed, names the
 * holder of a socket (of an accepted one, of one that its owner has left, of a UDP one), and looks at every
 * listener.
 * It does not see children not yet accepted, orphans and kernel sockets: these are told when they end. Not
 * with iter/bpf_sk_storage_map: that one panics 7.x kernels under churn.
 *
 * Mostly it is one program, `sweep`. A kernel may let a program read what it reached through a file, and no
 * more (`reaches_socket` is how the agent finds out): then the sweep has two parts. The first notes who has
 * which socket in its file table; the second meets the sockets themselves, one network namespace after the
 * other, and asks for their holders.
 *
 * Refusals are here because they too call bpf_rdonly_cast: libbpf's linker (1.1) lets one object only have an
 * external function.
 */
#include "holder.h"
#include "refusal.h"
#include "stand_in.h"
#include "sweep.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

static __always_inline void swept_by(struct shared *s)
{
	u32 sweeper = bpf_get_current_pid_tgid() >> 32;

	if (s->sweeper != sweeper)
		s->sweeper = sweeper; /* a line that others read */
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);

	return socket ? socket->sk : 0;
}

SEC("iter/task_file")
int sweep(struct bpf_iter__task_file *ctx)
{
	struct shared *s = shared_state();
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct connection *c;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!task || !file || !s)
		return 0;
	swept_by(s);
	sk = sock_of(file);
	if (!sk)
		return 0;
	if (is_udp(sk)) {
		if (s->control.dns)
			sweep_dns(sk, task, s);
		if (s->control.udp)
			sweep_udp(sk, task, s);
	}
	if (!is_tcp(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	touch(sk, tp);
	c = connection_of(sk);
	if (!c)
		c = sweep_adopt(sk, tp);
	if (!c)
		return 0;
	sweep_held(c, task, s);
	sweep_tcp(sk, tp, c, s, false);
	return 0;
}

/* Loaded alone, to see whether the kernel takes it; never attached. */
SEC("iter/task_file")
int reaches_socket(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file; /* read once: the verifier knows of this one that it is there */
	struct sock *sk;

	if (!file)
		return 0;
	sk = sock_of(file);
	if (sk)
		bpf_sk_storage_get(&connections, sk, 0, 0);
	return 0;
}

SEC("iter/task_file")
int sweep_holders(struct bpf_iter__task_file *ctx)
{
	struct shared *s = shared_state();
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	u32 walk;
	u64 cookie;

	if (!s)
		return 0;
	swept_by(s);
	walk = ctx->meta->session_id;
	if (s->walk != walk)
		s->walk = walk;
	if (!task || !file) { /* once, at the end */
		bpf_for_each_map_elem(&holders, holder_gone, &walk, 0);
		return 0;
	}
	sk = sock_of(file);
	if (!sk)
		return 0;
	if (!is_tcp(sk) && !(is_udp(sk) && (s->control.dns || s->control.udp)))
		return 0;
	if (netns_id(sk->__sk_common.skc_net.net) == NETNS_IGNORED)
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	if (cookie)
		holder_met(s, cookie, task->tgid);
	return 0;
}

/* In a file table, or on the way there; a kernel's own has no file, a subflow of MPTCP another's. */
static __always_inline bool has_file(const struct sock *sk)
{
	struct socket *socket = sk->sk_socket;

	return socket && socket->file && (u64)socket->sk == (u64)sk;
}

SEC("iter/tcp")
int sweep_sockets(struct bpf_iter__tcp *ctx)
{
	struct shared *s = shared_state();
	struct sock_common *common = ctx->sk_common;
	struct task_struct *task;
	struct connection *c;
	struct tcp_sock *tp;
	struct sock *sk;
	u32 thread;

	if (!s)
		return 0;
	swept_by(s);
	thread = common ? (u32)bpf_get_current_pid_tgid() : 0;
	if (s->sweeper_thread != thread)
		s->sweeper_thread = thread;
	tp = common ? bpf_skc_to_tcp_sock(common) : 0;
	sk = (struct sock *)tp;
	if (!sk || !has_file(sk) || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	c = connection_of(sk);
	if (!c)
		c = sweep_adopt(sk, tp);
	if (!c)
		return 0;
	for (int others = 0; others < 2; others++) {
		task = holder_of(s, sk, others ? 0 : c->pid);
		if (!task)
			continue;
		sweep_held(c, task, s);
		bpf_task_release(task);
	}
	sweep_tcp(sk, tp, c, s, true);
	return 0;
}

SEC("iter/udp")
int sweep_datagrams(struct bpf_iter__udp *ctx)
{
	struct shared *s = shared_state();
	struct sock *sk = (struct sock *)ctx->udp_sk;
	struct udp_socket *u;
	struct task_struct *task;

	if (!s || !sk || !has_file(sk) || !is_udp(sk))
		return 0;
	swept_by(s);
	u = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	for (int others = 0; others < 2; others++) {
		task = holder_of(s, sk, others || !u ? 0 : SENDER_PID(u->sender));
		if (!task)
			continue;
		if (s->control.dns)
			sweep_dns(sk, task, s);
		if (s->control.udp)
			sweep_udp(sk, task, s);
		bpf_task_release(task);
	}
	return 0;
}

/* A segment that found no socket. */
static __always_inline void on_tcp_attempt_refused(unsigned long long *arguments)
{
	if (!arguments[0])
		count_refusal((void *)arguments[1]);
}

STOOD_IN_FOR(tcp_send_reset, tcp_attempt_refused, TELLS_REFUSAL, arguments[1])
