/* The commands of `cardea`. */
#ifndef CARDEA_CLI_H
#define CARDEA_CLI_H

#include <cardea/error.h>

enum { CLI_GOOD = 0, CLI_FAILED = 1, CLI_CALLED_WRONGLY = 2 };

/* One row per command; `run` is given what stands after the command's name and answers the exit status. */
struct cli_command {
	const char *name, *arguments, *summary;
	int (*run)(int count, char **arguments);
};

extern const struct cli_command cli_commands[];         /* ends with a NULL name */

/* `cardea: <text>` on standard error; answers `status`. */
int cli_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Explains bytes by the plugins' explainers. */
int cli_explain(int count, char **arguments);

#endif
