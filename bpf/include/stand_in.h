/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel runs no program on a CPU that is in the middle of it. From 7.0 on a task can be preempted there,
 * and until it goes on what happens to all others on that CPU is left out. Two more programs come behind each
 * on the same hook; each has what those before were not let to. `telling` has the calls that are being made
 * just now and are told. State changes, by far the most, are marked on the socket instead (lifecycle).
 */
#pragma once

#include "maps.h"

static __always_inline struct telling telling_of(enum tells program, u64 first, u64 second)
{
	return (struct telling){.program = program, .first = first, .second = second};
}

static __always_inline void tell_first(struct telling this)
{
	u8 told = 1;

	if (leaves_out)
		bpf_map_update_elem(&telling, &this, &told, BPF_ANY);
}

/* Whether nobody was let to before. */
static __always_inline bool tell_instead(struct telling this)
{
	struct shared *s = shared_state();
	u8 told = 1;

	if (!s || bpf_map_update_elem(&telling, &this, &told, BPF_NOEXIST))
		return false;
	__sync_fetch_and_add(&s->stood_in, 1);
	return true;
}

static __always_inline void tell_last(struct telling this)
{
	bpf_map_delete_elem(&telling, &this);
}

/*
 * `program` and those that stand in for it. on_`program` is what each does, with the tracepoint's arguments;
 * `second` is what besides the first of them tells one call from another that may come meanwhile.
 */
#define STOOD_IN_FOR(hook, program, tells, second)				\
	SEC("tp_btf/" #hook)							\
	int program(unsigned long long *arguments)				\
	{									\
		on_##program(arguments);					\
		tell_first(telling_of(tells, arguments[0], second));		\
		return 0;							\
	}									\
	SEC("tp_btf/" #hook)							\
	int program##_2(unsigned long long *arguments)				\
	{									\
		if (tell_instead(telling_of(tells, arguments[0], second)))	\
			on_##program(arguments);				\
		return 0;							\
	}									\
	SEC("tp_btf/" #hook)							\
	int program##_3(unsigned long long *arguments)				\
	{									\
		if (tell_instead(telling_of(tells, arguments[0], second)))	\
			on_##program(arguments);				\
		tell_last(telling_of(tells, arguments[0], second));		\
		return 0;							\
	}
