/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every map, with its life. The definitions are weak: each program file sees them, the linker keeps one.
 */
#pragma once

#include "records.h"

/* A socket's counters: where they stand, or how much of them is in some flow row already. */
struct marks {
	u64 sent; /* payload */
	u64 received;
	u32 segments_sent;
	u32 segments_received;
	u64 retransmits; /* of the handshake in the upper half, all of them in the lower: they move as one */
	u32 busy; /* jiffies with something to send … */
	u32 peer_window; /* … of these, held up by the peer's receive window … */
	u32 send_buffer; /* … or by its own send buffer */
	u32 retransmits_counted; /* in the namespace's count already (connection.h) */
};

/* One TCP connection end, or a listener, as long as its socket lives. */
struct connection {
	u64 started_ns; /* SYN sent, or child created; 0 when its end is counted, and of a listener */
	u32 reported; /* REPORTED_* and the last window that counted it open: one word, so that sweep and
			 close agree */
	u8 flags;
	u8 role;
	u8 attribution;
	u8 exec; /* of `pid`, when it was found to own this: how many programs it had run, its last bits */
	u64 pid_started_ns;
	struct marks marks;
	u32 owner;
	u32 netns;
	u32 pid;
	u32 sequence; /* a socket may connect again */
	u32 latency_us;
	u16 local_port; /* kept: at the end the socket has lost it */
	u8 noted_error; /* errno that the application was told of while the kernel kept trying */
	u8 seen; /* the TCP state whose change into was counted last; only where several programs look */
	u16 data_segs_at_fin; /* data segments received when our FIN was queued; last bits */
	u8 handshake_retransmits; /* SYNs, or SYN-ACKs, sent again; known once it is established */
	u8 held; /* the last window whose sweep found it with `pid`, or in which that became its owner; last
		    bits */
	u32 parent_pid; /* who started `pid`, when that became its owner */
	char parent_name[16];
};

/* The kernel has 72 bytes of its own with each, and nothing between 192 and 256. */
_Static_assert(sizeof(struct connection) <= 120, "a connection fits into 192 bytes of the kernel's memory");

/* What another build may look at (succession.h): with that every struct connection begins, in all builds. */
struct begun {
	u64 started_ns;
	u32 reported;
	u8 flags;
};

#define BEGINS_WITH(field) \
	(__builtin_offsetof(struct connection, field) == __builtin_offsetof(struct begun, field))
_Static_assert(BEGINS_WITH(started_ns) && BEGINS_WITH(reported) && BEGINS_WITH(flags), "where others look");

enum role { ROLE_NONE, ROLE_LISTENER, ROLE_EGRESS, ROLE_INGRESS };

/* These four, and CONNECTION_ADOPTED, are the same in all builds. */
#define REPORTED_ENDED	     (1u << 31)
#define REPORTED_ESTABLISHED (1u << 30)
#define REPORTED_OPENED	     (1u << 29)
#define REPORTED_WINDOW_MASK (REPORTED_OPENED - 1)

#define CONNECTION_ESTABLISHED	  1
#define CONNECTION_ADOPTED	  2
#define CONNECTION_RESET_RECEIVED 4
#define CONNECTION_RESET_SENT	  8
#define CONNECTION_PROCESS_EXITED 16
#define CONNECTION_HAS_LATENCY	  32

/*
 * connections: what is known of a socket.
 * Key: the socket. Value: struct connection.
 * Inserts: SYN_SENT, LISTEN, the sweep (older sockets); the kernel clones a listener's value into each child.
 * Deletes: the kernel, with the socket. Full: no memory, LOSS_CONNECTIONS_UNTRACKED.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps") __weak;

/*
 * predecessor: `connections` of the generation that counted before this one, while both do (succession.h).
 * Key: the socket. Value: begins with struct begun; the agent puts the real map here.
 * Inserts: that generation. Deletes: the kernel, with the socket; the sweep. Full: cannot be.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct begun);
} predecessor SEC(".maps") __weak;

/*
 * flows_a, flows_b: exact sums of one window; one is live while the other is read.
 * Key: struct flow_key. Value: struct flow.
 * Inserts: a connection's end; the sweep. Deletes: the agent, once the window is delivered.
 * Full: rows fold (flow.h): address to prefix, to the owner's total, to the node's total; the node's rows
 * always exist.
 */
struct flow_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* memory for the rows in use; a deleted row is not reused under
						 a reader */
	__uint(max_entries, FLOWS_MAX);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows_a SEC(".maps") __weak, flows_b SEC(".maps") __weak;

#define FLOWS_LIVE    0
#define FLOWS_CLOSING 1

/*
 * flows: which map is live and which is being closed.
 * Key: FLOWS_LIVE or FLOWS_CLOSING. Value: flows_a or flows_b.
 * Inserts: the agent; the update returns when no program uses the old one any more. Deletes: nobody. Full:
 * cannot be.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, u32);
	__array(values, struct flow_map);
} flows SEC(".maps") __weak;

/*
 * owner_ids: from an owner to its number.
 * Key: struct owner_key. Value: number.
 * Inserts: the first connect, listen, close or sweep of that owner. Deletes: the agent, those longest unused.
 * Full: a coarser owner (owner.h), at last number 0 (unknown); LOSS_OWNERS_*.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, OWNERS_MAX);
	__type(key, struct owner_key);
	__type(value, u32);
} owner_ids SEC(".maps") __weak;

/*
 * owners: from a number back to the owner; the agent reads it in place.
 * Key: place. Value: struct owner; 0 is nobody known.
 * Inserts: with owner_ids. Deletes: the agent, after its key. Full: with owner_ids.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, OWNERS_MAX);
	__type(key, u32);
	__type(value, struct owner);
} owners SEC(".maps") __weak;

/*
 * netns_ids: from a network namespace to its number.
 * Key: cookie. Value: number.
 * Inserts: the first socket met in it. Deletes: the agent, those that are gone and told of.
 * Full: number 0, LOSS_NAMESPACES_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NAMESPACES_MAX);
	__type(key, u64);
	__type(value, u32);
} netns_ids SEC(".maps") __weak;

/*
 * namespaces: the programs' count of what the kernel counts, per namespace; the agent reads it in place.
 * Key: place. Value: struct netns; 0 holds those that found no room, or whose number is another's.
 * Inserts: with netns_ids. Deletes: the agent, after its key. Full: with netns_ids.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NAMESPACES_MAX);
	__type(key, u32);
	__type(value, struct netns);
} namespaces SEC(".maps") __weak;

/*
 * numbers: the free places of both tables; the agent writes it in place.
 * Key: enum table. Value: struct numbers. Inserts: the agent, before the programs run. Deletes: nobody.
 * Full: a place waits until one is taken.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TABLE_COUNT);
	__type(key, u32);
	__type(value, struct numbers);
} numbers SEC(".maps") __weak;

/*
 * shares: how many owners each user has, so that none takes all places.
 * Key: 0. Value: struct shares; users of the same hash have one together.
 * Inserts: the kernel at creation. Deletes: nobody. Full: cannot be.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shares);
} shares SEC(".maps") __weak;

/*
 * listeners: the inventory of TCP listeners. `connections` has their records too, and cannot be read from
 * outside.
 * Key: socket cookie. Value: struct listener.
 * Inserts: LISTEN; the sweep (older sockets). Deletes: the agent, those that are gone, once that is told.
 * Full: LOSS_LISTENERS_FULL; that listener is not told, its connections are.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, u64);
	__type(value, struct listener);
} listeners SEC(".maps") __weak;

/*
 * scope: the namespaces that this instance looks at, when control.scoped says so.
 * Key: cookie. Value: 1. Inserts: the agent. Deletes: the agent. Full: refused by the agent's configuration.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NAMESPACES_MAX);
	__type(key, u64);
	__type(value, u8);
} scope SEC(".maps") __weak;

/*
 * events: single connections, for the agent to drain at its own pace (no wake-ups).
 * Key: none. Value: struct event. Inserts: establishment and end. Deletes: the agent, by reading.
 * Full: LOSS_EVENTS_RING_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES_MAX);
} events SEC(".maps") __weak;

/* What is known of a socket that speaks DNS: who sent from it last, and where its next message begins. */
struct dns_socket {
	u64 pid_started_ns;
	u32 owner;
	u32 pid;
	u32 netns; /* 0: not known yet */
	u32 next[2]; /* TCP sequence number of the next message's length; received, sent */
	u8 in_step[2]; /* whether `next` holds */
	u8 attribution;
	u8 padding;
};

/*
 * dns_sockets: who asks and who answers; what is received comes in nobody's context.
 * Key: the socket. Value: struct dns_socket.
 * Inserts: its bind, the sweep, or its first DNS message. Deletes: the kernel, with the socket.
 * Full: no memory, LOSS_DNS_SOCKETS_UNTRACKED.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_socket);
} dns_sockets SEC(".maps") __weak;

enum tells {
	TELLS_RESET_RECEIVED,
	TELLS_RESET_SENT,
	TELLS_REFUSAL,
	TELLS_TCP_ERROR,
	TELLS_UDP_ERROR,
	TELLS_RETRANSMIT,
	TELLS_SYNACK_RETRANSMIT
};

struct telling {
	u64 program; /* enum tells */
	u64 first; /* what the kernel calls it with */
	u64 second;
};

/*
 * telling: calls of the programs that the kernel makes just now, and that one of those on the hook has told.
 * Key: the call. Value: 1. Only where several programs look. Inserts: the first of them that is let to.
 * Deletes: the last, and the map for one that was not let to, the oldest first. Full: cannot be.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TELLING_MAX);
	__type(key, struct telling);
	__type(value, u8);
} telling SEC(".maps") __weak;

/*
 * dns_packets: DNS messages, for the agent to drain at its own pace (no wake-ups).
 * Key: none. Value: struct dns_packet. Inserts: a message sent or received. Deletes: the agent, by reading.
 * Full: LOSS_DNS_RING_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DNS_BYTES_MAX);
} dns_packets SEC(".maps") __weak;

/* What the agent wrote down when it began to count, for the next agent. */
struct generation {
	u32 length;
	char text[GENERATION_BYTES_MAX];
};

/*
 * generation: with whom these maps began, so that they need no file beside them; no program reads it.
 * Key: 0. Value: struct generation. Inserts: the agent, before it pins the maps. Deletes: nobody.
 * Full: the maps are not pinned, and the agent says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct generation);
} generation SEC(".maps") __weak;

struct shared {
	struct control control;
	u32 sweeper; /* the process that runs the sweep: it holds files, and may be the one that lets go last
		      */
	u32 sweeper_thread; /* that has a socket locked only to look at it; 0 when none does */
	u32 walk; /* through the file tables, the last one */
	u32 walk_cut; /* … the last one for whose holders there was no room */
	u32 udp_unswept; /* flows of the closed window that are not in its rows yet: the sweep is to go on */
	/* Written with events, on all CPUs: not in a cache line that every program reads. */
	u64 losses[LOSS_COUNT] __attribute__((aligned(64)));
	u64 event_due_ns[EVENT_CLASS_COUNT];
	u64 dns_told; /* messages that were put into the ring */
	u64 stood_in; /* runs of a program that was left out, made up for by one that stands in */
	u64 resets[RESET_REASONS_MAX]; /* sent, by the running kernel's enum sk_rst_reason */
};

/*
 * shared: control words from the agent, counters to it, mapped by it.
 * Key: 0. Value: struct shared. Inserts: the kernel at creation. Deletes: nobody. Full: cannot be.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shared);
} shared SEC(".maps") __weak;

/* The agent sets it where the kernel leaves out runs of a program, so that others must stand in. */
const volatile bool leaves_out __weak = false;

/* The agent sets it where sockets that are found through files must not be touched: the sweep has two parts. */
const volatile bool sweeps_in_two __weak = false;

static __always_inline struct shared *shared_state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&shared, &zero); /* inlined by the verifier to an address */
}

static __always_inline void lose(enum loss reason, u64 count)
{
	struct shared *s = shared_state();

	if (s)
		__sync_fetch_and_add(&s->losses[reason], count);
}

/* Whether somebody will read what is counted. Every program that counts asks first. */
static __always_inline bool counting(void)
{
	struct shared *s = shared_state();

	return s && s->control.stopped == STOPPED_NO;
}

/* At a connection's begin, where the time is known anyway: are the programs left alone for good? */
static __always_inline void look_for_agent(u64 now)
{
	struct shared *s = shared_state();

	if (s && s->control.orphan_ns && (s64)(now - s->control.seen_ns) > (s64)s->control.orphan_ns)
		s->control.stopped = STOPPED_ORPHANED;
}
