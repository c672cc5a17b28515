#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

struct child child_start(char **command)
{
	struct child child;
	int to[2], from[2];
	char line[256];

	if (pipe(to) != 0 || pipe(from) != 0 || (child.pid = fork()) < 0)
		die("a process of its own");
	if (child.pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		close(from[0]);
		execvp(command[0], command);
		die(command[0]);
	}
	close(to[0]);
	close(from[1]);
	child.commands = fdopen(to[1], "w");
	child.results = fdopen(from[0], "r");
	if (child.commands == NULL || child.results == NULL)
		die("memory");
	while (fgets(line, sizeof(line), child.results) != NULL)
		if (strcmp(line, "ready\n") == 0)
			return child;
	fprintf(stderr, "%s does not start\n", command[0]);
	exit(EXIT_FAILURE);
}

bool child_end(struct child *child)
{
	int status = 0;

	kill(child->pid, SIGTERM);
	fclose(child->commands);
	fclose(child->results);
	waitpid(child->pid, &status, 0);
	return status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

double child_cpu_s(const struct child *child)
{
	char path[64];
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)child->pid);
	FILE *file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				   &user, &system) != 2)
		die(path);
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double child_kib(const struct child *child, const char *name)
{
	char path[64], line[128];
	const size_t len = strlen(name);
	double kib = 0;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)child->pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		die(path);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, len) == 0)
			kib = strtod(line + len, NULL);
	fclose(file);
	return kib;
}
