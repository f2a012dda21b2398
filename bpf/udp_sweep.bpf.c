// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Sweep of UDP flows, at a window's end: what the closed map holds goes into that window's rows; a flow whose
 * socket is closed, or that was quiet for too long, has ended; the others are carried over into the live map.
 * In portions, so that no CPU is held for long; what is counted is deleted, so the next portion, or the agent
 * after one that was killed, goes on where this one stopped.
 */
#include "udp.h"

char LICENSE[] SEC("license") = "GPL"; /* of its two, the one that the kernel knows */

#define UDP_PORTION 2048 /* about 2 ms */

struct udp_walk {
	u64 now;
	u32 window; /* being closed; its number's parity is that of the live map */
	u32 left; /* of this portion */
};

static __always_inline bool udp_has_ended(const struct udp_flow_key *key, u64 quiet_since_ns, u64 now)
{
	struct shared *s = shared_state();
	u64 cookie = key->cookie;

	if (bpf_map_lookup_elem(&udp_released, &cookie))
		return true;
	return s && (s64)(now - quiet_since_ns) >= (s64)udp_idle_ns(s);
}

/* Whether it goes on: unless it was quiet too long, a copy is in the live map when this returns. */
static __noinline bool udp_carry(const struct udp_flow_key *key, struct udp_flow *f, u64 quiet_since_ns,
				 const struct udp_walk *walk)
{
	struct udp_flow next = {}, *live;
	u32 after = udp_has_ended(key, quiet_since_ns, walk->now) ? UDP_ENDED : UDP_CARRIED;

	if (__sync_val_compare_and_swap(&f->status, UDP_OPEN, after) != UDP_OPEN)
		return true; /* a datagram was quicker, and has carried it */
	if (after == UDP_ENDED)
		return false;
	udp_continue(&next, f, quiet_since_ns);
	udp_insert(walk->window, key, &next);
	live = udp_lookup(walk->window, key);
	if (!live)
		lose(LOSS_UDP_FLOWS_CUT, 1);
	/* Opened anew by a datagram that did not find it yet in the map that was live until just now? Then
	 * this one ends. */
	return live && live->continued;
}

/* Into a row of the closing window, in place: 512 bytes of stack for all calls have no room for a delta. */
static __noinline void udp_tell_refused(const struct udp_flow_key *key, const struct udp_flow *f)
{
	struct flow_key row_key = {};
	struct flow *row;

	udp_row_key(&row_key, key, f, STATE_REFUSED);
	row = flow_row(FLOWS_CLOSING, &row_key);
	if (row)
		__sync_fetch_and_add(&row->ended, f->refused);
}

static __noinline void udp_tell(const struct udp_flow_key *key, struct udp_flow *f, struct udp_walk *walk)
{
	bool moved = f->datagrams_sent || f->datagrams_received;
	/* Ended by refusal, which is told in a row of its own; one that was cut is told already. */
	bool over = *(volatile u32 *)&f->status == UDP_ENDED;
	bool open = !over && udp_carry(key, f, moved ? walk->now : f->quiet_since_ns, walk);
	struct flow_key row_key = {};
	struct flow *row;

	udp_row_key(&row_key, key, f, open ? STATE_OPEN : over && f->refused ? STATE_REFUSED : STATE_CLOSED);
	row = flow_row(FLOWS_CLOSING, &row_key);
	if (row) {
		__sync_fetch_and_add(&row->opened, f->opened);
		__sync_fetch_and_add(&row->adopted, f->adopted);
		__sync_fetch_and_add(&row->bytes_sent, f->bytes_sent);
		__sync_fetch_and_add(&row->bytes_received, f->bytes_received);
		__sync_fetch_and_add(&row->segments_sent, f->datagrams_sent);
		__sync_fetch_and_add(&row->segments_received, f->datagrams_received);
		if (open)
			__sync_fetch_and_add(&row->open, 1);
		else if (!over)
			__sync_fetch_and_add(&row->ended, 1);
	}
	if (f->refused)
		udp_tell_refused(key, f);
}

static long udp_swept(struct bpf_map *map, struct udp_flow_key *key, struct udp_flow *f,
		      struct udp_walk *walk)
{
	struct udp_flow_key of = *key;
	struct shared *s = shared_state();

	if (!s)
		return 1;
	if (!walk->left) {
		s->udp_unswept = 1;
		return 1;
	}
	walk->left--;
	udp_tell(&of, f, walk);
	if (walk->window & 1)
		bpf_map_delete_elem(&udp_flows_a, &of);
	else
		bpf_map_delete_elem(&udp_flows_b, &of);
	return 0;
}

static long udp_forgotten(struct bpf_map *map, u64 *key, u32 *window, struct udp_walk *walk)
{
	u64 cookie = *key;
	struct shared *s = shared_state();

	if ((s32)(walk->window - *window) <= 1)
		return 0;
	if (!s || !walk->left) {
		if (s)
			s->udp_unswept = 1;
		return 1;
	}
	walk->left--;
	bpf_map_delete_elem(&udp_released, &cookie);
	return 0;
}

/* One call for each map: 6.1 refuses one whose map depends on the path that was taken. */
static __noinline void udp_sweep_a(struct udp_walk *walk)
{
	bpf_for_each_map_elem(&udp_flows_a, udp_swept, walk, 0);
}

static __noinline void udp_sweep_b(struct udp_walk *walk)
{
	bpf_for_each_map_elem(&udp_flows_b, udp_swept, walk, 0);
}

SEC("iter/bpf_map")
int udp_sweep(struct bpf_iter__bpf_map *ctx)
{
	struct udp_walk walk = {.left = UDP_PORTION};
	struct shared *s = shared_state();

	if (ctx->map || !s)
		return 0; /* only once, at the end */
	walk.now = bpf_ktime_get_ns();
	walk.window = s->control.window;
	s->udp_unswept = 0;
	if (walk.window & 1)
		udp_sweep_a(&walk);
	else
		udp_sweep_b(&walk);
	if (!s->udp_unswept)
		bpf_for_each_map_elem(&udp_released, udp_forgotten, &walk, 0);
	return 0;
}
