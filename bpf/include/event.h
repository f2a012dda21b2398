/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Events: single connections, as detail beside the windows. A token bucket bounds them; what it holds back is
 * counted. */
#pragma once

#include "maps.h"

#define EVENT_DETAIL 0
#define EVENT_TRACE  1
#define EVENT_DNS_QUERY	   2
#define EVENT_DNS_RESPONSE 3

/*
 * A token bucket in one word: the time at which the bucket was last empty, moved on by one gap per event and
 * never further behind than the burst (the generic cell rate algorithm of ATM, ITU-T I.371).
 */
static __always_inline bool event_allowed(struct shared *s, u32 class, u64 now)
{
	u64 gap = s->control.event_gap_ns[class], burst = s->control.event_burst_ns[class];
	u64 due, from;

	if (!gap)
		return true;
#pragma unroll
	for (int try = 0; try < 4; try++) {
		due = s->event_due_ns[class];
		from = due + burst < now ? now - burst : due;
		if (from + gap > now)
			return false;
		if (__sync_val_compare_and_swap(&s->event_due_ns[class], due, from + gap) == due)
			return true;
	}
	return false;
}
