/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Succession: one generation of counting takes over from another, whose build or limits were other ones.
 * For a time both are attached, the older one first on each hook. What it does last with a connection, before
 * we look, says whether it has counted the begin, or the end, of this very call: so each is counted once,
 * whenever the older one stops. (Two words that are written one after the other would not do: a call can fall
 * between them.)
 */
#pragma once

#include "maps.h"

/* What the older generation has of this socket; NULL if it never met it. */
static __always_inline struct begun *predecessors(const struct sock *sk)
{
	struct shared *s = shared_state();

	if (!s || !s->control.succeeding)
		return 0;
	return bpf_sk_storage_get(&predecessor, (void *)sk, 0, 0);
}

/* It counts this connection: to us it was there before. */
static __always_inline bool begun_before(const struct sock *sk)
{
	struct begun *b = predecessors(sk);

	return b && b->started_ns;
}

/* It has counted this end. What it still counts, it has stopped counting: then the end is ours. */
static __always_inline bool ended_before(const struct begun *b, const struct connection *c)
{
	return b && !b->started_ns && (!c || (c->flags & CONNECTION_ADOPTED));
}

/*
 * What no row of the older generation tells of a connection is ours to tell: nobody's file table had it when
 * that one ended. As with a sweep and an end, one word says who tells.
 */
static __always_inline void inherit(struct begun *b, struct connection *c)
{
	if (!b || !b->started_ns || (b->flags & CONNECTION_ADOPTED))
		return;
	if (!(c->flags & CONNECTION_ADOPTED) || (c->reported & REPORTED_OPENED))
		return;
	if (__sync_lock_test_and_set(&b->reported, REPORTED_ENDED) & (REPORTED_OPENED | REPORTED_ENDED))
		return;
	c->started_ns = b->started_ns;
	c->flags &= ~CONNECTION_ADOPTED;
}
