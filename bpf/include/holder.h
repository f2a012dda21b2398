/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which processes have a socket in their file table: between the two parts of a sweep. */
#pragma once

#include "maps.h"

struct holder_key {
	u64 cookie; /* of the socket */
	u32 pid; /* 0: whoever was met first, but not pid 1 if there is another */
	u32 padding;
};

struct holder {
	u32 pid;
	u32 walk; /* that has met it last */
};

/*
 * holders: which processes have a socket in their file table (sweep.bpf.c).
 * Key: struct holder_key; with a process's number only those that are not the first. Value: struct holder.
 * Inserts: the first part of a sweep in two. Deletes: it too, those that it did not meet any more.
 * Full: LOSS_HOLDERS_FULL; owners that it finds nowhere stay what they are.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HOLDERS_MAX);
	__type(key, struct holder_key);
	__type(value, struct holder);
} holders SEC(".maps") __weak;

static __always_inline void holder_put(struct shared *s, u64 cookie, u32 as, u32 pid)
{
	struct holder_key key = {.cookie = cookie, .pid = as};
	struct holder now = {.pid = pid, .walk = s->walk};

	if (!bpf_map_update_elem(&holders, &key, &now, BPF_ANY))
		return;
	s->walk_cut = s->walk;
	lose(LOSS_HOLDERS_FULL, 1);
}

static __always_inline void holder_met(struct shared *s, u64 cookie, u32 pid)
{
	struct holder_key key = {.cookie = cookie};
	struct holder *first = bpf_map_lookup_elem(&holders, &key);

	if (!first) {
		holder_put(s, cookie, 0, pid);
	} else if (first->walk != s->walk) {
		first->pid = pid;
		first->walk = s->walk;
	} else if (first->pid == 1 && pid != 1) {
		holder_put(s, cookie, 1, 1);
		first->pid = pid;
	} else if (first->pid != pid) {
		holder_put(s, cookie, pid, pid);
	}
}

static long holder_gone(struct bpf_map *map, struct holder_key *key, struct holder *h, u32 *walk)
{
	struct holder_key of = *key;

	if (h->walk != *walk)
		bpf_map_delete_elem(&holders, &of);
	return 0;
}

/*
 * Who has this socket: `pid`, if it does (0: whoever was met first). Holds the task; 0: nobody, or one that
 * has exited meanwhile.
 */
static __always_inline struct task_struct *holder_of(const struct shared *s, struct sock *sk, u32 pid)
{
	struct holder_key key = {.cookie = bpf_get_socket_cookie(sk)};
	struct holder *h = bpf_map_lookup_elem(&holders, &key);
	struct task_struct *task;

	if (h && pid && h->pid != pid) {
		key.pid = pid;
		h = bpf_map_lookup_elem(&holders, &key);
	} else if (!pid && s->walk_cut == s->walk) {
		return 0; /* the owner may be one that found no room */
	}
	if (!h || h->walk != s->walk)
		return 0;
	task = bpf_task_from_pid(h->pid);
	if (task && !task->mm) {
		bpf_task_release(task);
		return 0;
	}
	return task;
}
