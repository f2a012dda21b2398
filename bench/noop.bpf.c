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
