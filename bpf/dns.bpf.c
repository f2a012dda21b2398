// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * DNS: messages on the ports that the agent names, at both ends of every socket of this host. The only
 * programs that copy payload; switched off, nothing does. They let every packet pass.
 *
 * What is sent comes, with rare exceptions, in its sender's context: who that is, is kept with the socket,
 * for what the socket receives. A server that has sent nothing yet is known by its bind, or from a file table
 * (the sweep). A TCP socket's owner is known from its lifecycle already.
 */
#include "connection.h"
#include "dns.h"
#include "packet.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

#define PACKET_PASSES 1
#define SOCKET_BINDS  1

/* The agent sets it where the kernel tells these programs a packet's network namespace: 6.15 and later. */
const volatile bool tells_netns_cookie __weak = false;

/* The type that the agent reads and no map holds: a variable of it brings it into the object's BTF. */
const volatile struct {
	struct dns_packet packet;
} dns_told_as = {};

#define DNS_HEADER_LENGTH 12
#define DNS_LENGTH_LENGTH 2 /* what stands before a message on TCP */
#define DNS_FLAGS_AT	  2
#define DNS_FLAG_RESPONSE 0x80
/* Messages of one TCP segment that are told; what follows is counted as unread. */
#define DNS_MESSAGES_PER_SEGMENT_MAX 4

struct payload {
	u32 at;
	u32 length;
	u32 sequence; /* TCP */
	u16 source_port;
	u16 destination_port;
};

static __always_inline bool payload_of(struct __sk_buff *skb, const struct network_part *n, struct payload *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct udp_header *udp = data + n->at;
	struct tcp_header *tcp = data + n->at;

	if ((void *)(udp + 1) > end)
		return false;
	p->source_port = bpf_ntohs(udp->source);
	p->destination_port = bpf_ntohs(udp->destination);
	p->at = n->at + sizeof(*udp);
	if (n->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end)
			return false;
		p->sequence = bpf_ntohl(tcp->sequence);
		p->at = n->at + ((tcp->offset >> 4) << 2);
	}
	if (skb->len <= p->at)
		return false; /* a mere acknowledgement */
	p->length = skb->len - p->at;
	return true;
}

/* The namespace of the task that sends, which is the socket's unless it has moved since. */
static __always_inline u32 sender_netns(struct __sk_buff *skb, struct task_struct *task)
{
	struct nsproxy *namespaces = task->nsproxy;
	struct net *net = namespaces ? namespaces->net_ns : 0;
	u64 cookie;

	if (!tells_netns_cookie)
		return netns_id(net);
	cookie = bpf_get_netns_cookie(skb);
	return net && net->net_cookie == cookie ? netns_id(net) : netns_id_of_cookie(cookie);
}

static __always_inline u32 receiver_netns(struct __sk_buff *skb, const struct dns_socket *d)
{
	struct shared *s = shared_state();

	if (d && d->netns)
		return d->netns;
	if (tells_netns_cookie)
		return netns_id_of_cookie(bpf_get_netns_cookie(skb));
	return s && s->control.scoped ? NETNS_IGNORED : 0;
}

/* Null when this instance does not look at its namespace, or there is no memory for it. */
static __noinline struct dns_socket *dns_socket_of(struct __sk_buff *skb, struct bpf_sock *sk, bool sent)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dns_socket *d = bpf_sk_storage_get(&dns_sockets, sk, 0, 0);
	struct connection *c = bpf_sk_storage_get(&connections, sk, 0, 0);
	struct shared *s = shared_state();
	u32 netns;

	/* TCP sends when an acknowledgement comes, too: whoever runs then has nothing to do with it. */
	sent = sent && sk->protocol != IPPROTO_TCP;
	if (c)
		netns = c->netns;
	else
		netns = sent ? sender_netns(skb, task) : receiver_netns(skb, d);
	if (netns == NETNS_IGNORED)
		return 0;
	if (!d)
		d = bpf_sk_storage_get(&dns_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!d) {
		lose(LOSS_DNS_SOCKETS_UNTRACKED, 1);
		return 0;
	}
	if (c) {
		d->netns = netns;
		d->owner = c->owner;
		d->pid = c->pid;
		d->pid_started_ns = c->pid_started_ns;
		d->attribution = c->attribution;
	} else if (sent) {
		dns_socket_owned_by(d, task, netns, OWNER_EXACT);
	} else if (s && !owner_used(d->owner, s)) {
		d->owner = 0; /* its number was taken back: the sweep finds out whose it is */
		d->attribution = OWNER_UNKNOWN;
	}
	return d;
}

/* Queries and responses have a bucket each, so that a flood of one does not make the other look missing. */
static __always_inline bool message_allowed(struct shared *s, u8 flags, u64 now)
{
	bool response = flags & DNS_FLAG_RESPONSE;

	if (event_allowed(s, response ? EVENT_DNS_RESPONSE : EVENT_DNS_QUERY, now))
		return true;
	lose(response ? LOSS_DNS_RESPONSES_SUPPRESSED : LOSS_DNS_QUERIES_SUPPRESSED, 1);
	return false;
}

/* One message: `here` of its `head->length` bytes are in this packet, at `at`. */
static __noinline int tell_message(struct __sk_buff *skb, const struct dns_head *head, u32 at, u32 here)
{
	struct shared *s = shared_state();
	struct dns_packet *p;
	u32 last = here;
	u8 flags;

	if (!s || !head || !here || bpf_skb_load_bytes(skb, at + DNS_FLAGS_AT, &flags, sizeof(flags)))
		return 0;
	if (!message_allowed(s, flags, head->at_ns))
		return 0;
	p = bpf_ringbuf_reserve(&dns_packets, sizeof(*p), 0);
	if (!p) {
		lose(LOSS_DNS_RING_FULL, 1);
		return 0;
	}
	if (last > DNS_MESSAGE_MAX)
		last = DNS_MESSAGE_MAX;
	last--;
	asm volatile("" : "+r"(last)); /* 6.1 wants its bounds in this register, and nowhere else */
	last &= DNS_MESSAGE_MAX - 1;
	if (bpf_skb_load_bytes(skb, at, p->message, last + 1)) {
		bpf_ringbuf_discard(p, BPF_RB_NO_WAKEUP);
		lose(LOSS_DNS_SEGMENTS_UNREAD, 1);
		return 0;
	}
	p->head = *head;
	p->head.captured = last + 1;
	p->head.number = __sync_fetch_and_add(&s->dns_told, 1);
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void on_datagram(struct __sk_buff *skb, struct dns_head *head, const struct payload *p)
{
	if (p->length < DNS_HEADER_LENGTH)
		return;
	head->length = p->length;
	tell_message(skb, head, p->at, p->length);
}

/*
 * Messages begin where the one before ends. One whose head is in one segment is told, as far as that segment
 * goes; what a segment continues or repeats is not told again.
 */
static __noinline u32 on_segment(struct __sk_buff *skb, struct dns_head *head, const struct payload *p,
				u32 at)
{
	u32 start = p->sequence, end = start + p->length;
	u16 length;

	if ((int)(at - start) < 0) {
		lose(LOSS_DNS_SEGMENTS_UNREAD, 1); /* the one before it comes later */
		return at;
	}
	for (int i = 0; i < DNS_MESSAGES_PER_SEGMENT_MAX; i++) {
		if ((int)(end - at) <= 0)
			return at;
		if (end - at < DNS_LENGTH_LENGTH ||
		    bpf_skb_load_bytes(skb, p->at + (at - start), &length, sizeof(length)))
			break;
		length = bpf_ntohs(length);
		if (length < DNS_HEADER_LENGTH)
			break;
		if (end - at < DNS_LENGTH_LENGTH + DNS_HEADER_LENGTH) {
			lose(LOSS_DNS_SEGMENTS_UNREAD, 1);
			return at + DNS_LENGTH_LENGTH + length;
		}
		head->length = length;
		at += DNS_LENGTH_LENGTH;
		tell_message(skb, head, p->at + (at - start), end - at < length ? end - at : length);
		at += length;
	}
	if ((int)(end - at) <= 0)
		return at;
	lose(LOSS_DNS_SEGMENTS_UNREAD, 1);
	return end;
}

static __always_inline bool head_of(struct __sk_buff *skb, u8 version, const struct payload *p,
				    struct dns_head *head)
{
	bool sent = head->direction == DIRECTION_EGRESS;
	u32 *local = (u32 *)head->local, *remote = (u32 *)head->remote;

	head->local_port = sent ? p->source_port : p->destination_port;
	head->remote_port = sent ? p->destination_port : p->source_port;
	if (sent)
		return addresses_of(skb, version, local, remote);
	return addresses_of(skb, version, remote, local);
}

static __always_inline void told_by(struct dns_head *head, const struct dns_socket *d)
{
	head->netns = d->netns;
	head->owner = d->owner;
	head->pid = d->pid;
	head->pid_started_ns = d->pid_started_ns;
	head->attribution = d->attribution;
}

static __always_inline int on_packet(struct __sk_buff *skb, bool sent)
{
	struct shared *s = shared_state();
	struct network_part n;
	struct dns_socket *d;
	struct dns_head head;
	struct payload p;
	struct bpf_sock *sk;

	if (!network_part_of(skb, &n) || (n.protocol != IPPROTO_UDP && n.protocol != IPPROTO_TCP))
		return PACKET_PASSES;
	if (!s || !payload_of(skb, &n, &p) || !is_dns_port(s, p.source_port, p.destination_port))
		return PACKET_PASSES;
	sk = skb->sk;
	if (sk)
		sk = bpf_sk_fullsock(sk);
	__builtin_memset(&head, 0, sizeof(head)); /* here: most packets have left */
	head.direction = sent ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	if (!sk || !counting() || !head_of(skb, n.version, &p, &head))
		return PACKET_PASSES;
	d = dns_socket_of(skb, sk, sent);
	if (!d)
		return PACKET_PASSES;
	told_by(&head, d);
	head.at_ns = bpf_ktime_get_ns();
	head.cookie = bpf_get_socket_cookie(skb);
	head.transport = n.protocol;
	if (n.protocol == IPPROTO_UDP) {
		on_datagram(skb, &head, &p);
		return PACKET_PASSES;
	}
	d->next[sent] = on_segment(skb, &head, &p, d->in_step[sent] ? d->next[sent] : p.sequence);
	d->in_step[sent] = 1;
	return PACKET_PASSES;
}

SEC("cgroup_skb/egress")
int dns_sent(struct __sk_buff *skb)
{
	return on_packet(skb, true);
}

SEC("cgroup_skb/ingress")
int dns_received(struct __sk_buff *skb)
{
	return on_packet(skb, false);
}

/* A server's socket, in the context of the task that binds it; that may hand it on before it sends. */
static __always_inline int on_bind(struct bpf_sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct nsproxy *namespaces = task->nsproxy;
	struct shared *s = shared_state();
	struct dns_socket *d;
	struct net *net;
	u32 netns;

	if (!s || sk->protocol != IPPROTO_UDP || !is_dns_port(s, sk->src_port, sk->src_port) || !namespaces)
		return SOCKET_BINDS;
	net = namespaces->net_ns;
	if (!net || net->net_cookie != bpf_get_netns_cookie(sk))
		return SOCKET_BINDS;
	netns = netns_id(net);
	if (netns == NETNS_IGNORED)
		return SOCKET_BINDS;
	d = bpf_sk_storage_get(&dns_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (d)
		dns_socket_owned_by(d, task, netns, OWNER_EXACT);
	return SOCKET_BINDS;
}

SEC("cgroup/post_bind4")
int dns_bound4(struct bpf_sock *sk)
{
	return on_bind(sk);
}

SEC("cgroup/post_bind6")
int dns_bound6(struct bpf_sock *sk)
{
	return on_bind(sk);
}
