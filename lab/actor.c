// SPDX-License-Identifier: Apache-2.0
/*
 * A scripted owner of sockets: one process is one identity (its comm) in one network namespace.
 *
 *   actor NAME NETNS      NETNS: "new" (unshare, bring lo up), "-" (stay here), or a path
 *
 * It greets with "ok PID NETNS_INODE", then reads one command per line on stdin and answers each with one
 * line: "ok ..." or "err NAME" (an errno name; LATE when a wait reached its bound, EOF when the peer's FIN
 * came too early, USAGE). Sockets are known by the number that `socket` or `accept` answered. They are
 * non-blocking and close-on-exec.
 *
 * Limits: every wait is bounded by waitMaxMs; the process dies with its parent. A forked child must outlive a
 * parent that is killed on purpose, so it has a channel of its own (descriptor 3) and ends when that channel
 * does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "line.h"

enum { socketsMax = 512, wordsMax = 64, lineMax = 1 << 16, outputMax = 1 << 16 };
enum { waitMaxMs = 60000, pollStepMs = 2 };
enum { childChannel = 3 };

static int sockets[socketsMax];
static int channel_in = STDIN_FILENO, channel_out = STDOUT_FILENO;

static void answer(const char *format, ...)
{
	static char line[outputMax * 2 + 256];
	va_list list;
	va_start(list, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, list);
	va_end(list);
	line[length++] = '\n';
	for (int done = 0; done < length;) {
		ssize_t n = write(channel_out, line + done, (size_t)(length - done));
		if (n <= 0)
			exit(1);
		done += (int)n;
	}
}

static void answer_errno(int error)
{
	const char *name = strerrorname_np(error);
	answer("err %s", name ? name : "UNKNOWN");
}

/* Answers "ok" or the errno of a system call that returns -1 on failure. */
static void answer_result(int result)
{
	if (result < 0)
		answer_errno(errno);
	else
		answer("ok");
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long deadline_after(const char *ms)
{
	long wait = atol(ms);
	return now_ms() + (wait > waitMaxMs ? waitMaxMs : wait);
}

/* Waits for events on a descriptor until the deadline: 1 when something came, 0 when it is too late. */
static int wait_for(int fd, short events, long deadline)
{
	for (;;) {
		long left = deadline - now_ms();
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0 || (n == 0 && left <= 0))
			return n;
	}
}

static int keep(int fd)
{
	for (int i = 0; i < socketsMax; i++)
		if (sockets[i] < 0)
			return sockets[i] = fd, i;
	close(fd);
	errno = EMFILE;
	return -1;
}

static int socket_of(const char *word)
{
	int i = atoi(word);
	return i >= 0 && i < socketsMax ? sockets[i] : -1;
}

/* Fills an address of the socket's own family: a dotted address on an IPv6 socket becomes the mapped one. */
static socklen_t address_for(int fd, const char *ip, const char *port, struct sockaddr_storage *out)
{
	int family = AF_INET;
	socklen_t length = sizeof(family);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	memset(out, 0, sizeof(*out));
	if (family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)out;
		*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
		return inet_pton(AF_INET, ip, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
	}
	char mapped[INET6_ADDRSTRLEN + 8];
	snprintf(mapped, sizeof(mapped), "%s%.40s", strchr(ip, ':') ? "" : "::ffff:", ip);
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	return inet_pton(AF_INET6, mapped, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
}

static int port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t length = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &length) < 0)
		return -1;
	/* Both families keep the port at the same place. */
	return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

/* socket KIND */
static void do_socket(char **w, int n)
{
	(void)n;
	int mptcp = !strncmp(w[0], "mptcp", 5);
	int family = w[0][strlen(w[0]) - 1] == '6' ? AF_INET6 : AF_INET;
	int udp = !strncmp(w[0], "udp", 3);
	int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
			mptcp ? 262 : udp ? IPPROTO_UDP : IPPROTO_TCP);
	int id = fd < 0 ? -1 : keep(fd);
	if (id < 0)
		answer_errno(errno);
	else
		answer("ok %d", id);
}

/* bind N IP PORT: answers the port */
static void do_bind(char **w, int n)
{
	(void)n;
	int fd = socket_of(w[0]);
	struct sockaddr_storage a;
	socklen_t length = address_for(fd, w[1], w[2], &a);
	if (bind(fd, (struct sockaddr *)&a, length) < 0)
		answer_errno(errno);
	else
		answer("ok %d", port_of(fd));
}

/* listen N BACKLOG: answers the port */
static void do_listen(char **w, int n)
{
	(void)n;
	if (listen(socket_of(w[0]), atoi(w[1])) < 0)
		answer_errno(errno);
	else
		answer("ok %d", port_of(socket_of(w[0])));
}

/* finish N MS: the result of a connect under way */
static void finish_connect(int fd, long deadline)
{
	if (wait_for(fd, POLLOUT, deadline) <= 0) {
		answer("err LATE");
		return;
	}
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error)
		answer_errno(error);
	else
		answer("ok");
}

static void do_finish(char **w, int n)
{
	(void)n;
	finish_connect(socket_of(w[0]), deadline_after(w[1]));
}

/*
 * connect N IP PORT MS MODE: "start" does not wait, "wait" polls for the result, "block" sleeps inside
 * connect()
 */
static void do_connect(char **w, int n)
{
	(void)n;
	int fd = socket_of(w[0]), block = !strcmp(w[4], "block");
	struct sockaddr_storage a;
	socklen_t length = address_for(fd, w[1], w[2], &a);
	long deadline = deadline_after(w[3]);
	if (block) {
		long ms = deadline - now_ms();
		struct timeval bound = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
		fcntl(fd, F_SETFL, 0);
	}
	int result = connect(fd, (struct sockaddr *)&a, length), error = errno;
	if (block)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (result == 0)
		answer("ok");
	else if (error != EINPROGRESS)
		answer_errno(error);
	else if (block)
		answer("err LATE");
	else if (!strcmp(w[4], "start"))
		answer("ok pending");
	else
		finish_connect(fd, deadline);
}

/* disconnect N: connect(AF_UNSPEC) */
static void do_disconnect(char **w, int n)
{
	(void)n;
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	answer_result(connect(socket_of(w[0]), &none, sizeof(none)));
}

/* accept N MS: answers the new socket and the peer's port */
static void do_accept(char **w, int n)
{
	(void)n;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	if (wait_for(socket_of(w[0]), POLLIN, deadline_after(w[1])) <= 0) {
		answer("err LATE");
		return;
	}
	int fd = accept4(socket_of(w[0]), (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int id = fd < 0 ? -1 : keep(fd);
	if (id < 0)
		answer_errno(errno);
	else
		answer("ok %d %d", id, ntohs(((struct sockaddr_in *)&peer)->sin_port));
}

static const struct {
	const char *name;
	int level, option;
} options[] = {
	{"userTimeoutMs", IPPROTO_TCP, TCP_USER_TIMEOUT},
	{"synCount", IPPROTO_TCP, TCP_SYNCNT},
	{"keepalive", SOL_SOCKET, SO_KEEPALIVE},
	{"keepaliveIdleS", IPPROTO_TCP, TCP_KEEPIDLE},
	{"keepaliveIntervalS", IPPROTO_TCP, TCP_KEEPINTVL},
	{"keepaliveCount", IPPROTO_TCP, TCP_KEEPCNT},
	{"deferAcceptS", IPPROTO_TCP, TCP_DEFER_ACCEPT},
	{"fastopen", IPPROTO_TCP, TCP_FASTOPEN},
	{"fastopenConnect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
	{"linger2S", IPPROTO_TCP, TCP_LINGER2},
	{"noDelay", IPPROTO_TCP, TCP_NODELAY},
	{"receiveBuffer", SOL_SOCKET, SO_RCVBUF},
	{"sendBuffer", SOL_SOCKET, SO_SNDBUF},
	{"reuseAddress", SOL_SOCKET, SO_REUSEADDR},
	{"reusePort", SOL_SOCKET, SO_REUSEPORT},
	{"ipv6Only", IPPROTO_IPV6, IPV6_V6ONLY},
};

/* set N OPTION VALUE */
static void do_set(char **w, int n)
{
	(void)n;
	int fd = socket_of(w[0]), value = atoi(w[2]);
	if (!strcmp(w[1], "lingerS")) {
		struct linger linger = {.l_onoff = 1, .l_linger = value};
		answer_result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		return;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (!strcmp(w[1], options[i].name)) {
			answer_result(
				setsockopt(fd, options[i].level, options[i].option, &value, sizeof(value)));
			return;
		}
	answer("err USAGE");
}

#include "actor_transfer.h"
#include "actor_datagrams.h"
#include "actor_watch.h"
#include "actor_process.h"

static const struct {
	const char *name;
	int words;
	void (*run)(char **words, int count);
} commands[] = {
	{"socket", 1, do_socket},     {"bind", 3, do_bind},	{"listen", 2, do_listen},
	{"connect", 5, do_connect},   {"finish", 2, do_finish}, {"disconnect", 1, do_disconnect},
	{"accept", 2, do_accept},     {"send", 3, do_send},	{"recv", 3, do_recv},
	{"datagrams", 6, do_datagrams}, {"take", 4, do_take},	{"flows", 6, do_flows},
	{"payload", 4, do_payload},
	{"shutdown", 2, do_shutdown}, {"close", 1, do_close},	{"set", 3, do_set},
	{"port", 1, do_port},	      {"info", 1, do_info},	{"until", 4, do_until},
	{"name", 1, do_name},	      {"user", 1, do_user},	{"netns", 1, do_netns},
	{"sysctl", 2, do_sysctl},
	{"run", 3, do_run},	      {"fork", 1, do_fork},	{"exit", 0, do_exit},
};

static void obey(char *line)
{
	char *words[wordsMax + 1] = {NULL};
	int count = line_split(line, words, wordsMax);
	for (size_t i = 0; count && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(words[0], commands[i].name)) {
			if (count - 1 < commands[i].words)
				break;
			commands[i].run(words + 1, count - 1);
			return;
		}
	answer("err USAGE");
}

/* One command is under way at a time, so nothing is ever read ahead and a fork inherits an empty buffer. */
static int read_line(char *line)
{
	for (int used = 0; used < lineMax - 1;) {
		ssize_t n = read(channel_in, line + used, (size_t)(lineMax - 1 - used));
		if (n <= 0)
			return 0;
		used += (int)n;
		if (line[used - 1] == '\n') {
			line[used - 1] = 0;
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static char line[lineMax];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (argc != 3)
		return fprintf(stderr, "usage: actor NAME new|-|NETNS_PATH\n"), 2;
	memset(sockets, -1, sizeof(sockets));
	prctl(PR_SET_NAME, argv[1]);
	if (enter_netns(argv[2]) < 0)
		return fprintf(stderr, "actor: netns %s: %s\n", argv[2], strerror(errno)), 1;
	fcntl(childChannel, F_SETFD, FD_CLOEXEC);
	answer("ok %d %lu", getpid(), netns_inode());
	while (read_line(line))
		obey(line);
	return 0;
}
