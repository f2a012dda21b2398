/* SPDX-License-Identifier: Apache-2.0 */
/* Part of actor.c: what a socket looks like now, and waiting until it looks as wished. */

static const char *const tcp_states[] = {"NONE",       "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
					 "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
					 "CLOSE_WAIT", "LAST_ACK",    "LISTEN",	   "CLOSING"};

static int tcp_info_of(int fd, struct tcp_info *info)
{
	socklen_t length = sizeof(*info);
	memset(info, 0, sizeof(*info));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length);
}

static const char *state_name(const struct tcp_info *info)
{
	size_t known = sizeof(tcp_states) / sizeof(*tcp_states);
	return info->tcpi_state < known ? tcp_states[info->tcpi_state] : "UNKNOWN";
}

/* port N: the local port */
static void do_port(char **w, int n)
{
	(void)n;
	answer("ok %d", port_of(socket_of(w[0])));
}

/*
 * info N: TCP_INFO as JSON. The bytes are payload: what was sent at least once, what arrived in order (read
 * or not).
 */
static void do_info(char **w, int n)
{
	(void)n;
	struct tcp_info i;
	if (tcp_info_of(socket_of(w[0]), &i) < 0) {
		answer_errno(errno);
		return;
	}
	answer("ok {\"state\":\"%s\",\"bytesSent\":%llu,\"bytesRetransmitted\":%llu,\"bytesReceived\":%llu,"
	       "\"retransmits\":%u,\"segmentsOut\":%u,\"segmentsIn\":%u,\"rttUs\":%u,\"rttMinUs\":%u,"
	       "\"busyUs\":%llu,\"peerWindowUs\":%llu,\"sendBufferUs\":%llu}",
	       state_name(&i), i.tcpi_bytes_sent - i.tcpi_bytes_retrans, i.tcpi_bytes_retrans,
	       i.tcpi_bytes_received, i.tcpi_total_retrans, i.tcpi_segs_out, i.tcpi_segs_in, i.tcpi_rtt,
	       i.tcpi_min_rtt, i.tcpi_busy_time, i.tcpi_rwnd_limited, i.tcpi_sndbuf_limited);
}

/*
 * Whether a socket is as wished: state (equal), retransmits and unread bytes (at least), unacked bytes (at
 * most).
 */
static int is_so(int fd, const char *field, const char *wish)
{
	struct tcp_info info;
	int value = 0;
	if (!strcmp(field, "unread"))
		return ioctl(fd, SIOCINQ, &value) == 0 && value >= atoi(wish);
	if (!strcmp(field, "unacked"))
		return ioctl(fd, SIOCOUTQ, &value) == 0 && value <= atoi(wish);
	if (tcp_info_of(fd, &info) < 0)
		return 0;
	if (!strcmp(field, "retransmits"))
		return (int)info.tcpi_total_retrans >= atoi(wish);
	return !strcmp(state_name(&info), wish);
}

/* until N state|retransmits|unread|unacked WISH MS: the answer is ok once it is so */
static void do_until(char **w, int n)
{
	(void)n;
	long deadline = deadline_after(w[3]);
	while (!is_so(socket_of(w[0]), w[1], w[2])) {
		if (now_ms() > deadline) {
			answer("err LATE");
			return;
		}
		poll(NULL, 0, pollStepMs);
	}
	answer("ok");
}
