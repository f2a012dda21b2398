/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Flow rows: the sums of a window. A connection touches them once, when it ends, and once per sweep while it
 * stays open. When rows run out they fold, one rung at a time, so that sums stay exact and one scanner does
 * not hide everyone else.
 */
#pragma once

#include "maps.h"

/* The agent sets it to the flow maps' max_entries. */
const volatile u32 flows_max __weak = FLOWS_MAX;

const volatile struct flow no_flow __weak = {};

/* What a socket looks like, at the sweep or at its end: what was read of it … */
struct look {
	u64 sent; /* payload */
	u64 received;
	u32 smoothed; /* eight round trips, 0: none was measured */
	u32 least; /* microseconds, ~0: none was measured */
	u32 unread; /* payload in the receive queue */
	u32 received_at; /* jiffies */
	u32 sent_at;
	u32 now;
	u32 unacknowledged;
	u8 shutdown;
	u8 role;
	u8 flags; /* the connection's */
	u8 waiting; /* … and what that says */
	u32 rtt_us;
	u32 rtt_min_us; /* 0: none was measured */
	u32 waited; /* jiffies */
	u32 padding;
};

struct delta {
	u64 sent;
	u64 received;
	u64 segments_sent; /* of UDP: datagrams */
	u64 segments_received;
	u32 retransmits;
	u32 handshake_retransmits;
	u32 busy;
	u32 peer_window;
	u32 send_buffer;
	struct look look;
	u32 latency_us;
	u32 opened;
	u32 adopted;
	u32 ended;
	u8 established;
	u8 open;
	u8 reset_sent;
	u8 reset_received;
	u8 timeout_by_application;
	u8 refusal;
	u8 has_latency;
};

/* floor(log2(v)) without a loop, v > 0. */
static __always_inline u32 log2_of(u32 v)
{
	u32 r, s;

	r = (v > 0xffff) << 4;
	v >>= r;
	s = (v > 0xff) << 3;
	v >>= s;
	r |= s;
	s = (v > 0xf) << 2;
	v >>= s;
	r |= s;
	s = (v > 0x3) << 1;
	v >>= s;
	r |= s;
	return r | (v >> 1);
}

/* Buckets 0 to 3 are 0 to 3 us; then four to the octave. */
static __always_inline u32 latency_bucket(u32 us)
{
	u32 octave, bucket;

	if (us < 4)
		return us;
	octave = log2_of(us);
	bucket = ((octave - 1) << 2) + ((us >> (octave - 2)) & 3);
	return bucket < LATENCY_BUCKET_COUNT ? bucket : LATENCY_BUCKET_COUNT - 1;
}

static __always_inline bool public_address(const u32 *a)
{
	u32 v4;

	if (a[0] || a[1])
		return (a[0] & bpf_htonl(0xfe000000)) != bpf_htonl(0xfc000000) && /* fc00::/7 */
		       (a[0] & bpf_htonl(0xffc00000)) != bpf_htonl(0xfe800000); /* fe80::/10 */
	if (a[2] != bpf_htonl(0xffff))
		return false; /* ::, ::1 */
	v4 = bpf_ntohl(a[3]);
	return (v4 >> 24) != 10 && (v4 >> 24) != 127 && (v4 >> 20) != 0xac1 && (v4 >> 16) != 0xc0a8 &&
	       (v4 >> 16) != 0xa9fe &&
	       (v4 >> 22) != 0x191; /* 10/8 127/8 172.16/12 192.168/16 169.254/16 100.64/10 */
}

/* /24 of IPv4, /48 of IPv6. */
static __always_inline void to_prefix(u32 *a)
{
	if (!a[0] && !a[1] && a[2] == bpf_htonl(0xffff)) {
		a[3] &= bpf_htonl(0xffffff00);
		return;
	}
	a[1] &= bpf_htonl(0xffff0000);
	a[2] = 0;
	a[3] = 0;
}

static __always_inline void to_nothing(u32 *a)
{
	a[0] = 0;
	a[1] = 0;
	a[2] = 0;
	a[3] = 0;
}

static __always_inline u32 *remote_of(struct flow_key *key)
{
	return (u32 *)(key->direction == DIRECTION_EGRESS ? key->destination : key->source);
}

static __always_inline struct flow *flow_insert(void *map, const struct flow_key *key)
{
	bpf_map_update_elem(map, key, (const void *)&no_flow, BPF_NOEXIST);
	return bpf_map_lookup_elem(map,
				   key); /* ours, or the one another CPU was quicker with, or none: full */
}

/* A new row for this key, or the next coarser one that has room. */
static __noinline struct flow *flow_fold(void *map, struct flow_key *key)
{
	struct flow_key meter_key = {.netns = ~0u, .form = FORM_METER};
	struct flow *node, *owner, *row;
	u32 room = flows_max - flows_max / TOTALS_SHARE;
	bool shortened = key->form == FORM_EXACT; /* others have less than their address on purpose */

	node = bpf_map_lookup_elem(map, &meter_key);
	meter_key.owner = key->owner;
	meter_key.netns = key->netns;
	owner = bpf_map_lookup_elem(map, &meter_key);
	if (!owner)
		owner = flow_insert(map, &meter_key);
	if (node && owner) {
		if (owner->opened < flows_max / OWNER_EXACT_SHARE && node->opened < room) {
			row = flow_insert(map, key);
			if (row) {
				__sync_fetch_and_add(&owner->opened, 1);
				__sync_fetch_and_add(&node->opened, 1);
				return row;
			}
		}
		if (shortened) {
			to_prefix(remote_of(key));
			key->form = FORM_PREFIX;
		}
		row = bpf_map_lookup_elem(map, key);
		if (!row && owner->adopted < flows_max / OWNER_PREFIX_SHARE && node->opened < room) {
			row = flow_insert(map, key);
			if (row) {
				__sync_fetch_and_add(&owner->adopted, 1);
				__sync_fetch_and_add(&node->opened, 1);
			}
		}
		if (row) {
			if (shortened)
				lose(LOSS_FLOWS_TO_PREFIX, 1);
			return row;
		}
	}
	key->form = FORM_FOLDED;
	key->attribution = 0;
	key->service_port = 0;
	to_nothing((u32 *)key->source);
	to_nothing((u32 *)key->destination);
	row = bpf_map_lookup_elem(map, key);
	if (!row)
		row = flow_insert(map, key);
	if (row) {
		lose(LOSS_FLOWS_TO_OWNER, 1);
		return row;
	}
	key->netns = 0;
	key->owner = 0;
	row = bpf_map_lookup_elem(map, key);
	lose(row ? LOSS_FLOWS_TO_NODE : LOSS_FLOWS_NO_ROW, 1);
	return row;
}

/*
 * The extremes of a row. A try fails only when another CPU has just moved the number the same way: more tries
 * than that many CPUs could make it fail in a row are not needed.
 */
#define EXTREME_TRIES 8

static __always_inline void keep_least(u32 *of, u32 value)
{
	u32 was;

	for (int try = 0; try < EXTREME_TRIES; try++) {
		was = *(volatile u32 *)of;
		if (was && was <= value)
			return;
		if (__sync_val_compare_and_swap(of, was, value) == was)
			return;
	}
}

static __always_inline void keep_most(u32 *of, u32 value)
{
	u32 was;

	for (int try = 0; try < EXTREME_TRIES; try++) {
		was = *(volatile u32 *)of;
		if (was >= value)
			return;
		if (__sync_val_compare_and_swap(of, was, value) == was)
			return;
	}
}

static __always_inline void flow_add_look(struct flow *f, const struct look *look)
{
	if (look->smoothed) {
		__sync_fetch_and_add(&f->rtt_sum_us, look->rtt_us);
		__sync_fetch_and_add(&f->rtt_count, 1);
	}
	if (look->rtt_min_us)
		keep_least(&f->rtt_min_us, look->rtt_min_us);
	if (look->unread) {
		__sync_fetch_and_add(&f->unread_bytes, look->unread);
		__sync_fetch_and_add(&f->unread_connections, 1);
	}
	if (look->waiting) {
		__sync_fetch_and_add(&f->waiting_connections, 1);
		keep_most(&f->waiting_jiffies_max, look->waited);
	}
}

/*
 * A row's sums. A function of the object's own, not static: the verifier looks at it once, and not again on
 * each of the ways that lead here.
 */
__weak int flow_sum(struct flow *f, const struct delta *d)
{
	u32 bucket;

	if (!f || !d)
		return 0;
	if (d->opened)
		__sync_fetch_and_add(&f->opened, d->opened);
	if (d->adopted)
		__sync_fetch_and_add(&f->adopted, d->adopted);
	if (d->established)
		__sync_fetch_and_add(&f->established, 1);
	if (d->ended)
		__sync_fetch_and_add(&f->ended, d->ended);
	if (d->open)
		__sync_fetch_and_add(&f->open, 1);
	if (d->sent)
		__sync_fetch_and_add(&f->bytes_sent, d->sent);
	if (d->received)
		__sync_fetch_and_add(&f->bytes_received, d->received);
	if (d->segments_sent)
		__sync_fetch_and_add(&f->segments_sent, d->segments_sent);
	if (d->segments_received)
		__sync_fetch_and_add(&f->segments_received, d->segments_received);
	if (d->retransmits)
		__sync_fetch_and_add(&f->retransmits, d->retransmits);
	if (d->handshake_retransmits)
		__sync_fetch_and_add(&f->handshake_retransmits, d->handshake_retransmits);
	if (d->busy)
		__sync_fetch_and_add(&f->busy_jiffies, d->busy);
	if (d->peer_window)
		__sync_fetch_and_add(&f->peer_window_jiffies, d->peer_window);
	if (d->send_buffer)
		__sync_fetch_and_add(&f->send_buffer_jiffies, d->send_buffer);
	flow_add_look(f, &d->look);
	if (d->reset_sent)
		__sync_fetch_and_add(&f->resets_sent, 1);
	if (d->reset_received)
		__sync_fetch_and_add(&f->resets_received, 1);
	if (d->timeout_by_application)
		__sync_fetch_and_add(&f->timeouts_by_application, 1);
	if (d->refusal)
		__sync_fetch_and_add(&f->refusals, 1);
	if (d->has_latency) {
		bucket = latency_bucket(d->latency_us);
		__sync_fetch_and_add(&f->latency_sum_us, d->latency_us);
		if (bucket < LATENCY_BUCKET_COUNT)
			__sync_fetch_and_add(&f->latency[bucket], 1);
	}
	return 0;
}

/* The row of this key, or the next coarser one that has room. */
static __always_inline struct flow *flow_row(u32 which, struct flow_key *key)
{
	void *map = bpf_map_lookup_elem(&flows, &which);
	struct flow *f;

	if (!map)
		return 0;
	f = bpf_map_lookup_elem(map, key);
	return f ? f : flow_fold(map, key);
}

static __always_inline void flow_add(u32 which, struct flow_key *key, const struct delta *d)
{
	struct flow *f = flow_row(which, key);

	if (f)
		flow_sum(f, d);
}
