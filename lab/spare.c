// SPDX-License-Identifier: Apache-2.0
/*
 * Handshakes whose last segment comes twice at once: an ACK, and an ACK with a byte of data, sent on two CPUs
 * in the same moment. Each may make a child of the listener; the kernel keeps one of them and closes the
 * other, the spare, before anybody knows it.
 *
 *   spare INTERFACE OWN OTHER WANTED TRIES
 *
 * Listens on OWN, an IPv4 address of this namespace, and plays a client at OTHER, one that is nobody's and is
 * routed to INTERFACE, by raw packets. Each connection is accepted, its byte read, and aborted. Ends when
 * WANTED spares were made, or after TRIES, and prints {"accepted":N,"spares":N}. Exit status: 0; 1 when
 * something failed; 2 for wrong arguments; 3 with fewer than two CPUs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { limitS = 60, patienceUs = 1000000, firstPort = 10000, ports = 50000, laterMax = 400 };

struct segment {
	struct iphdr ip;
	struct tcphdr tcp;
	char data[1];
} __attribute__((packed));

static int raw, cpus[2];
static struct sockaddr_in own = {.sin_family = AF_INET}, other = {.sin_family = AF_INET};
static struct segment bare, with_data;
static atomic_int turn, sent; /* of the segment with data: asked for, and done */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t sum_of(const void *bytes, size_t length, uint32_t sum)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < length; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	return sum;
}

/* From the client; without `acknowledged` it is the SYN. */
static struct segment segment_of(uint16_t port, uint32_t sequence, uint32_t acknowledged, size_t data)
{
	size_t tcp_length = sizeof(struct tcphdr) + data;
	struct segment s = {
	    .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP},
	    .tcp = {.source = htons(port), .dest = own.sin_port, .seq = htonl(sequence), .doff = 5},
	};

	s.ip.tot_len = htons((uint16_t)(sizeof(s.ip) + tcp_length));
	s.ip.saddr = other.sin_addr.s_addr;
	s.ip.daddr = own.sin_addr.s_addr;
	s.tcp.ack_seq = htonl(acknowledged);
	s.tcp.syn = !acknowledged;
	s.tcp.ack = !!acknowledged;
	s.tcp.window = htons(65000);
	/* The pseudo header: both addresses, the protocol, the length. */
	uint32_t sum = sum_of(&s.ip.saddr, 8, IPPROTO_TCP + (uint32_t)tcp_length);
	sum = sum_of(&s.tcp, tcp_length, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	s.tcp.check = htons((uint16_t)~sum);
	return s;
}

static void send_segment(const struct segment *s)
{
	if (sendto(raw, s, ntohs(s->ip.tot_len), 0, (struct sockaddr *)&own, sizeof(own)) < 0)
		die("spare: send");
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("spare: cpu");
}

static void *send_with_data(void *unused)
{
	(void)unused;
	stay_on(cpus[1]);
	for (int done = 0;; sent = done) {
		while (turn == done)
			;
		done = turn;
		send_segment(&with_data);
	}
	return NULL;
}

/* What the listener's SYN-ACK to this port began with. */
static uint32_t syn_ack(int link, uint16_t port)
{
	struct segment s;

	for (;;) {
		ssize_t length = recv(link, &s, sizeof(s), 0);
		if (length < 0)
			die("spare: no SYN-ACK");
		if (length >= (ssize_t)(sizeof(s.ip) + sizeof(s.tcp)) && s.ip.protocol == IPPROTO_TCP &&
		    s.tcp.dest == htons(port) && s.tcp.syn && s.tcp.ack)
			return ntohl(s.tcp.seq);
	}
}

/* `later`: the bare ACK waits a little, another time each, as the other CPU may be slow to begin. */
static void shake_hands(int link, int n)
{
	uint16_t port = (uint16_t)(firstPort + n % ports);
	uint32_t begin = 1 + (uint32_t)n * 16;
	struct segment syn = segment_of(port, begin, 0, 0);

	send_segment(&syn);
	uint32_t acknowledged = syn_ack(link, port) + 1;
	bare = segment_of(port, begin + 1, acknowledged, 0);
	with_data = segment_of(port, begin + 1, acknowledged, 1);
	turn++;
	for (volatile int later = n * 7 % laterMax; later > 0; later--)
		;
	send_segment(&bare);
	while (sent != turn)
		;
}

static void accept_and_abort(int listener)
{
	struct linger linger = {.l_onoff = 1};
	int fd = accept(listener, NULL, NULL);
	char byte;

	if (fd < 0 || recv(fd, &byte, 1, 0) != 1)
		die("spare: accept");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* Children of listeners in this namespace. */
static long passive_opens(void)
{
	char line[1024];
	long value = -1;
	FILE *file = fopen("/proc/thread-self/net/snmp", "r");

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "Tcp: %*d %*d %*d %*d %*d %ld", &value);
	if (file)
		fclose(file);
	if (value < 0)
		die("spare: counters");
	return value;
}

static int open_listener(void)
{
	struct timeval patience = {.tv_usec = patienceUs - 1};
	socklen_t length = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &length) < 0)
		die("spare: listen");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static int open_link(const char *interface)
{
	struct timeval patience = {.tv_usec = patienceUs - 1};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("spare: interface");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static int find_cpus(void)
{
	cpu_set_t set;
	int found = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	return found;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int n = 0;
	long spares = 0;

	if (argc != 6 || inet_pton(AF_INET, argv[2], &own.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[3], &other.sin_addr) != 1)
		return fprintf(stderr, "usage: spare INTERFACE OWN OTHER WANTED TRIES\n"), 2;
	if (find_cpus() < 2)
		return 3;
	alarm(limitS);
	stay_on(cpus[0]);
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (raw < 0)
		die("spare: raw socket");
	int listener = open_listener(), link = open_link(argv[1]);
	long before = passive_opens();
	if (pthread_create(&thread, NULL, send_with_data, NULL))
		die("spare: thread");
	for (; spares < atol(argv[4]) && n < atoi(argv[5]); n++) {
		shake_hands(link, n);
		accept_and_abort(listener);
		spares = passive_opens() - before - (n + 1);
	}
	printf("{\"accepted\":%d,\"spares\":%ld}\n", n, spares);
	return 0;
}
