/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Network namespaces: numbered as they are met, each with its own counters. */
#pragma once

#include "numbers.h"

#define NETNS_IGNORED (~0u)

/* By a number that is another namespace's now (a socket outlived its own), what has no place. */
static __always_inline struct netns *netns_counters(u32 number)
{
	u32 place = place_of(number);
	struct netns *ns = bpf_map_lookup_elem(&namespaces, &place);

	if (ns && number_of(place, ns->turn) == number)
		return ns;
	place = 0;
	return bpf_map_lookup_elem(&namespaces, &place);
}

static __always_inline struct netns *netns_place(u32 *place)
{
	struct netns *ns;

	for (int try = 0; try < PLACE_TRIES_MAX; try++) {
		*place = place_next(TABLE_NAMESPACES);
		if (!*place)
			return 0;
		ns = bpf_map_lookup_elem(&namespaces, place);
		if (ns && place_won(&ns->place))
			return ns;
	}
	return 0;
}

static __noinline u32 netns_new(u64 cookie, u32 inode)
{
	u32 place = 0, *winner, number;
	struct netns *ns = netns_place(&place);

	if (!ns) {
		lose(LOSS_NAMESPACES_FULL, 1);
		return 0;
	}
	number = number_of(place, ns->turn);
	if (bpf_map_update_elem(&netns_ids, &cookie, &number, BPF_NOEXIST)) {
		/* Another CPU met it at the same moment (its number counts), or there is no memory. */
		__sync_lock_test_and_set(&ns->place, PLACE_FREE); /* in no ring: the agent looks for such */
		winner = bpf_map_lookup_elem(&netns_ids, &cookie);
		if (!winner)
			lose(LOSS_NAMESPACES_FULL, 1);
		return winner ? *winner : 0;
	}
	ns->cookie = cookie;
	ns->inode = inode;
	__sync_lock_test_and_set(&ns->place, PLACE_KNOWN);
	return number;
}

/* The number of a namespace; NETNS_IGNORED when this instance does not look at it. */
static __always_inline u32 netns_id(struct net *net)
{
	struct shared *s = shared_state();
	u64 cookie;
	u32 *id;

	if (!net || !s)
		return NETNS_IGNORED;
	cookie = net->net_cookie;
	id = bpf_map_lookup_elem(&netns_ids, &cookie);
	if (id)
		return *id;
	if (s->control.scoped && !bpf_map_lookup_elem(&scope, &cookie))
		return NETNS_IGNORED;
	return netns_new(cookie, net->ns.inum);
}

/*
 * The same where only the cookie is known: 0 for one that was not met yet, and gets its number when a task in
 * it is.
 */
static __always_inline u32 netns_id_of_cookie(u64 cookie)
{
	struct shared *s = shared_state();
	u32 *id;

	if (!s)
		return NETNS_IGNORED;
	id = bpf_map_lookup_elem(&netns_ids, &cookie);
	if (id)
		return *id;
	return s->control.scoped && !bpf_map_lookup_elem(&scope, &cookie) ? NETNS_IGNORED : 0;
}
