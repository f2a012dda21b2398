// SPDX-License-Identifier: Apache-2.0
//
// Runs ClickHouse as a process of its own: libchdb.so, which carries all of it, or a program on this machine.
// Either way it dies with the process that started it, however that one ends.
//
//   sonde-engine LIBRARY ARGUMENT...        clickhouse-local out of libchdb.so
//   sonde-engine --program PATH ARGUMENT... the program instead
//
// Exit: what ClickHouse ends with; 1 when it cannot be started.
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

typedef void *query_cmdline(int argc, char **argv);
typedef void set_signal_handlers(int enabled);

static int run_library(int argc, char **argv)
{
	void *library = dlopen(argv[0], RTLD_NOW | RTLD_GLOBAL);
	query_cmdline *run = library ? (query_cmdline *)dlsym(library, "chdb_query_cmdline") : NULL;
	set_signal_handlers *set_handlers =
		run ? (set_signal_handlers *)dlsym(library, "chdb_set_signal_handlers_enabled") : NULL;
	if (!set_handlers) {
		fprintf(stderr, "sonde-engine: %s\n", dlerror());
		return 1;
	}
	// A crash is to end the process at once, so that it is started again.
	set_handlers(0);
	return run(argc, argv) ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: sonde-engine LIBRARY ARGUMENT... | --program PATH ARGUMENT...\n");
		return 1;
	}
	// A parent that died before this line cannot be asked who it was, and whoever has us now lives on: a
	// hub says who it is.
	const char *hub = getenv("SONDE_ENGINE_PARENT");
	pid_t parent = hub ? atoi(hub) : getppid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return 1;
	if (strcmp(argv[1], "--program") != 0)
		return run_library(argc - 1, argv + 1);
	execv(argv[2], argv + 2);
	perror("sonde-engine: exec");
	return 1;
}
