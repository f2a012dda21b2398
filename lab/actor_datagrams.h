/* SPDX-License-Identifier: Apache-2.0 */
/* Part of actor.c: datagrams. Their payload is zeros; what counts is how many, how large, and how they go. */

enum { datagramMax = 65507, batchMax = 64 };

static char datagram[1 << 16];

/* An address "-" is none: the socket is connected. */
static socklen_t datagram_to(int fd, char **w, struct sockaddr_storage *to)
{
	return !strcmp(w[0], "-") ? 0 : address_for(fd, w[0], w[1], to);
}

static int send_again(int fd, const struct msghdr *message)
{
	while (sendmsg(fd, message, 0) < 0)
		if (errno != EAGAIN || wait_for(fd, POLLOUT, now_ms() + waitMaxMs) <= 0)
			return -1;
	return 0;
}

/* As many as one call takes, until all are sent. */
static int send_many(int fd, const struct msghdr *message, long count)
{
	struct mmsghdr batch[batchMax];
	while (count > 0) {
		unsigned int want = count > batchMax ? batchMax : (unsigned int)count;
		for (unsigned int i = 0; i < want; i++)
			batch[i] = (struct mmsghdr){.msg_hdr = *message};
		int sent = sendmmsg(fd, batch, want, 0);
		if (sent > 0)
			count -= sent;
		else if (errno != EAGAIN || wait_for(fd, POLLOUT, now_ms() + waitMaxMs) <= 0)
			return -1;
	}
	return 0;
}

/* One large buffer that the kernel cuts into datagrams (UDP_SEGMENT). */
static int send_cut(int fd, struct msghdr *message, long count, uint16_t bytes)
{
	char control[CMSG_SPACE(sizeof(bytes))] = {0};
	long each = datagramMax / bytes < batchMax ? datagramMax / bytes : batchMax;
	message->msg_control = control;
	message->msg_controllen = sizeof(control);
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	*head = (struct cmsghdr){
		.cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(bytes))};
	memcpy(CMSG_DATA(head), &bytes, sizeof(bytes));
	for (; count > 0; count -= each) {
		message->msg_iov->iov_len = (size_t)(count < each ? count : each) * bytes;
		if (send_again(fd, message) < 0)
			return -1;
	}
	return 0;
}

/* datagrams N IP|- PORT COUNT BYTES HOW: one by one, `many` to a call, or `cut` by the kernel */
static void do_datagrams(char **w, int n)
{
	(void)n;
	int fd = socket_of(w[0]), result = 0;
	struct sockaddr_storage to;
	struct iovec part = {.iov_base = datagram, .iov_len = (size_t)atol(w[4])};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	long count = atol(w[3]);
	message.msg_namelen = datagram_to(fd, w + 1, &to);
	message.msg_name = message.msg_namelen ? &to : NULL;
	if (!strcmp(w[5], "many"))
		result = send_many(fd, &message, count);
	else if (!strcmp(w[5], "cut"))
		result = send_cut(fd, &message, count, (uint16_t)atoi(w[4]));
	else
		for (; count > 0 && !result; count--)
			result = send_again(fd, &message);
	answer_result(result);
}

/* payload N IP PORT HEX: one datagram with these bytes */
static void do_payload(char **w, int n)
{
	(void)n;
	unsigned char bytes[datagramMax];
	struct sockaddr_storage to;
	int fd = socket_of(w[0]);
	socklen_t length = datagram_to(fd, w + 1, &to);
	size_t count = 0;
	for (const char *at = w[3]; count < sizeof(bytes) && sscanf(at, "%2hhx", bytes + count) == 1; at += 2)
		count++;
	answer_result(sendto(fd, bytes, count, 0, (struct sockaddr *)&to, length) < 0 ? -1 : 0);
}

/*
 * take N COUNT MS BYTES: receives so many datagrams; answers each with one of BYTES unless that is "-"; says
 * the bytes received
 */
static void do_take(char **w, int n)
{
	(void)n;
	int fd = socket_of(w[0]), reply = strcmp(w[3], "-");
	long got = 0, deadline = deadline_after(w[2]);
	for (long left = atol(w[1]); left > 0;) {
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		ssize_t r = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &length);
		if (r >= 0) {
			got += r;
			left--;
			if (reply &&
			    sendto(fd, datagram, (size_t)atol(w[3]), 0, (struct sockaddr *)&from, length) <
				    0) {
				answer_errno(errno);
				return;
			}
		} else if (errno != EAGAIN) {
			answer_errno(errno);
			return;
		} else if (wait_for(fd, POLLIN, deadline) <= 0) {
			answer("err LATE");
			return;
		}
	}
	answer("ok %ld", got);
}

/*
 * flows KIND IP PORT COUNT BYTES FIRST: so many sockets, one after another, from port FIRST on (0: any); each
 * sends one datagram and is closed
 */
static void do_flows(char **w, int n)
{
	(void)n;
	int family = !strcmp(w[0], "udp6") ? AF_INET6 : AF_INET, first = atoi(w[5]);
	for (long i = 0; i < atol(w[3]); i++) {
		struct sockaddr_storage to;
		/* Both families keep the port at the same place; the address is any. */
		struct sockaddr_in6 from = {.sin6_family = (sa_family_t)family,
					    .sin6_port = htons(first ? (uint16_t)(first + i) : 0)};
		int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t length = address_for(fd, w[1], w[2], &to);
		if (fd < 0 || bind(fd, (struct sockaddr *)&from, length) < 0 ||
		    connect(fd, (struct sockaddr *)&to, length) < 0 ||
		    send(fd, datagram, (size_t)atol(w[4]), 0) < 0) {
			answer_errno(errno);
			close(fd);
			return;
		}
		close(fd);
	}
	answer("ok");
}
