// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that live for a moment: each connects once (IPv4), whatever comes of it, and exits.
 *
 *   brief IP PORT           this one
 *   brief IP PORT NAME...   one child of each name, one after the other, all with the same pid; prints it
 *
 * A child ends before the next begins; a pid that somebody else took meanwhile ends it with status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { apartUs = 5000 }; /* so that their start times differ in milliseconds */

static void connect_once(const char *ip, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &to.sin_addr);
	(void)!connect(fd, (struct sockaddr *)&to, sizeof(to));
}

/* A child with this pid; 0: any. */
static pid_t start(pid_t pid)
{
	struct clone_args how = {.exit_signal = SIGCHLD};

	if (pid) {
		how.set_tid = (uint64_t)(uintptr_t)&pid;
		how.set_tid_size = 1;
	}
	return (pid_t)syscall(SYS_clone3, &how, sizeof(how));
}

int main(int argc, char **argv)
{
	pid_t pid = 0;

	if (argc < 3)
		return fprintf(stderr, "usage: brief IP PORT [NAME...]\n"), 2;
	if (argc == 3)
		connect_once(argv[1], argv[2]);
	for (int i = 3; i < argc; i++) {
		pid_t child = start(pid);
		if (child < 0)
			return perror("brief: clone3"), 1;
		if (child == 0) {
			prctl(PR_SET_NAME, argv[i]);
			connect_once(argv[1], argv[2]);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		usleep(apartUs);
		pid = child;
	}
	if (pid)
		printf("%d\n", pid);
	return 0;
}
