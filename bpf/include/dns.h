/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Sockets that speak DNS: on which ports, and whose they are. */
#pragma once

#include "netns.h"
#include "owner.h"

static __always_inline bool is_dns_port(const struct shared *s, u16 a, u16 b)
{
#pragma unroll
	for (int i = 0; i < DNS_PORTS_MAX; i++) {
		u32 port = s->control.dns_ports[i];

		if (port && (port == a || port == b))
			return true;
	}
	return false;
}

static __always_inline void dns_socket_owned_by(struct dns_socket *d, struct task_struct *task, u32 netns,
						u8 attribution)
{
	d->netns = netns;
	d->owner = owner_id(task);
	d->pid = task->tgid;
	d->pid_started_ns = task->group_leader->start_boottime;
	if (task->flags & PF_KTHREAD)
		attribution = OWNER_KERNEL;
	d->attribution = d->owner ? attribution : OWNER_UNKNOWN;
}
