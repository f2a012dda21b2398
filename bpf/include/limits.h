/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Every size has a name and a reason. The agent may lower or raise the map sizes before it loads the object.
 */
#pragma once

/* Rows of one window; 1 KiB each when used (a row is 712 B, and the allocator has nothing between 512 B and
 * 1 KiB), 1 MiB of buckets when not. */
#define FLOWS_MAX	 65536
#define UDP_FLOWS_MAX	 32768 /* of one window; 200 B each when used */
#define OWNERS_MAX	 4096 /* distinct (executable, user, name, cgroup) at a time */
#define NAMESPACES_MAX	 1024 /* network namespaces at a time */
#define HOLDERS_MAX	 131072 /* of sockets, where the sweep has two parts; 96 B each, 2 MiB of buckets */
#define LISTENERS_MAX	 8192 /* TCP listeners at a time; 168 B each, 128 KiB of buckets */
#define EVENTS_BYTES_MAX (4 << 20)
#define DNS_BYTES_MAX	 (1 << 20) /* 1,600 DNS messages between two looks of the agent: 16,000 a second */

#define GENERATION_BYTES_MAX (192 << 10) /* about 140 bytes for each namespace that there was at the start   \
					  */

#define PLACES_RING	16384 /* free places of a table; so no table is larger */
#define PLACE_TRIES_MAX 4 /* others may be quicker */
#define SHARES_BITS	10
#define SHARES_COUNT	(1 << SHARES_BITS) /* users whose numbers hash to the same one share a share */

#define OWNER_PATH_DEPTH_MAX 8 /* /usr/lib/postgresql/15/bin/postgres is 6 deep */
#define OWNER_PATH_NAME_MAX                                                                                  \
	40 /* names that the kernel keeps inside the dentry: under 40 bytes, under 32 before 6.14 */

/* Share of a window's rows that one owner may take: exact rows, then rows by prefix. One scanner must not
 * hide the others. */
#define OWNER_EXACT_SHARE  8
#define OWNER_PREFIX_SHARE 32
/* Share kept free of exact and prefix rows, for owners' totals. */
#define TOTALS_SHARE 8

/* Latency buckets: four to the octave, 1 us to 268 s; a value is at most 12.5 % from its bucket's middle. */
#define LATENCY_BUCKET_COUNT 108

#define EVENT_CLASS_COUNT 4 /* 0: detail that the policy wants, 1: the rest, for a live trace, 2 and 3: DNS */

#define RESET_REASONS_MAX 64 /* enum sk_rst_reason had 26 in 6.18 */

#define TELLING_MAX 1024 /* as many tasks as may be in the middle of such a call; 96 B each */

#define DNS_PORTS_MAX	8
#define DNS_MESSAGE_MAX 512 /* of a DNS message; its question is in the first 300 bytes. A power of two */
