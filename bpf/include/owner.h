/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Owners: who opened, listens, accepts or closes. A task becomes a small number, so that a flow row is small and all
 * `python3` are not one. The executable's path is copied once, when the owner is first met: a short-lived process keeps it.
 */
#pragma once

#include "maps.h"

/*
 * May the current task own this socket? Only if it holds the socket's lock: in softirq and in timers `current` is whoever
 * was interrupted. Holds for every connect, listen and close by an application; not for `ss -K` (ECONNABORTED).
 */
static __always_inline bool task_holds(const struct sock *sk)
{
	return sk->sk_lock.owned != 0;
}

static __always_inline void dentry_name(struct dentry *d, struct owner *o, int depth)
{
	if (bpf_core_field_exists(d->d_shortname)) {
		__builtin_memcpy(o->path[depth], d->d_shortname.string, OWNER_PATH_NAME_MAX);
	} else {
		struct dentry___before_6_14 *old = (void *)d;

		__builtin_memcpy(o->path[depth], old->d_iname, sizeof(old->d_iname));
	}
	o->path_lengths[depth] = d->d_name.len > 255 ? 255 : d->d_name.len;
}

static __always_inline void owner_path(struct owner *o, struct file *exe)
{
	struct dentry *d = exe->f_path.dentry, *parent;

	for (int depth = 0; depth < OWNER_PATH_DEPTH_MAX; depth++) {
		if (!d)
			return;
		parent = d->d_parent;
		if (parent == d)
			return; /* the root of that file system */
		dentry_name(d, o, depth);
		d = parent;
	}
}

static __noinline u32 owner_new(const struct owner_key *key, struct task_struct *task)
{
	struct shared *s = shared_state();
	struct task_struct *leader = task->group_leader;
	struct owner *o;
	u32 *winner, id;

	if (!s)
		return 0;
	if (s->owners_used >= OWNERS_MAX - 1) {
		lose(LOSS_OWNERS_FULL, 1);
		return 0;
	}
	id = __sync_fetch_and_add(&s->owners_used, 1) + 1;
	if (bpf_map_update_elem(&owner_ids, key, &id, BPF_NOEXIST)) {
		winner = bpf_map_lookup_elem(&owner_ids, key);
		return winner ? *winner : 0;
	}
	o = bpf_map_lookup_elem(&owners, &id);
	if (!o)
		return 0;
	o->key = *key;
	o->first_pid = task->tgid;
	o->first_pid_started_ns = leader->start_boottime;
	if (key->exe_inode)
		owner_path(o, task->mm->exe_file);
	o->known = 1;
	return id;
}

static __always_inline u32 owner_id(struct task_struct *task)
{
	struct owner_key key = {};
	struct task_struct *leader = task->group_leader;
	struct file *exe;
	u32 *id;

	if (task->flags & PF_KTHREAD) {
		__builtin_memcpy(key.comm, "kernel", 7); /* kworker names carry numbers: one owner for all */
	} else {
		__builtin_memcpy(key.comm, leader->comm, sizeof(key.comm));
		key.uid = task->cred->euid.val;
		key.cgroup = task->cgroups->dfl_cgrp->kn->id;
		if (task->mm) {
			exe = task->mm->exe_file;
			if (exe) {
				key.exe_inode = exe->f_inode->i_ino;
				key.exe_device = exe->f_inode->i_sb->s_dev;
			}
		}
	}
	id = bpf_map_lookup_elem(&owner_ids, &key);
	if (id)
		return *id;
	return owner_new(&key, task);
}

static __always_inline void connection_owned_by(struct connection *c, struct task_struct *task, u8 attribution)
{
	c->owner = owner_id(task);
	c->pid = task->tgid;
	c->pid_started_ns = task->group_leader->start_boottime;
	c->attribution = c->owner ? attribution : OWNER_UNKNOWN;
}
