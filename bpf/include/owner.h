/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Owners: who opened, listens, accepts or closes. A task becomes a small number, so that a flow row is small
 * and all `python3` are not one. The executable's path is copied once, when the owner is first met: a
 * short-lived process keeps it.
 */
#pragma once

#include "numbers.h"

/* What came for a socket while the sweep had it locked is dealt with by the sweep's thread, when it lets go. */
static __always_inline bool is_sweeping(void)
{
	struct shared *s = shared_state();

	return sweeps_in_two && s &&
	       bpf_get_current_pid_tgid() == ((u64)s->sweeper << 32 | s->sweeper_thread);
}

/*
 * May the current task own this socket? Only if it holds the socket's lock: in softirq and in timers
 * `current` is whoever was interrupted. Holds for every connect, listen and close by an application; not for
 * `ss -K` (ECONNABORTED).
 */
static __always_inline bool task_holds(const struct sock *sk)
{
	return sk->sk_lock.owned != 0 && !is_sweeping();
}

/*
 * A name that lies inside its dentry: 40 bytes of it; 32 before 6.14, whichever of the two that kernel has.
 * By offset, since a relocated load insists on the field's size. Functions of their own: inlined, the
 * compiler would move the field's relocation in front of the test whether this kernel has the field.
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

static __always_inline struct share *share_of(u32 uid)
{
	u32 zero = 0, bucket = uid * 2654435761u >> (32 - SHARES_BITS); /* Knuth's multiplicative hash */
	struct shares *all = bpf_map_lookup_elem(&shares, &zero);

	return all ? &all->of[bucket & (SHARES_COUNT - 1)] : 0;
}

/*
 * So that the agent leaves its number alone; false when it has taken that back already, and nobody has it any
 * more. Mostly reads: the word changes once in a window.
 */
static __always_inline bool owner_used(u32 number, const struct shared *s)
{
	u32 place = place_of(number);
	struct owner *o = bpf_map_lookup_elem(&owners, &place);

	if (!o || number_of(place, o->turn) != number || o->place > PLACE_KNOWN)
		return false;
	if (o->used != s->control.window)
		o->used = s->control.window;
	return true;
}

static __always_inline struct owner *owner_place(u32 *place)
{
	struct owner *o;

	for (int try = 0; try < PLACE_TRIES_MAX; try++) {
		*place = place_next(TABLE_OWNERS);
		if (!*place)
			return 0;
		o = bpf_map_lookup_elem(&owners, place);
		if (o && place_won(&o->place))
			return o;
	}
	return 0;
}

static __noinline u32 owner_find(const struct owner_key *key)
{
	struct shared *s = shared_state();
	u32 *number = bpf_map_lookup_elem(&owner_ids, key);

	if (!number || !s)
		return 0;
	owner_used(*number, s);
	return *number;
}

/* Of a task, or of none: a process that the kernel interrupted is not who does what it does then. */
static __noinline u32 owner_add(const struct owner_key *key, struct task_struct *task)
{
	struct share *share = share_of(key->uid);
	struct shared *s = shared_state();
	u32 place = 0, number, *winner;
	struct owner *o = owner_place(&place);

	if (!o || !share || !s)
		return 0;
	number = number_of(place, o->turn);
	if (bpf_map_update_elem(&owner_ids, key, &number, BPF_NOEXIST)) {
		__sync_lock_test_and_set(&o->place, PLACE_FREE); /* in no ring: the agent looks for such */
		/* Another CPU was quicker, or there is no memory. Not owner_find: 7.3 loses sight of the key. */
		winner = bpf_map_lookup_elem(&owner_ids, key);
		return winner ? *winner : 0;
	}
	__sync_fetch_and_add(&share->taken, 1);
	o->key = *key;
	o->used = s->control.window;
	if (task && key->exe_inode) {
		o->first_pid = task->tgid;
		o->first_pid_started_ns = task->group_leader->start_boottime;
		owner_path(o, task->mm->exe_file);
	}
	__sync_lock_test_and_set(&o->place, PLACE_KNOWN);
	return number;
}

/*
 * An owner that has no number yet. A user may have as many as there are free places: one who takes all that
 * he gets has half the table, and others still have their share of the rest (Choudhury and Hahne, Dynamic
 * Queue Length Thresholds, 1998). Beyond that he is told by his executables, for twice that many; then by
 * his number alone.
 */
static __noinline u32 owner_new(struct owner_key *key, struct task_struct *task)
{
	struct share *share = share_of(key->uid);
	u32 number = 0, free = places_free(TABLE_OWNERS), has;

	if (!share)
		return 0;
	has = share->taken - share->freed;
	if (has < free)
		number = owner_add(key, task);
	if (number)
		return number;
	__builtin_memset(key->comm, 0, sizeof(key->comm));
	key->cgroup = 0;
	number = owner_find(key);
	if (!number && has < 2 * free)
		number = owner_add(key, task);
	if (number) {
		lose(LOSS_OWNERS_TO_EXECUTABLE, 1);
		return number;
	}
	key->exe_inode = 0;
	key->exe_device = 0;
	number = owner_find(key);
	if (!number)
		number = owner_add(key, task);
	lose(number ? LOSS_OWNERS_TO_USER : LOSS_OWNERS_FULL, 1);
	return number;
}

/* One owner for all of the kernel: kworker names carry numbers. */
static __always_inline u32 owner_kernel(void)
{
	struct owner_key key = {.comm = "kernel"};
	u32 number = owner_find(&key);

	if (!number)
		number = owner_add(&key, 0);
	if (!number)
		lose(LOSS_OWNERS_FULL, 1);
	return number;
}

static __always_inline u32 owner_id(struct task_struct *task)
{
	struct owner_key key = {};
	struct task_struct *leader = task->group_leader;
	struct file *exe;
	u32 number;

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
	number = owner_find(&key);
	return number ? number : owner_new(&key, task);
}

static __always_inline void connection_owned_by(struct connection *c, struct task_struct *task,
						u8 attribution)
{
	struct task_struct *parent = task->group_leader->real_parent;
	struct shared *s = shared_state();

	c->parent_pid = parent->tgid;
	__builtin_memcpy(c->parent_name, parent->group_leader->comm, sizeof(c->parent_name));
	c->owner = owner_id(task);
	c->held = s ? s->control.window : 0;
	c->exec = task->self_exec_id;
	c->pid = task->tgid;
	c->pid_started_ns = task->group_leader->start_boottime;
	c->attribution = c->owner ? attribution : OWNER_UNKNOWN;
}
