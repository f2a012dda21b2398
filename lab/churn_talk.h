/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of churn.c: one connection from beginning to end.
 *
 * Every conversation says who ends it, and the other side waits for that end. Nothing is closed with unread
 * data by accident (that would be a reset), and a client's next connection begins when the last one has been
 * dealt with, so that an accept queue never holds more than one connection per client worker.
 */

enum action { FIN_LOCAL, FIN_REMOTE, ABORTED, RESET_RECEIVED, REFUSED, ACTIONS };

/* The words of src/model/connection.ts, from the point of view of the end that is told to do it. */
static const struct {
	const char *word, *state, *json;
} actions[ACTIONS] = {
	[FIN_LOCAL] = {"fin_local", "closed", "\"closeReason\":\"fin_local\""},
	[FIN_REMOTE] = {"fin_remote", "closed", "\"closeReason\":\"fin_remote\""},
	[ABORTED] = {"aborted", "reset", "\"resetSide\":\"local\",\"closeReason\":\"aborted\""},
	[RESET_RECEIVED] = {"reset_received", "reset",
			    "\"resetSide\":\"remote\",\"closeReason\":\"reset_received\""},
	[REFUSED] = {"refused", "refused", "\"error\":\"ECONNREFUSED\""},
};

struct talk {
	enum action action;
	long send, receive; /* payload bytes, as this end sees it */
};

/* What went otherwise than planned; NULL when nothing did. */
typedef const char *verdict;

static verdict send_all(int fd, long bytes)
{
	static const char zeros[1 << 16];
	while (bytes > 0) {
		size_t part = bytes > (long)sizeof(zeros) ? sizeof(zeros) : (size_t)bytes;
		ssize_t n = send(fd, zeros, part, MSG_NOSIGNAL);
		if (n < 0)
			return "send";
		bytes -= n;
	}
	return NULL;
}

static verdict receive_all(int fd, long bytes)
{
	static char sink[1 << 16];
	while (bytes > 0) {
		size_t part = bytes > (long)sizeof(sink) ? sizeof(sink) : (size_t)bytes;
		ssize_t n = recv(fd, sink, part, 0);
		if (n == 0)
			errno = ENODATA;
		if (n <= 0)
			return "receive";
		bytes -= n;
	}
	return NULL;
}

/* The next thing to be read must be the end: a FIN (error 0) or this error. */
static verdict receive_end(int fd, int error)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);
	if (n > 0)
		errno = EMSGSIZE;
	return n == 0 ? (error ? "end" : NULL) : n < 0 && errno == error ? NULL : "end";
}

static verdict close_with_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ? "linger" : NULL;
}

/*
 * A connected client. The last byte it sends before it is to be reset tells the server that all of its answer
 * was read.
 */
static verdict talk_client(int fd, const struct talk *talk)
{
	long last = talk->action == RESET_RECEIVED ? 1 : 0;
	verdict v = send_all(fd, talk->send - last);
	if (!v)
		v = receive_all(fd, talk->receive);
	if (v)
		return v;
	switch (talk->action) {
	case FIN_LOCAL:
		/* Without an answer the server's FIN says that it has read everything. */
		if (talk->receive > 0)
			return NULL;
		return shutdown(fd, SHUT_WR) < 0 ? "shutdown" : receive_end(fd, 0);
	case FIN_REMOTE:
		return receive_end(fd, 0);
	case ABORTED:
		return close_with_reset(fd);
	case RESET_RECEIVED:
		v = send_all(fd, last);
		return v ? v : receive_end(fd, ECONNRESET);
	default:
		errno = EISCONN;
		return "connect";
	}
}

static verdict talk_server(int fd, const struct talk *talk)
{
	long last = talk->action == ABORTED ? 1 : 0;
	verdict v = receive_all(fd, talk->receive - last);
	if (!v)
		v = send_all(fd, talk->send);
	if (v)
		return v;
	switch (talk->action) {
	case FIN_REMOTE:
		return receive_end(fd, 0);
	case RESET_RECEIVED:
		return receive_end(fd, ECONNRESET);
	case ABORTED:
		v = receive_all(fd, last);
		return v ? v : close_with_reset(fd);
	default:
		return NULL;
	}
}
