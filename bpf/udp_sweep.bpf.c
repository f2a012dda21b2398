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
static __always_inline bool udp_carry(const struct udp_flow_key *key, struct udp_flow *f, u64 quiet_since_ns,
				      const struct udp_walk *walk)
{
	struct udp_flow next = {.status = UDP_OPEN, .continued = 1}, *live;
	u32 after = udp_has_ended(key, quiet_since_ns, walk->now) ? UDP_ENDED : UDP_CARRIED;

	if (__sync_val_compare_and_swap(&f->status, UDP_OPEN, after) != UDP_OPEN)
		return true; /* a datagram was quicker, and has carried it */
	if (after == UDP_ENDED)
		return false;
	next.quiet_since_ns = quiet_since_ns;
	next.owner = f->owner;
	next.direction = f->direction;
	next.attribution = f->attribution;
	__builtin_memcpy(next.local, f->local, sizeof(next.local));
	udp_insert(walk->window, key, &next);
	live = udp_lookup(walk->window, key);
	if (!live)
		lose(LOSS_UDP_FLOWS_CUT, 1);
	/* Opened anew by a datagram that did not find it yet in the map that was live until just now? Then
	 * this one ends. */
	return live && live->continued;
}

static __noinline void udp_tell(const struct udp_flow_key *key, struct udp_flow *f, struct udp_walk *walk)
{
	bool moved = f->datagrams_sent || f->datagrams_received, open;
	struct flow_key row = {};
	struct delta d;
	u32 before = *(volatile u32 *)&f->status;

	__builtin_memset(&d, 0, sizeof(d)); /* padding too: its bytes are an argument */
	d.opened = f->opened;
	d.adopted = f->adopted;
	d.sent = f->bytes_sent;
	d.received = f->bytes_received;
	d.segments_sent = f->datagrams_sent;
	d.segments_received = f->datagrams_received;
	if (before == UDP_ENDED) { /* by refusal; one that was cut is told already */
		d.ended = f->refused;
		udp_row_key(&row, key, f, f->refused ? STATE_REFUSED : STATE_CLOSED);
		flow_add(FLOWS_CLOSING, &row, &d);
		return;
	}
	open = udp_carry(key, f, moved ? walk->now : f->quiet_since_ns, walk);
	d.open = open;
	d.ended = !open;
	udp_row_key(&row, key, f, open ? STATE_OPEN : STATE_CLOSED);
	flow_add(FLOWS_CLOSING, &row, &d);
	if (!f->refused)
		return;
	__builtin_memset(&row, 0, sizeof(row));
	__builtin_memset(&d, 0, sizeof(d));
	d.ended = f->refused;
	udp_row_key(&row, key, f, STATE_REFUSED);
	flow_add(FLOWS_CLOSING, &row, &d);
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

	if ((s32)(walk->window - *window) > 1)
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
