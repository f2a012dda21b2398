/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel types that the programs read, and only the fields that they read: offsets come from the running
 * kernel's BTF (preserve_access_index), so this header has no kernel version. Every read is a direct typed
 * load, which the verifier turns into an exception-safe one: no probe-read helper, so the programs load under
 * lockdown=confidentiality too. Differences between kernels live here, each with the release that made it.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define AF_INET	    2
#define AF_INET6    10
#define IPPROTO_TCP 6
#define ETH_P_IP    0x0800
#define IPPROTO_UDP 17
#define SOCK_STREAM 1
#define SOCK_DGRAM  2

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

#define ECONNRESET   104
#define ECONNABORTED 103
#define ETIMEDOUT    110
#define ECONNREFUSED 111

#define SHUTDOWN_MASK 3
#define SEND_SHUTDOWN 2
#define SOCK_DONE_BIT 1 /* enum sock_flags: the peer's FIN has been received */
#define SOCK_LINGER_BIT 4 /* … SO_LINGER is on */

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

/* What a sender with something to send is held up by; the time of all three together is the time it was busy.
 */
enum tcp_chrono {
	TCP_CHRONO_UNSPEC,
	TCP_CHRONO_BUSY,
	TCP_CHRONO_RWND_LIMITED,
	TCP_CHRONO_SNDBUF_LIMITED,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	u64 net_cookie; /* 5.12: unique for as long as the kernel runs; inode numbers are reused at once */
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		u8 u6_addr8[16];
		u32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	s64 counter;
} atomic64_t;

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
	atomic64_t skc_cookie; /* 0 until somebody asked for it */
};

typedef struct {
	int counter;
} atomic_t;

typedef struct spinlock {
} spinlock_t;

typedef struct {
	spinlock_t slock; /* its first word is not 0 while it is held; real-time kernels have another one */
	int owned;
} socket_lock_t;

struct sk_buff_head {
	struct sk_buff *prev; /* the last one queued */
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct sk_buff_head sk_error_queue;
	u16 sk_protocol;
	u16 sk_type; /* a field of its own since 5.6 */
	u8 sk_shutdown;
	int sk_err;
	unsigned long sk_lingertime;
	struct socket *sk_socket; /* none before accept() */
	atomic_t sk_drops;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

struct inet_sock {
	u16 inet_sport;
};

struct request_sock {
	struct sock *sk; /* of one in the accept queue: the connection */
};

struct request_sock_queue {
	struct request_sock *rskq_accept_head; /* the one that waits longest */
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	struct {
		u32 lrcvtime; /* jiffies at which payload last came */
	} icsk_ack;
};

struct minmax_sample {
	u32 v;
};

struct minmax {
	struct minmax_sample s[3]; /* the first is the best */
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 segs_in;
	u32 segs_out;
	u32 data_segs_in;
	u32 total_retrans;
	u32 srtt_us; /* eight times the smoothed round trip */
	struct minmax rtt_min; /* microseconds; ~0 before the first sample */
	u32 lsndtime; /* jiffies at which payload last left; before that, at which it was made */
	u32 write_seq;
	u32 chrono_start; /* jiffies at which the running one began */
	u32 chrono_stat[3]; /* jiffies by enum tcp_chrono, less one */
	u8 chrono_type : 2; /* which one is running */
	u32 rcv_nxt;
	u32 copied_seq;
	u32 snd_nxt;
	u32 snd_una;
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_acked;
	u64 bytes_retrans;
};

struct net_device {
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev;
	char cb[48];
	u16 protocol;
	u16 transport_header;
	u16 network_header;
	unsigned char *head;
};

struct tcphdr {
	u16 dest;
};

struct iphdr {
	u32 saddr;
	u32 daddr;
};

struct ipv6hdr {
	struct in6_addr saddr;
	struct in6_addr daddr;
};

struct sock_extended_err {
	u32 ee_errno;
};

struct sock_exterr_skb { /* what cb holds of a queued error */
	struct sock_extended_err ee;
};

struct qstr {
	u32 len;
};

union shortname_store {
	unsigned char string[40];
};

struct super_block {
	u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	union shortname_store d_shortname; /* 6.14 */
};

struct dentry___before_6_14 {
	unsigned char d_iname[32];
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct mm_struct {
	struct file *exe_file;
};

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t euid;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	unsigned int flags;
	int tgid;
	u64 start_boottime;
	u64 self_exec_id; /* counts its execs, and those of its parents before it was forked */
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	const struct cred *cred;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	char comm[16];
};

struct socket {
	struct file *file; /* none of a socket of the kernel's own */
	struct sock *sk;
};

struct udp_sock {
	struct inet_sock inet;
};

struct bpf_iter_meta {
	u64 session_id;
};

struct bpf_map {
	u32 id;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

static __always_inline bool is_internet(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6;
}

/* A protocol's number alone does not tell: raw sockets have them too, and netlink has numbers of its own. */
static __always_inline bool is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM && is_internet(sk);
}

static __always_inline bool is_udp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_UDP && sk->sk_type == SOCK_DGRAM && is_internet(sk);
}

/*
 * A pointer that the kernel gives as a number, or that nobody holds, read as what lies there: typed loads,
 * made safe by the verifier (6.3). Weak, so that a kernel without it refuses those programs only that call
 * it.
 */
extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;

/* A process by its number in the first namespace of processes, held until it is released (6.2). */
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
