/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Network namespaces: numbered as they are met, each with its own counters. */
#pragma once

#include "maps.h"

#define NETNS_IGNORED (~0u)

static __always_inline struct netns *netns_counters(u32 id)
{
	return bpf_map_lookup_elem(&namespaces, &id);
}

static __noinline u32 netns_new(u64 cookie, u32 inode)
{
	struct shared *s = shared_state();
	struct netns *ns;
	u32 *winner, id;

	if (!s)
		return 0;
	if (s->namespaces_used >= NAMESPACES_MAX - 1) {
		lose(LOSS_NAMESPACES_FULL, 1);
		return 0;
	}
	id = __sync_fetch_and_add(&s->namespaces_used, 1) + 1;
	if (id >= NAMESPACES_MAX) { /* two CPUs took the last number */
		lose(LOSS_NAMESPACES_FULL, 1);
		return 0;
	}
	if (bpf_map_update_elem(&netns_ids, &cookie, &id, BPF_NOEXIST)) {
		/* Another CPU met it at the same moment (its number counts), or there is no memory. */
		winner = bpf_map_lookup_elem(&netns_ids, &cookie);
		return winner ? *winner : 0;
	}
	ns = netns_counters(id);
	if (!ns)
		return 0;
	ns->cookie = cookie;
	ns->inode = inode;
	ns->known = 1;
	return id;
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
