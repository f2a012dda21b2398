/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Owners: who opened, listens, accepts or closes. A task becomes a small number, so that a flow row is small
 * and all `python3` are not one. The executable's path is copied once, when the owner is first met: a
 * short-lived process keeps it.
 */
#pragma once

#include "maps.h"

/*
 * May the current task own this socket? Only if it holds the socket's lock: in softirq and in timers
 * `current` is whoever was interrupted. Holds for every connect, listen and close by an application; not for
 * `ss -K` (ECONNABORTED).
 */
static __always_inline bool task_holds(const struct sock *sk)
{
	return sk->sk_lock.owned != 0;
}

/*
 * A name that lies inside its dentry: 32 bytes of it, 40 from 6.12 on. By offset, since a relocated load
 * insists on the field's size. Functions of their own: inlined, the compiler would move the field's
 * relocation in front of the test whether this kernel has the field.
 */
#define COPY_FROM_FIELD(to, object, field, size)                                                             \
	({                                                                                                   \
		u64 at = bpf_core_field_offset(object->field);                                               \
		asm volatile("" : "+r"(at)); /* or the first load would be merged with the relocation */     \
		__builtin_memcpy(to, (char *)object + at, size);                                             \
	})

static __noinline void dentry_name(struct dentry *d, char *name)
{
	COPY_FROM_FIELD(name, d, d_shortname, OWNER_PATH_NAME_MAX);
}

static __noinline void dentry_name_before_6_14(struct dentry___before_6_14 *d, char *name)
{
	COPY_FROM_FIELD(name, d, d_iname, sizeof(d->d_iname));
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
		if (bpf_core_field_exists(d->d_shortname))
			dentry_name(d, o->path[depth]);
		else
			dentry_name_before_6_14((void *)d, o->path[depth]);
		o->path_lengths[depth] = d->d_name.len > 255 ? 255 : d->d_name.len;
		d = parent;
	}
}

/* A task or none: whatever interrupted process the kernel does something in is not who does it. */
static __noinline u32 owner_new(const struct owner_key *key, struct task_struct *task)
{
	struct shared *s = shared_state();
	struct owner *o;
	u32 *winner, id;

	if (!s)
		return 0;
	if (s->owners_used >= OWNERS_MAX - 1) {
		lose(LOSS_OWNERS_FULL, 1);
		return 0;
	}
	id = __sync_fetch_and_add(&s->owners_used, 1) + 1;
	if (id >= OWNERS_MAX) { /* two CPUs took the last number */
		lose(LOSS_OWNERS_FULL, 1);
		return 0;
	}
	if (bpf_map_update_elem(&owner_ids, key, &id, BPF_NOEXIST)) {
		winner = bpf_map_lookup_elem(&owner_ids, key);
		return winner ? *winner : 0;
	}
	o = bpf_map_lookup_elem(&owners, &id);
	if (!o)
		return 0;
	o->key = *key;
	if (task && key->exe_inode) {
		o->first_pid = task->tgid;
		o->first_pid_started_ns = task->group_leader->start_boottime;
		owner_path(o, task->mm->exe_file);
	}
	o->known = 1;
	return id;
}

static __always_inline u32 owner_of_key(const struct owner_key *key, struct task_struct *task)
{
	u32 *id = bpf_map_lookup_elem(&owner_ids, key);

	return id ? *id : owner_new(key, task);
}

/* One owner for all of the kernel: kworker names carry numbers. */
static __always_inline u32 owner_kernel(void)
{
	struct owner_key key = {.comm = "kernel"};

	return owner_of_key(&key, 0);
}

static __always_inline u32 owner_id(struct task_struct *task)
{
	struct owner_key key = {};
	struct task_struct *leader = task->group_leader;
	struct file *exe;

	if (task->flags & PF_KTHREAD)
		return owner_kernel();
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
	return owner_of_key(&key, task);
}

static __always_inline void connection_owned_by(struct connection *c, struct task_struct *task,
						u8 attribution)
{
	c->owner = owner_id(task);
	c->pid = task->tgid;
	c->pid_started_ns = task->group_leader->start_boottime;
	c->attribution = c->owner ? attribution : OWNER_UNKNOWN;
}
