// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that stay open, both ends in this process: held IP PORT COUNT (IPv4, loopback). As many as the
 * limit of open files has room for twice.
 *
 * Prints a line when all are open. For each line on standard input it sends one byte through every
 * connection, reads it at the other end, and prints a line. Ends with its input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { backlog = 128 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("held: socket");
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	int count, listener, *here, *there;
	struct rlimit files;
	char line[16], byte = 0;

	if (argc != 4)
		return fprintf(stderr, "usage: held IP PORT COUNT\n"), 2;
	count = atoi(argv[3]);
	at.sin_port = htons((uint16_t)atoi(argv[2]));
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("held: setrlimit");
	here = calloc((size_t)count, sizeof(*here));
	there = calloc((size_t)count, sizeof(*there));
	listener = tcp_socket();
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, backlog))
		die("held: listen");
	inet_pton(AF_INET, argv[1], &at.sin_addr);
	for (int i = 0; i < count; i++) {
		here[i] = tcp_socket();
		if (connect(here[i], (struct sockaddr *)&at, sizeof(at)))
			die("held: connect");
		there[i] = accept(listener, NULL, NULL);
		if (there[i] < 0)
			die("held: accept");
	}
	puts("open");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		for (int i = 0; i < count; i++)
			if (write(here[i], &byte, 1) != 1 || read(there[i], &byte, 1) != 1)
				die("held: send");
		puts("sent");
		fflush(stdout);
	}
	return 0;
}
