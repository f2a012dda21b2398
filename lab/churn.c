// SPDX-License-Identifier: Apache-2.0
/*
 * Many connections, and the exact truth about them as one line of JSON at the end (lab/churn.ts has its
 * type).
 *
 *   churn client NAME NETNS WORKERS LIMIT_S RATE  ADDRESS[+K]/PORT/ACTION/COUNT/SEND/RECEIVE ...
 *   churn server NAME NETNS WORKERS LIMIT_S 0     ADDRESS/PORT/ACTION/SEND/RECEIVE ...
 *
 * ACTION is how a connection ends, seen from this end: fin_local, fin_remote, aborted, reset_received,
 * refused; SEND and RECEIVE are payload bytes of each connection. K spreads the connections over so many
 * addresses, counted upwards: what ends by FINs leaves a TIME_WAIT behind, and there are about 28,000 local
 * ports for one destination. COUNT is for each worker. RATE is connections per second of all workers, 0 for
 * no limit. NETNS is a path, or "-".
 *
 * A worker is a process of its own name (NAME, or NAME-0, NAME-1, ...) that serves one connection at a time;
 * each worker of a server has its own listener (SO_REUSEPORT), so that owner and accepting process are the
 * same. A server says "ready" and serves until its stdin ends. The whole is bounded by LIMIT_S seconds
 * (SIGALRM) and dies with its parent. Exit status: 0; 1 when something went otherwise than planned (named
 * under `unexpected`); 2 for wrong arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "churn_talk.h"

enum { workersMax = 16, targetsMax = 32, rowsMax = 1024, surprisesMax = 16, backlog = 1024, nameMax = 15 };
enum { timeWaitsPerDestinationMax = 20000, countMax = 5000000, limitMaxS = 600 };

struct target {
	struct sockaddr_storage address;
	long spread, port, count;
	struct talk talk;
};

struct row {
	struct sockaddr_storage address;
	int target;
	uint64_t connections;
};

struct worker {
	char name[nameMax + 1];
	pid_t pid;
	uint64_t user_ns, system_ns, min_ns, median_ns, connections;
	int rows, surprises;
	struct row row[rowsMax];
	struct {
		char what[40];
		uint64_t count;
	} surprise[surprisesMax];
};

static struct target targets[targetsMax];
static int target_count, worker_count, is_client;
static double rate;
static struct worker *workers; /* shared by all processes; each writes its own */

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, errno ? strerror(errno) : "wrong arguments");
	exit(2);
}

static socklen_t length_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void parse_address(struct target *t, char *text)
{
	char *plus = strchr(text, '+');
	t->spread = plus ? atol(plus + 1) : 1;
	if (plus)
		*plus = 0;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->address;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)t->port);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 && t->spread == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)t->port);
	} else {
		die(text);
	}
}

static void parse_target(const char *text)
{
	struct target *t = &targets[target_count++];
	char address[64], word[20];
	int fields;
	if (is_client)
		fields = sscanf(text, "%63[^/]/%ld/%19[^/]/%ld/%ld/%ld", address, &t->port, word, &t->count,
				&t->talk.send, &t->talk.receive);
	else
		fields = sscanf(text, "%63[^/]/%ld/%19[^/]/%ld/%ld", address, &t->port, word, &t->talk.send,
				&t->talk.receive);
	int action = 0;
	while (fields >= 3 && action < ACTIONS && strcmp(word, actions[action].word))
		action++;
	if (fields != (is_client ? 6 : 5) || action == ACTIONS || t->count > countMax)
		die(text);
	t->talk.action = (enum action)action;
	parse_address(t, address);
	/* Each of these waits for a byte of the other side before it resets. */
	int resets = action == ABORTED || action == RESET_RECEIVED;
	int client_resets = is_client == (action == ABORTED);
	long answer = is_client ? t->talk.receive : t->talk.send;
	long question = is_client ? t->talk.send : t->talk.receive;
	if (t->spread < 1 || t->spread > 250 || (resets && (client_resets ? answer : question) < 1))
		die(text);
	if (action <= FIN_REMOTE && t->count * worker_count / t->spread > timeWaitsPerDestinationMax)
		die("too many connections for one destination: spread them over more addresses");
}

static void surprised(struct worker *w, const char *where)
{
	char what[40];
	const char *name = strerrorname_np(errno);
	snprintf(what, sizeof(what), "%.12s %.20s", where, name ? name : "UNKNOWN");
	int i = 0;
	while (i < w->surprises && strcmp(w->surprise[i].what, what))
		i++;
	if (i == surprisesMax)
		i--;
	if (i == w->surprises)
		strcpy(w->surprise[w->surprises++].what, what);
	w->surprise[i].count++;
}

/* Rows are few (targets times addresses) and the one wanted is mostly near the last one found. */
static void count_end(struct worker *w, int target, const struct sockaddr_storage *address)
{
	static int last;
	for (int i = 0; i < w->rows; i++) {
		struct row *row = &w->row[(last + i) % w->rows];
		if (row->target == target && !memcmp(&row->address, address, sizeof(*address))) {
			last = (last + i) % w->rows;
			row->connections++;
			return;
		}
	}
	if (w->rows == rowsMax) {
		errno = ENOSPC;
		surprised(w, "row");
		return;
	}
	w->row[w->rows++] = (struct row){.address = *address, .target = target, .connections = 1};
}

static void connect_once(struct worker *w, int index, long turn)
{
	const struct target *t = &targets[index];
	struct sockaddr_storage to = t->address;
	if (to.ss_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
		v4->sin_addr.s_addr = htonl(ntohl(v4->sin_addr.s_addr) + (uint32_t)(turn % t->spread));
	}
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	verdict v = fd < 0 ? "socket" : NULL;
	if (!v && connect(fd, (struct sockaddr *)&to, length_of(&to)) < 0)
		v = t->talk.action == REFUSED && errno == ECONNREFUSED ? NULL : "connect";
	else if (!v)
		v = talk_client(fd, &t->talk);
	if (v)
		surprised(w, v);
	else
		count_end(w, index, &to);
	close(fd);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Takes the targets in turn, each in proportion to its count, always in the same order. */
static void run_client(struct worker *w)
{
	long done[targetsMax] = {0}, total = 0;
	for (int i = 0; i < target_count; i++)
		total += targets[i].count;
	uint64_t *took = malloc(sizeof(*took) * (size_t)(total + 1)), start = now_ns();
	if (!took)
		die("memory");
	for (long n = 0; n < total; n++) {
		int next = 0;
		for (int i = 1; i < target_count; i++)
			if (done[i] * targets[next].count < done[next] * targets[i].count)
				next = i;
		if (rate > 0)
			sleep_until(start + (uint64_t)((double)n * 1e9 * worker_count / rate));
		uint64_t before = now_ns();
		connect_once(w, next, done[next]++);
		took[n] = now_ns() - before;
	}
	qsort(took, (size_t)total, sizeof(*took), by_value);
	w->connections = (uint64_t)total;
	w->min_ns = total ? took[0] : 0;
	w->median_ns = total ? took[total / 2] : 0;
	free(took);
}

static int open_listener(const struct target *t)
{
	int one = 1, fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&t->address, length_of(&t->address)) < 0 ||
	    listen(fd, backlog) < 0)
		die("listen");
	return fd;
}

static int serve_once(struct worker *w, int listener, int index)
{
	struct sockaddr_storage own = {0};
	socklen_t length = sizeof(own);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return 0;
	int unnamed = getsockname(fd, (struct sockaddr *)&own, &length) < 0;
	verdict v = unnamed ? "name" : talk_server(fd, &targets[index].talk);
	if (v)
		surprised(w, v);
	else
		count_end(w, index, &own);
	close(fd);
	w->connections++;
	return 1;
}

/* Until the stop pipe is closed; what has been queued by then is still served. */
static void run_server(struct worker *w, int stop, int ready)
{
	struct pollfd polled[targetsMax + 1];
	for (int i = 0; i < target_count; i++)
		polled[i] = (struct pollfd){.fd = open_listener(&targets[i]), .events = POLLIN};
	polled[target_count] = (struct pollfd){.fd = stop, .events = POLLIN};
	if (write(ready, "", 1) != 1)
		die("ready");
	for (int served = 1; served || !polled[target_count].revents;) {
		poll(polled, (nfds_t)target_count + 1, -1);
		served = 0;
		for (int i = 0; i < target_count; i++)
			if (polled[i].revents)
				served += serve_once(w, polled[i].fd, i);
	}
}

static void run_worker(struct worker *w, int stop, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, w->name);
	w->pid = getpid();
	if (is_client)
		run_client(w);
	else
		run_server(w, stop, ready);
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	w->user_ns = (uint64_t)used.ru_utime.tv_sec * 1000000000u + (uint64_t)used.ru_utime.tv_usec * 1000u;
	w->system_ns = (uint64_t)used.ru_stime.tv_sec * 1000000000u + (uint64_t)used.ru_stime.tv_usec * 1000u;
	_exit(0);
}

#include "churn_report.h"

static void enter_netns(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (strcmp(path, "-") && (fd < 0 || setns(fd, CLONE_NEWNET) < 0))
		die(path);
}

static void start_workers(const char *name, int stop[2], int ready[2])
{
	for (int i = 0; i < worker_count; i++) {
		int length = worker_count == 1
				     ? snprintf(workers[i].name, sizeof(workers[i].name), "%s", name)
				     : snprintf(workers[i].name, sizeof(workers[i].name), "%s-%d", name, i);
		errno = 0;
		if (length > nameMax)
			die("the name is too long");
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			close(stop[1]);
			close(ready[0]);
			run_worker(&workers[i], stop[0], ready[1]);
		}
	}
	close(ready[1]);
}

int main(int argc, char **argv)
{
	char byte;
	int stop[2], ready[2], failed = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	is_client = argc > 1 && !strcmp(argv[1], "client");
	if (argc < 8 || argc - 7 > targetsMax || (!is_client && strcmp(argv[1], "server")))
		die("usage: churn client|server NAME NETNS WORKERS LIMIT_S RATE TARGET...");
	worker_count = atoi(argv[4]);
	rate = atof(argv[6]);
	if (worker_count < 1 || worker_count > workersMax || atoi(argv[5]) < 1 || atoi(argv[5]) > limitMaxS)
		die("workers or limit");
	for (int i = 7; i < argc; i++)
		parse_target(argv[i]);
	prctl(PR_SET_NAME, argv[2]);
	enter_netns(argv[3]);
	size_t size = sizeof(*workers) * (size_t)worker_count;
	workers = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (workers == MAP_FAILED || pipe2(stop, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		die("setup");
	uint64_t start = now_ns();
	alarm((unsigned)atoi(argv[5]));
	start_workers(argv[2], stop, ready);
	if (!is_client) {
		for (int i = 0; i < worker_count; i++)
			if (read(ready[0], &byte, 1) != 1)
				die("a worker could not listen");
		printf("ready\n");
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	close(stop[1]);
	for (int i = 0, status; i < worker_count; i++)
		failed |= wait(&status) < 0 || status != 0;
	return report(argv[2], now_ns() - start) || failed;
}
