/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Numbers: what sockets and rows carry for an owner or a network namespace. The lower half is a place in a
 * table, the upper half how often that place was used before: places are used again, numbers are not.
 *
 * The agent gives places, the programs take them: a ring with one who gives. It takes a place back by
 * retiring its number (src/agent/kernel/numbers.ts), so that a program never has to look for a free one.
 */
#pragma once

#include "maps.h"

#define PLACE_BITS (8 * __builtin_offsetof(struct number, turn))
#define PLACE_MASK ((1u << PLACE_BITS) - 1)

static __always_inline u32 place_of(u32 number)
{
	return number & PLACE_MASK;
}

static __always_inline u32 number_of(u32 place, u32 turn)
{
	return turn << PLACE_BITS | place;
}

static __always_inline u32 places_free(u32 table)
{
	struct numbers *n = bpf_map_lookup_elem(&numbers, &table);

	return n ? n->given - n->taken : 0;
}

/* The next place out of the ring; 0 when it is empty. Whoever takes it must win its record, too. */
static __always_inline u32 place_next(u32 table)
{
	struct numbers *n = bpf_map_lookup_elem(&numbers, &table);
	u32 taken, place;

	if (!n)
		return 0;
	for (int try = 0; try < PLACE_TRIES_MAX; try++) {
		taken = *(volatile u32 *)&n->taken;
		if (taken == *(volatile u32 *)&n->given)
			return 0;
		place = n->places[taken & (PLACES_RING - 1)];
		if (__sync_val_compare_and_swap(&n->taken, taken, taken + 1) == taken)
			return place;
	}
	return 0;
}

/* An agent that was killed may have given a place twice: whoever comes second goes on. */
static __always_inline bool place_won(u32 *state)
{
	return __sync_val_compare_and_swap(state, PLACE_FREE, PLACE_TAKEN) == PLACE_FREE;
}
