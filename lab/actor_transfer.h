/* SPDX-License-Identifier: Apache-2.0 */
/* Part of actor.c: payload, and the ways to end. */

/* send N BYTES MS: all of them are in the send queue when it answers */
static void do_send(char **w, int n)
{
	(void)n;
	static const char zeros[1 << 16];
	long left = atol(w[1]), deadline = deadline_after(w[2]);
	while (left > 0) {
		size_t part = left > (long)sizeof(zeros) ? sizeof(zeros) : (size_t)left;
		ssize_t sent = send(socket_of(w[0]), zeros, part, MSG_NOSIGNAL);
		if (sent > 0) {
			left -= sent;
		} else if (errno != EAGAIN && errno != EINPROGRESS) {
			answer_errno(errno);
			return;
		} else if (wait_for(socket_of(w[0]), POLLOUT, deadline) <= 0) {
			answer("err LATE");
			return;
		}
	}
	answer("ok");
}

/*
 * recv N BYTES MS: exactly so many. BYTES "end": until the peer's FIN (ok) or an error; answers the bytes
 * read.
 */
static void do_recv(char **w, int n)
{
	(void)n;
	static char sink[1 << 16];
	int to_end = !strcmp(w[1], "end");
	long want = to_end ? 0 : atol(w[1]), got = 0, deadline = deadline_after(w[2]);
	while (to_end || got < want) {
		long part = to_end || want - got > (long)sizeof(sink) ? (long)sizeof(sink) : want - got;
		ssize_t r = recv(socket_of(w[0]), sink, (size_t)part, 0);
		if (r > 0) {
			got += r;
		} else if (r == 0) {
			if (!to_end) {
				answer("err EOF");
				return;
			}
			break;
		} else if (errno != EAGAIN) {
			answer_errno(errno);
			return;
		} else if (wait_for(socket_of(w[0]), POLLIN, deadline) <= 0) {
			answer("err LATE");
			return;
		}
	}
	answer("ok %ld", got);
}

static void do_shutdown(char **w, int n)
{
	(void)n;
	answer_result(shutdown(socket_of(w[0]), !strcmp(w[1], "read") ? SHUT_RD : SHUT_WR));
}

static void do_close(char **w, int n)
{
	(void)n;
	int result = close(socket_of(w[0]));
	sockets[atoi(w[0])] = -1;
	answer_result(result);
}
