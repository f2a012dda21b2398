// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * UDP: every datagram that a socket sends or is given, in all network namespaces, as sums of its flow. Most
 * packets are TCP: they are told by one look at the IP header, and cost nothing more.
 *
 * Sent is seen before fragmentation, received after reassembly, by the socket's own hook: a datagram for
 * several sockets (multicast) counts for each. What a full receive buffer drops was given, and counts.
 */
#include "connection.h"
#include "datagram.h"
#include "stand_in.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

/*
 * The two ends as the application knows them. What goes out has been through netfilter: its source port and,
 * where the socket is connected, its destination are the socket's, whatever address translation made of them.
 * What comes in has been translated back.
 */
static __always_inline void udp_ends(struct udp_datagrams *d, struct bpf_sock *sk)
{
	u32 *remote = (u32 *)d->key.remote;

	d->key.local_port = sk->src_port;
	if (d->direction != DIRECTION_EGRESS || !sk->dst_port)
		return;
	d->key.remote_port = bpf_ntohs(sk->dst_port);
	if (sk->family == AF_INET) {
		mapped(d->key.remote, sk->dst_ip4);
		return;
	}
	remote[0] = sk->dst_ip6[0];
	remote[1] = sk->dst_ip6[1];
	remote[2] = sk->dst_ip6[2];
	remote[3] = sk->dst_ip6[3];
}

/*
 * Who sends: the task in whose context the datagram goes out. A user's socket is sent from by system calls
 * only (and io_uring's threads, which are the user's); a kernel thread names nobody but a socket of its own.
 */
static __always_inline void udp_sent_by(struct udp_socket *s, struct task_struct *task)
{
	struct shared *shared = shared_state();
	u32 owner = SENDER_OWNER(s->sender);
	bool kernel = task->flags & PF_KTHREAD;

	if (!shared)
		return;
	if (kernel && owner && (s->attribution != OWNER_KERNEL || owner_used(owner, shared)))
		return;
	if (!kernel && s->attribution == OWNER_EXACT && is_sender(s, task) && owner_used(owner, shared))
		return;
	udp_owned_by(s, task, kernel ? OWNER_KERNEL : OWNER_EXACT);
}

/* Of a socket that is older than us and in no file table; its namespace is taken for its sender's. */
static __always_inline struct udp_socket *udp_socket_met(struct bpf_sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct udp_socket blank = {.older_ns = bpf_ktime_get_ns()};
	struct nsproxy *namespaces = task->nsproxy; /* a task that has exited has none */

	if (sk->protocol != IPPROTO_UDP || sk->type != SOCK_DGRAM || !namespaces)
		return 0;
	blank.netns = netns_id(namespaces->net_ns);
	return bpf_sk_storage_get(&udp_sockets, sk, &blank, BPF_SK_STORAGE_GET_F_CREATE);
}

/* There is no room for it in the live map: it ends here, in a row that is told with the live window. */
static __noinline void udp_cut(const struct udp_flow_key *key, const struct udp_flow *f)
{
	struct flow_key row_key = {};
	struct flow *row;

	udp_row_key(&row_key, key, f, STATE_CLOSED);
	row = flow_row(FLOWS_LIVE, &row_key); /* added to in place: no stack for a struct delta */
	if (row)
		__sync_fetch_and_add(&row->ended, 1);
	lose(LOSS_UDP_FLOWS_CUT, 1);
}

/* The flow's element in the live map, carried over if it is that of the window before; 0: there is no flow. */
static __noinline struct udp_flow *udp_find(const struct udp_flow_key *key, u32 window)
{
	struct udp_flow *f = udp_lookup(window, key), *before;
	struct udp_flow next = {};

	if (f)
		return f;
	before = udp_lookup(window + 1, key);
	if (!before)
		return 0;
	if (udp_window() != window)
		return before; /* closed since `window` was read: this one is in the live map */
	if (__sync_val_compare_and_swap(&before->status, UDP_OPEN, UDP_CARRIED) == UDP_ENDED)
		return 0;
	udp_continue(&next, before, before->quiet_since_ns);
	udp_insert(window, key, &next);
	f = udp_lookup(window, key); /* ours, or the one that the sweep or another CPU was quicker with */
	if (!f && __sync_val_compare_and_swap(&before->status, UDP_CARRIED, UDP_ENDED) == UDP_CARRIED)
		udp_cut(key, &next);
	return f;
}

static __always_inline void udp_add(struct udp_flow *f, const struct udp_datagrams *d)
{
	if (d->direction == DIRECTION_EGRESS) {
		__sync_fetch_and_add(&f->bytes_sent, d->bytes);
		__sync_fetch_and_add(&f->datagrams_sent, d->count);
	} else {
		__sync_fetch_and_add(&f->bytes_received, d->bytes);
		__sync_fetch_and_add(&f->datagrams_received, d->count);
	}
}

/*
 * A flow's first datagram. Whoever sent it opened the flow; on a socket that was there before us, not longer
 * than a flow may be quiet, it may be in the midst of one: then the service is at the lower port.
 */
static __noinline void udp_open(struct udp_flow *f, const struct udp_socket *s, const struct udp_datagrams *d)
{
	struct shared *shared = shared_state();
	u64 now = bpf_ktime_get_ns();

	look_for_agent(now);
	f->owner = SENDER_OWNER(s->sender);
	f->attribution = s->attribution;
	f->quiet_since_ns = now;
	f->direction = d->direction;
	__builtin_memcpy(f->local, d->local, sizeof(f->local));
	if (s->older_ns && shared && now - s->older_ns < udp_idle_ns(shared)) {
		f->adopted = 1;
		f->direction = d->key.local_port < d->key.remote_port ? DIRECTION_INGRESS
									 : DIRECTION_EGRESS;
	} else {
		f->opened = 1;
	}
}

/* No room for a flow: bytes and datagrams are counted where the flow's would be. */
static __noinline void udp_count_alone(const struct udp_flow *f, const struct udp_datagrams *d)
{
	struct flow_key key = {};
	struct flow *row;

	udp_row_key(&key, &d->key, f, STATE_CLOSED);
	row = flow_row(FLOWS_LIVE, &key);
	if (row && d->direction == DIRECTION_EGRESS) {
		__sync_fetch_and_add(&row->bytes_sent, d->bytes);
		__sync_fetch_and_add(&row->segments_sent, d->count);
	} else if (row) {
		__sync_fetch_and_add(&row->bytes_received, d->bytes);
		__sync_fetch_and_add(&row->segments_received, d->count);
	}
	lose(LOSS_UDP_FLOWS_FULL, d->count);
}

/* As a connection: it was told under who opened it; from this window on whoever has the socket counts. */
static __always_inline bool udp_has_moved(const struct udp_flow *f, const struct udp_socket *s)
{
	u32 owner = SENDER_OWNER(s->sender);

	return owner && owner != f->owner && f->continued && !f->datagrams_sent && !f->datagrams_received;
}

static __always_inline void udp_count(struct udp_socket *s, const struct udp_datagrams *d)
{
	u32 window = udp_window();
	struct udp_flow *f = udp_find(&d->key, window), new = {};

	if (!f) {
		udp_open(&new, s, d);
		udp_add(&new, d);
		if (!udp_insert(window, &d->key, &new)) {
			s->has_flows = 1;
			return;
		}
		f = udp_lookup(window, &d->key); /* another CPU was quicker, or there is no room */
		if (!f) {
			udp_count_alone(&new, d);
			return;
		}
	}
	if (f->status == UDP_ENDED &&
	    __sync_val_compare_and_swap(&f->status, UDP_ENDED, UDP_OPEN) == UDP_ENDED)
		__sync_fetch_and_add(&f->opened, 1);
	if ((f->attribution != s->attribution && f->attribution != OWNER_EXACT) || udp_has_moved(f, s)) {
		f->owner = SENDER_OWNER(s->sender); /* more is known by now, or it is another's */
		f->attribution = s->attribution;
	}
	udp_add(f, d);
}

static __always_inline int udp_datagram(struct __sk_buff *skb, u8 direction)
{
	struct udp_datagrams d;
	struct bpf_sock *sk = skb->sk;
	struct udp_socket *s;

	if (!sk || !may_be_udp(skb))
		return 1;
	__builtin_memset(&d, 0, sizeof(d));
	d.direction = direction;
	if (!udp_read(skb, &d) || !counting())
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	s = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	if (!s && direction == DIRECTION_EGRESS)
		s = udp_socket_met(sk);
	if (!s) {
		if (sk->protocol == IPPROTO_UDP && sk->type == SOCK_DGRAM)
			lose(LOSS_UDP_SOCKETS_UNKNOWN, d.count);
		return 1;
	}
	if (s->netns == NETNS_IGNORED)
		return 1;
	if (direction == DIRECTION_EGRESS)
		udp_sent_by(s, bpf_get_current_task_btf());
	if (!s->cookie)
		s->cookie = bpf_get_socket_cookie(skb);
	udp_ends(&d, sk);
	d.key.cookie = s->cookie;
	d.key.netns = s->netns;
	udp_count(s, &d);
	return 1;
}

/* Always let through: 1. */
SEC("cgroup_skb/egress")
int udp_sent(struct __sk_buff *skb)
{
	return udp_datagram(skb, DIRECTION_EGRESS);
}

SEC("cgroup_skb/ingress")
int udp_received(struct __sk_buff *skb)
{
	return udp_datagram(skb, DIRECTION_INGRESS);
}

/* socket(): always in the context, and in the network namespace, of its maker. */
SEC("cgroup/sock_create")
int udp_socket_made(struct bpf_sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct nsproxy *namespaces = task->nsproxy;
	struct udp_socket new = {};

	if (sk->type != SOCK_DGRAM || sk->protocol != IPPROTO_UDP || !namespaces || !counting())
		return 1;
	new.netns = netns_id(namespaces->net_ns);
	if (new.netns != NETNS_IGNORED)
		udp_owned_by(&new, task, OWNER_INHERITED);
	bpf_sk_storage_get(&udp_sockets, sk, &new, BPF_SK_STORAGE_GET_F_CREATE);
	if (sweeps_in_two)
		bpf_get_socket_cookie(sk); /* as give_cookie, for a socket of TCP */
	return 1;
}

SEC("cgroup/sock_release")
int udp_socket_released(struct bpf_sock *sk)
{
	struct udp_socket *s;
	u32 window = udp_window();
	u64 cookie;

	if (sk->protocol != IPPROTO_UDP)
		return 1;
	s = bpf_sk_storage_get(&udp_sockets, sk, 0, 0);
	if (!s || !s->has_flows)
		return 1;
	cookie = s->cookie;
	bpf_map_update_elem(&udp_released, &cookie, &window, BPF_ANY);
	return 1;
}

/* The flow ends, unless it has ended already: the error may be told of twice. */
static __noinline bool udp_refuse(const struct udp_flow_key *key)
{
	struct udp_flow *f = udp_find(key, udp_window());
	u32 was;

	if (!f)
		return true;
	was = __sync_val_compare_and_swap(&f->status, UDP_OPEN, UDP_ENDED);
	if (was == UDP_OPEN)
		__sync_fetch_and_add(&f->refused, 1);
	return was != UDP_CARRIED;
}

/*
 * ICMP port unreachable for a connected socket. Of one that is not connected the kernel tells only who asked
 * for it (IP_RECVERR), and not here to whom the datagram went.
 */
static __always_inline void on_udp_error_noted(unsigned long long *arguments)
{
	const struct sock *sk = (void *)arguments[0];
	struct udp_flow_key key = {};
	struct udp_socket *s;

	if (sk->sk_protocol != IPPROTO_UDP || sk->sk_err != ECONNREFUSED || !sk->__sk_common.skc_dport)
		return;
	s = bpf_sk_storage_get(&udp_sockets, (void *)sk, 0, 0);
	if (!s || !s->cookie || s->netns == NETNS_IGNORED || !counting())
		return;
	key.cookie = s->cookie;
	key.netns = s->netns;
	key.remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	key.local_port = sk->__sk_common.skc_num;
	remote_address(sk, key.remote);
	if (!udp_refuse(&key))
		udp_refuse(&key); /* the window was being closed: now it is found in the next one */
}

/* A socket is told of errors on several CPUs at once; each is within one task. */
STOOD_IN_FOR(inet_sk_error_report, udp_error_noted, TELLS_UDP_ERROR, bpf_get_current_task())
