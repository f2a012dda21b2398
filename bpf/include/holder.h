/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which processes have a socket in their file table: between the two parts of a sweep. */
#pragma once

#include "maps.h"

struct holder_key {
	u64 cookie; /* of the socket */
	u32 pid; /* 0: whoever was met first, and not pid 1 if there is another */
	u32 padding;
};

struct holder {
	u32 pid;
	u32 window; /* whose sweep has met it last */
};

/*
 * holders: which processes have a socket in their file table (sweep.bpf.c).
 * Key: struct holder_key. Value: struct holder. Inserts: the first part of a sweep in two.
 * Deletes: it too, those that it did not meet any more. Full: LOSS_HOLDERS_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HOLDERS_MAX);
	__type(key, struct holder_key);
	__type(value, struct holder);
} holders SEC(".maps") __weak;

static __always_inline void holder_met(u64 cookie, u32 as, u32 pid, u32 window)
{
	struct holder_key key = {.cookie = cookie, .pid = as};
	struct holder fresh = {.pid = pid, .window = window};
	struct holder *h = bpf_map_lookup_elem(&holders, &key);

	if (!h) {
		if (bpf_map_update_elem(&holders, &key, &fresh, BPF_NOEXIST))
			lose(LOSS_HOLDERS_FULL, 1);
		return;
	}
	if (h->window == window && h->pid != 1)
		return;
	h->pid = pid;
	h->window = window;
}

static long holder_gone(struct bpf_map *map, struct holder_key *key, struct holder *h, u32 *window)
{
	struct holder_key of = *key;

	if (h->window != *window)
		bpf_map_delete_elem(&holders, &of);
	return 0;
}

/* Who has this socket: `pid` if it does (0: whoever was met first). Holds the task; 0: nobody any more. */
static __always_inline struct task_struct *holder_of(struct sock *sk, u32 pid, const struct shared *s)
{
	struct holder_key key = {.cookie = bpf_get_socket_cookie(sk), .pid = pid};
	struct holder *h = bpf_map_lookup_elem(&holders, &key);

	return h && h->window == s->control.window ? bpf_task_from_pid(h->pid) : 0;
}
