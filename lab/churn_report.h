/* SPDX-License-Identifier: Apache-2.0 */
/* Part of churn.c: the truth, as one line of JSON. */

static void report_row(const struct row *row, const char *direction)
{
	const struct target *t = &targets[row->target];
	char ip[INET6_ADDRSTRLEN] = "";
	const void *address = row->address.ss_family == AF_INET6
				      ? (const void *)&((const struct sockaddr_in6 *)&row->address)->sin6_addr
				      : (const void *)&((const struct sockaddr_in *)&row->address)->sin_addr;
	inet_ntop(row->address.ss_family, address, ip, sizeof(ip));
	int refused = t->talk.action == REFUSED;
	uint64_t talks = refused ? 0 : row->connections;
	printf("{\"direction\":\"%s\",\"state\":\"%s\",\"established\":%s,%s,", direction,
	       actions[t->talk.action].state, refused ? "false" : "true", actions[t->talk.action].json);
	printf("\"destinationIp\":\"%s\",\"destinationPort\":%ld,\"connections\":%lu,", ip, t->port,
	       row->connections);
	printf("\"bytesSent\":%lu,\"bytesReceived\":%lu}", talks * (uint64_t)t->talk.send,
	       talks * (uint64_t)t->talk.receive);
}

/* Prints the truth; 1 when anything went otherwise than planned. */
static int report(const char *name, uint64_t elapsed_ns)
{
	struct stat st;
	unsigned long netns = stat("/proc/self/ns/net", &st) < 0 ? 0 : st.st_ino;
	int surprises = 0;
	printf("{\"role\":\"%s\",\"name\":\"%s\",\"netns\":%lu,\"elapsedNs\":%lu,\"processes\":[",
	       is_client ? "client" : "server", name, netns, elapsed_ns);
	for (int i = 0; i < worker_count; i++) {
		const struct worker *w = &workers[i];
		printf("%s{\"process\":\"%s\",\"pid\":%d,\"connections\":%lu,\"cpuUserNs\":%lu,"
		       "\"cpuSystemNs\":%lu,"
		       "\"connectionMinNs\":%lu,\"connectionMedianNs\":%lu,\"unexpected\":{",
		       i ? "," : "", w->name, w->pid, w->connections, w->user_ns, w->system_ns, w->min_ns,
		       w->median_ns);
		for (int s = 0; s < w->surprises; s++)
			printf("%s\"%s\":%lu", s ? "," : "", w->surprise[s].what, w->surprise[s].count);
		printf("},\"ends\":[");
		for (int r = 0; r < w->rows; r++) {
			printf("%s", r ? "," : "");
			report_row(&w->row[r], is_client ? "egress" : "ingress");
		}
		printf("]}");
		surprises += w->surprises;
	}
	printf("]}\n");
	return surprises > 0;
}
