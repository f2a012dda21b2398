// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * What any program on Sonde's hooks costs, before it does anything: a twin of every program that a signal
 * attaches, under its name. The benchmark compares what is attached; one that is missing here stops it.
 */
#include "kernel.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_changed, const struct sock *sk, int before, int after)
{
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_reset_sent, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(tcp_error_noted, const struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmitted, const struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcp_synack_retransmitted, const struct sock *sk)
{
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_attempt_refused, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(udp_error_noted, const struct sock *sk)
{
	return 0;
}

/* On the root of the control groups: 1 lets pass. */
#define NOTHING(name, section, context)                                                                      \
	SEC(section) int name(context *ctx)                                                                  \
	{                                                                                                    \
		return 1;                                                                                    \
	}

NOTHING(dns_sent, "cgroup_skb/egress", struct __sk_buff)
NOTHING(dns_received, "cgroup_skb/ingress", struct __sk_buff)
NOTHING(dns_bound4, "cgroup/post_bind4", struct bpf_sock)
NOTHING(dns_bound6, "cgroup/post_bind6", struct bpf_sock)
NOTHING(udp_sent, "cgroup_skb/egress", struct __sk_buff)
NOTHING(udp_received, "cgroup_skb/ingress", struct __sk_buff)
NOTHING(udp_socket_made, "cgroup/sock_create", struct bpf_sock)
NOTHING(udp_socket_released, "cgroup/sock_release", struct bpf_sock)
