/* SPDX-License-Identifier: Apache-2.0 */
/* Part of actor.c: the process itself: its name, namespace, children and end. */

static unsigned long netns_inode(void)
{
	struct stat st;
	return stat("/proc/self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int result = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return result;
}

static int enter_netns(const char *where)
{
	if (!strcmp(where, "-"))
		return 0;
	if (!strcmp(where, "new"))
		return unshare(CLONE_NEWNET) < 0 ? -1 : loopback_up();
	int fd = open(where, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = setns(fd, CLONE_NEWNET);
	close(fd);
	return result;
}

/* name COMM */
static void do_name(char **w, int n)
{
	(void)n;
	answer_result(prctl(PR_SET_NAME, w[0]));
}

/* user NUMBER: from here on, for what the process owns */
static void do_user(char **w, int n)
{
	(void)n;
	answer_result(seteuid((uid_t)atoi(w[0])));
}

/* netns new|PATH: answers the inode */
static void do_netns(char **w, int n)
{
	(void)n;
	if (enter_netns(w[0]) < 0)
		answer_errno(errno);
	else
		answer("ok %lu", netns_inode());
}

/*
 * sysctl net/ipv4/tcp_retries2 VALUE: of the actor's own namespace, as far as the kernel has it per namespace
 */
static void do_sysctl(char **w, int n)
{
	(void)n;
	char path[512];
	snprintf(path, sizeof(path), "/proc/sys/%s", w[0]);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		answer_errno(errno);
		return;
	}
	ssize_t written = write(fd, w[1], strlen(w[1]));
	int error = errno;
	close(fd);
	if (written < 0)
		answer_errno(error);
	else
		answer("ok");
}

/*
 * Runs a program with the descriptors given and waits for it: its exit status, or -1 when it was late and
 * killed.
 */
static int run_bounded(char **argv, int in, int out, long deadline)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		execvp(argv[0], argv);
		dprintf(STDERR_FILENO, "%s: %s", argv[0], strerror(errno));
		_exit(127);
	}
	int status = 0, handle = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	int late = handle < 0 || wait_for(handle, POLLIN, deadline) <= 0;
	if (pid > 0 && late)
		kill(pid, SIGKILL);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (handle >= 0)
		close(handle);
	return late ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * run MS INPUT PROGRAM ARGUMENT...: in the actor's namespace; answers exit status and output. Memory files
 * for stdin and stdout: no pipe can fill up and stop the program. */
static void do_run(char **w, int n)
{
	(void)n;
	static char output[outputMax], escaped[outputMax * 2];
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	size_t length = strlen(w[1]);
	if (in < 0 || out < 0 || pwrite(in, w[1], length, 0) != (ssize_t)length) {
		answer_errno(errno);
	} else {
		int status = run_bounded(w + 2, in, out, deadline_after(w[0]));
		ssize_t got = pread(out, output, sizeof(output), 0);
		line_escape(output, got > 0 ? (size_t)got : 0, escaped, sizeof(escaped));
		if (status < 0)
			answer("err LATE");
		else
			answer("ok %d %s", status, escaped);
	}
	close(in);
	close(out);
}

/* fork NAME: a child with the same sockets, obeying the channel on descriptor 3; answers its pid */
static void do_fork(char **w, int n)
{
	(void)n;
	if (fcntl(childChannel, F_GETFD) < 0) {
		answer("err USAGE");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, w[0]);
		int channel = fcntl(childChannel, F_DUPFD_CLOEXEC, childChannel + 1);
		close(childChannel);
		dup2(channel, STDIN_FILENO);
		dup2(channel, STDOUT_FILENO);
		close(channel);
		return;
	}
	int error = errno;
	close(childChannel);
	if (pid < 0)
		answer_errno(error);
	else
		answer("ok %d", pid);
}

/* exit: ends without closing anything, as a crash or a plain exit() would; there is no answer */
static void do_exit(char **w, int n)
{
	(void)w;
	(void)n;
	_exit(0);
}
