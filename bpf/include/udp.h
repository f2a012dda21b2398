/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * UDP flows: one socket and one remote, from the first datagram until the socket is closed, an ICMP error
 * refuses it, or nothing came for a while.
 *
 * Windows have a map each, a and b in turn (control.window's parity says which is live), so that one window's
 * flows are at rest when the sweep reads them: no datagram is added to an element that is being read or
 * deleted, and none is reused under a reader. A flow that goes on is carried from the window before into the
 * live map, by its next datagram or by the sweep, whichever comes first; one compare-and-swap of its status
 * decides, as it decides whether a flow that has gone quiet has ended or goes on.
 */
#pragma once

#include "flow.h"
#include "netns.h"
#include "owner.h"

/* What is known of a UDP socket. */
struct udp_socket {
	u64 sender; /* owner's number and, above it, the process: one word, or two senders would mix */
	u64 older_ns; /* it was there when we came, at this time; 0: we saw it made */
	u64 cookie; /* of those that sent or received */
	u32 netns;
	u8 attribution;
	u8 has_flows; /* in one of the maps: their end is to be told when it is closed */
	u8 exec; /* of the sender, as a connection's */
	u8 held; /* a connection's, its last bits */
};

#define SENDER_OWNER(sender) ((u32)(sender))
#define SENDER_PID(sender)   ((u32)((sender) >> 32))

/*
 * udp_sockets: who holds a UDP socket, and in which network namespace it is.
 * Key: the socket. Value: struct udp_socket.
 * Inserts: socket(), the sweep (older ones), a datagram sent (those that are in no file table).
 * Deletes: the kernel, with the socket. Full: no memory; what the socket sends and receives is
 * LOSS_UDP_SOCKETS_UNKNOWN.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps") __weak;

struct udp_flow_key {
	u64 cookie;
	u8 remote[16];
	u16 remote_port;
	u16 local_port;
	u32 netns;
};

enum udp_status {
	UDP_OPEN,
	UDP_CARRIED, /* it goes on in the map of the window behind this one */
	UDP_ENDED, /* by refusal, or by the sweep: its next datagram opens a flow anew */
};

/* A flow within one window. */
struct udp_flow {
	u64 bytes_sent;
	u64 bytes_received;
	u64 datagrams_sent;
	u64 datagrams_received;
	u64 quiet_since_ns; /* end of the last window in which it had a datagram */
	u32 owner;
	u32 status;
	u32 opened; /* refused, it may open again within the window */
	u32 adopted;
	u32 refused;
	u8 direction;
	u8 attribution;
	u8 continued; /* carried over, not opened in this window */
	u8 padding;
	u8 local[16];
};

/*
 * udp_flows_a, udp_flows_b: the flows of one window; one is live while the other is read.
 * Key: struct udp_flow_key. Value: struct udp_flow.
 * Inserts: a datagram (the flow's first, or its first in this window); the sweep, what goes on without one.
 * Deletes: the sweep, each element once it is counted in the closing window's rows.
 * Full: a datagram without a flow is counted in its owner's row all the same (LOSS_UDP_FLOWS_FULL); a flow
 * that cannot be carried over ends (LOSS_UDP_FLOWS_CUT).
 */
struct udp_flow_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, UDP_FLOWS_MAX);
	__type(key, struct udp_flow_key);
	__type(value, struct udp_flow);
} udp_flows_a SEC(".maps") __weak, udp_flows_b SEC(".maps") __weak;

/*
 * udp_released: sockets that were closed and had flows; room for those of four windows.
 * Key: socket cookie. Value: the newest window whose closing had begun.
 * Inserts: the socket's release. Deletes: the sweep, one window later than it has ended the flows: a datagram
 * that was under way may have opened another. Full: the flows end by idleness
 * instead.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4 * UDP_FLOWS_MAX);
	__type(key, u64);
	__type(value, u32);
} udp_released SEC(".maps") __weak;

/* One datagram, or several that the kernel handles as one. */
struct udp_datagrams {
	struct udp_flow_key key;
	u8 local[16];
	u32 bytes;
	u32 count;
	u8 direction;
};

static __always_inline void udp_owned_by(struct udp_socket *u, struct task_struct *task, u8 attribution)
{
	struct shared *s = shared_state();
	u32 owner = owner_id(task);

	u->sender = (u64)task->tgid << 32 | owner;
	u->exec = task->self_exec_id;
	u->held = s ? s->control.window : 0;
	u->attribution = owner ? attribution : OWNER_UNKNOWN;
}

static __always_inline bool is_sender(const struct udp_socket *u, const struct task_struct *task)
{
	return SENDER_PID(u->sender) == (u32)task->tgid && u->exec == (u8)task->self_exec_id;
}

static __always_inline struct udp_flow *udp_lookup(u32 window, const struct udp_flow_key *key)
{
	return window & 1 ? bpf_map_lookup_elem(&udp_flows_b, key) : bpf_map_lookup_elem(&udp_flows_a, key);
}

static __always_inline long udp_insert(u32 window, const struct udp_flow_key *key, const struct udp_flow *f)
{
	return window & 1 ? bpf_map_update_elem(&udp_flows_b, key, f, BPF_NOEXIST)
			  : bpf_map_update_elem(&udp_flows_a, key, f, BPF_NOEXIST);
}

/* What of a flow goes on in another window's map. */
static __always_inline void udp_continue(struct udp_flow *next, const struct udp_flow *f, u64 quiet_since_ns)
{
	next->status = UDP_OPEN;
	next->continued = 1;
	next->quiet_since_ns = quiet_since_ns;
	next->owner = f->owner;
	next->direction = f->direction;
	next->attribution = f->attribution;
	__builtin_memcpy(next->local, f->local, sizeof(next->local));
}

static __always_inline u64 udp_idle_ns(const struct shared *s)
{
	return s->control.udp_idle_ms * 1000000ull;
}

static __always_inline u32 udp_window(void)
{
	struct shared *s = shared_state();

	return s ? *(volatile u32 *)&s->control.window : 0;
}

static __always_inline void udp_row_key(struct flow_key *row, const struct udp_flow_key *key,
					const struct udp_flow *f, u8 state)
{
	struct shared *s = shared_state();

	row->netns = key->netns;
	row->owner = f->owner;
	row->direction = f->direction;
	row->transport = IPPROTO_UDP;
	row->state = state;
	row->form = FORM_EXACT;
	row->attribution = f->attribution;
	if (f->direction == DIRECTION_EGRESS) {
		row->service_port = key->remote_port;
		__builtin_memcpy(row->destination, key->remote, sizeof(row->destination));
	} else {
		row->service_port = key->local_port;
		__builtin_memcpy(row->source, key->remote, sizeof(row->source));
		__builtin_memcpy(row->destination, f->local, sizeof(row->destination));
		if (public_address((u32 *)row->source)) {
			to_prefix((u32 *)row->source);
			row->form = FORM_PREFIX;
		}
	}
	if (s)
		owner_used(f->owner, s);
	if (s && !s->control.detail_closed && state != STATE_REFUSED) {
		to_nothing(remote_of(row));
		row->form = FORM_FOLDED;
	}
}
