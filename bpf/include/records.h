/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the kernel programs tell the agent. The agent reads these layouts from this object's BTF when it loads
 * it; nothing restates an offset. Enumerators carry their meaning in their name: the agent derives the words
 * of the record from them (STATE_TIMED_OUT is `timed_out`), so a word is written once.
 */
#pragma once

#include "kernel.h"
#include "limits.h"

enum direction { DIRECTION_NONE, DIRECTION_EGRESS, DIRECTION_INGRESS };

enum state {
	STATE_OPEN,
	STATE_CLOSED,
	STATE_REFUSED,
	STATE_TIMED_OUT,
	STATE_CANCELED,
	STATE_UNREACHABLE,
	STATE_RESET,
	STATE_FAILED,
	STATE_COUNT,
};

enum reset_side { RESET_NONE, RESET_LOCAL, RESET_REMOTE, RESET_ADMIN };

enum timeout_by { TIMEOUT_NONE, TIMEOUT_KERNEL, TIMEOUT_APPLICATION };

enum close_reason {
	CLOSE_UNKNOWN,
	CLOSE_FIN_LOCAL,
	CLOSE_FIN_REMOTE,
	CLOSE_FIN_BOTH,
	CLOSE_RESET_SENT,
	CLOSE_RESET_RECEIVED,
	CLOSE_TIMEOUT,
	CLOSE_KEEPALIVE,
	CLOSE_PROCESS_EXIT,
	CLOSE_ADMIN,
	CLOSE_ABORTED,
};

enum attribution { OWNER_UNKNOWN, OWNER_EXACT, OWNER_INHERITED, OWNER_SCANNED, OWNER_KERNEL };

/* How much of its addresses a flow row keeps. FORM_METER rows are no flows: they count an owner's rows in
 * this window. */
enum form { FORM_EXACT, FORM_PREFIX, FORM_FOLDED, FORM_METER };

enum moment { MOMENT_ESTABLISHED, MOMENT_ENDED };

/* Why something that happened is not told one by one, or not kept in full. Each is counted; none is silent.
 */
enum loss {
	LOSS_EVENTS_SUPPRESSED, /* the token bucket was empty */
	LOSS_EVENTS_RING_FULL,
	LOSS_FLOWS_TO_PREFIX, /* connections counted under a shorter address than theirs … */
	LOSS_FLOWS_TO_OWNER, /* … under their owner's total … */
	LOSS_FLOWS_TO_NODE, /* … under the node's total */
	LOSS_FLOWS_NO_ROW, /* not even that: the agent forgot to lay the node's rows */
	LOSS_OWNERS_TO_EXECUTABLE, /* owners told without name and control group … */
	LOSS_OWNERS_TO_USER, /* … as nobody of that user … */
	LOSS_OWNERS_FULL, /* … as nobody */
	LOSS_NAMESPACES_FULL,
	LOSS_CONNECTIONS_UNTRACKED, /* no socket storage could be had */
	LOSS_LISTENERS_FULL, /* sights of a listener that found no room in the inventory */
	LOSS_DNS_QUERIES_SUPPRESSED, /* the token bucket of DNS queries was empty … */
	LOSS_DNS_RESPONSES_SUPPRESSED, /* … of responses */
	LOSS_DNS_RING_FULL,
	LOSS_DNS_SEGMENTS_UNREAD, /* TCP: out of order, or a message's head is not in one piece */
	LOSS_DNS_SOCKETS_UNTRACKED, /* messages of sockets that no storage could be had for */
	LOSS_UDP_FLOWS_FULL, /* datagrams counted in their owner's row without a flow … */
	LOSS_UDP_FLOWS_CUT, /* … flows ended before their time: no room in the next window's map */
	LOSS_UDP_SOCKETS_UNKNOWN, /* datagrams received by a socket that nobody saw made, and not swept yet */
	LOSS_HOLDERS_FULL, /* holders of sockets that the sweep found no room for */
	LOSS_COUNT,
};

/* How a number is made, from its lowest bit up (numbers.h). */
struct number {
	u16 place;
	u16 turn;
};

/* What is at a place in a table of numbers. */
enum place {
	PLACE_FREE, /* to be taken */
	PLACE_TAKEN, /* being filled in */
	PLACE_KNOWN, /* the record is whole */
	PLACE_RETIRED, /* the agent takes it back; its key goes first … */
	PLACE_FORGOTTEN, /* … and is gone */
};

/* One distinct caller or server: what it runs, as whom, where. */
struct owner_key {
	u64 cgroup;
	u64 exe_inode;
	u32 exe_device;
	u32 uid;
	char comm[16]; /* the group leader's: thread names are not process names */
};

struct owner {
	struct owner_key key;
	u64 first_pid_started_ns; /* boot time; with first_pid, a process that is this owner: where to look it
				     up */
	u32 first_pid;
	u32 place; /* enum place; PLACE_KNOWN is set last */
	u32 turn; /* the upper half of its number */
	u32 used; /* the window that last knew it in use */
	u8 path_lengths[OWNER_PATH_DEPTH_MAX]; /* of the whole name; longer than the room: it was not kept */
	char path[OWNER_PATH_DEPTH_MAX][OWNER_PATH_NAME_MAX]; /* executable, its folder, and so on up */
};

/* The programs' own count of what the kernel counts per network namespace, protocol 6 only, since attach. */
struct netns {
	u64 cookie;
	u32 inode;
	u32 place; /* as an owner's */
	u32 turn;
	u32 padding;
	u64 active_opens;
	u64 passive_opens;
	u64 attempt_fails; /* without the kernel's EmbryonicRsts, which no hook shows */
	u64 estab_resets;
	u64 retrans_segs;
	u64 out_rsts;
	u64 untracked; /* connections without a record: no memory for one */
};

/* Addresses are IPv6; IPv4 is ::ffff:a.b.c.d, whether the socket was AF_INET or a mapped AF_INET6 one. */
struct flow_key {
	u32 netns;
	u32 owner;
	u8 direction;
	u8 transport;
	u8 state;
	u8 established;
	u8 form;
	u8 attribution;
	u16 service_port;
	u8 source[16]; /* ingress only: who called; a prefix when public */
	u8 destination[16];
};

struct flow {
	u64 opened;
	u64 adopted;
	u64 established;
	u64 ended;
	u64 open;
	u64 bytes_sent;
	u64 bytes_received;
	u64 segments_sent;
	u64 segments_received;
	u64 retransmits;
	u64 handshake_retransmits; /* of these, SYNs (egress) or SYN-ACKs (ingress) */
	u64 resets_sent;
	u64 resets_received;
	u64 latency_sum_us;
	u64 timeouts_by_application;
	u64 refusals; /* SYNs to a port where nobody listens, answered by a reset; no connections */
	u64 busy_jiffies; /* with something to send … */
	u64 peer_window_jiffies; /* … of these, held up by the peer's receive window … */
	u64 send_buffer_jiffies; /* … or by its own send buffer */
	u64 rtt_sum_us; /* smoothed, of the sockets looked at */
	u64 unread_bytes; /* in receive queues, when looked at */
	u32 rtt_count;
	u32 rtt_min_us; /* 0: none was measured */
	u32 unread_connections;
	u32 waiting_connections; /* for the answering side's application, when looked at */
	u32 waiting_jiffies_max;
	u32 padding;
	u32 latency[LATENCY_BUCKET_COUNT];
};

/* One connection end at one moment. */
struct event {
	u64 at_ns;
	u64 started_ns;
	u64 cookie;
	u64 pid_started_ns;
	u64 bytes_sent;
	u64 bytes_received;
	u8 source[16];
	u8 destination[16];
	char parent_name[16];
	u32 parent_pid; /* who started `pid`; 0: not known */
	u32 netns;
	u32 owner;
	u32 pid;
	u32 sequence;
	u32 latency_us;
	u32 segments_sent;
	u32 segments_received;
	u32 retransmits;
	u32 handshake_retransmits;
	u32 busy_jiffies;
	u32 peer_window_jiffies;
	u32 send_buffer_jiffies;
	u32 rtt_us;
	u32 rtt_min_us;
	u32 unread_bytes;
	u32 waiting_jiffies;
	u16 source_port;
	u16 destination_port;
	u16 error;
	u8 moment;
	u8 state;
	u8 direction;
	u8 attribution;
	u8 established;
	u8 adopted;
	u8 has_latency;
	u8 reset_side;
	u8 close_reason;
	u8 timeout_by;
	u8 detail; /* the policy wanted it; otherwise only a live trace did */
};

/* A DNS message that a socket of this host sent or received, as this end sees it. */
struct dns_head {
	u64 at_ns;
	u64 cookie; /* of the socket */
	u64 number; /* counts from 0: which of all that were told since counting began */
	u64 pid_started_ns;
	u8 local[16];
	u8 remote[16];
	u32 netns; /* 0: not known yet */
	u32 owner;
	u32 pid;
	u16 local_port;
	u16 remote_port;
	u16 length; /* of the message */
	u16 captured; /* of which this much is here */
	u8 direction; /* of the message: sent is egress */
	u8 transport;
	u8 attribution;
	u8 padding;
};

struct dns_packet {
	struct dns_head head;
	u8 message[DNS_MESSAGE_MAX];
};

enum table { TABLE_OWNERS, TABLE_NAMESPACES, TABLE_COUNT };

/* Why the programs count no more. */
enum stopped { STOPPED_NO, STOPPED_BY_AGENT, STOPPED_ORPHANED };

/* A TCP listener as it was when it was last looked at. Its counts are since it is known. */
struct listener {
	u64 pid_started_ns;
	u8 address[16];
	u32 netns;
	u32 owner;
	u32 pid;
	u32 backlog; /* connections that wait to be accepted */
	u32 backlog_max;
	u32 waiting_jiffies; /* how long the first of them has, if … */
	u32 drops; /* SYNs and ACKs that it let fall */
	u32 drops_before; /* … before it was known */
	u32 synack_retransmits;
	u32 resets_sent; /* while it held connections that were not established */
	u32 first; /* the window in which it became known */
	u32 gone; /* set last: closed, and nobody writes here any more */
	u16 port;
	u8 ipv6;
	u8 attribution;
	u8 waiting_known; /* … that could be told */
	u8 padding[3];
};

/* What the agent may change while the programs run. All of it outlives the agent where the maps are pinned.
 */
struct control {
	u64 seen_ns; /* when an agent last looked; CLOCK_MONOTONIC */
	u64 orphan_ns; /* how long after that the programs go idle; 0: never */
	u64 closed_at_ms; /* wall time at which the closing of `window` began */
	u32 window; /* the newest window whose closing has begun; its parity says which map is live */
	u32 cleared; /* the newest window whose rows are gone: `window`, or the one before */
	enum stopped stopped;
	u32 seeding; /* the sweep only makes records for what is already there */
	u32 scoped; /* only the namespaces in `scope` */
	u32 detail_closed; /* rows of healthy connections keep their addresses (profile connections and up) */
	u32 trace; /* somebody watches: every connection is an event */
	u32 slow_us; /* an established connection slower than this is an event; 0: none is */
	u32 udp_idle_ms; /* a UDP flow that is quiet for so long has ended */
	u32 udp; /* the signal is on: the sweep looks for holders of UDP sockets … */
	u32 dns; /* … of those that speak DNS */
	u32 succeeding; /* another generation is attached too, or was … */
	u32 forgetting; /* … and the sweep removes what that one kept with each socket */
	u64 event_gap_ns[EVENT_CLASS_COUNT]; /* token bucket: time per event, and how much may be saved up */
	u64 event_burst_ns[EVENT_CLASS_COUNT];
	u32 dns_ports[DNS_PORTS_MAX]; /* where DNS is spoken; 0: none */
};

/* The free places of a table; counts that wrap. */
struct numbers {
	u32 taken; /* by the programs, so far */
	u32 given; /* by the agent, so far: the difference is free */
	u16 places[PLACES_RING];
};

/* Places of the table of owners that a user has: `taken` less `freed`. */
struct share {
	u32 taken; /* by the programs */
	u32 freed; /* by the agent */
};

struct shares {
	struct share of[SHARES_COUNT]; /* by a hash of the user's number */
};

_Static_assert(sizeof(struct flow_key) == 48, "flow_key has no padding: it is hashed as bytes");
_Static_assert(sizeof(struct owner_key) == 40, "owner_key has no padding: it is hashed as bytes");
_Static_assert(sizeof(struct flow) % 8 == 0, "read in batches as an array");
_Static_assert(sizeof(struct listener) % 8 == 0, "read in batches as an array");
