/* A server that a load generator starts and looks at. Whatever fails ends the program. */
#ifndef CARDEA_BENCH_CHILD_H
#define CARDEA_BENCH_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	FILE *commands, *results; /* its standard input and output */
};

/* Returns when it has said "ready". */
struct child child_start(char **command);
/* Whether it ended well after SIGTERM. */
bool child_end(struct child *child);

double child_cpu_s(const struct child *child); /* the processor time that it has used so far */
double child_kib(const struct child *child, const char *name); /* "VmRSS:", "VmHWM:" (proc(5)) */

#endif
