/* cardea: the command line for people and scripts. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

const struct cli_command cli_commands[] = {
	{ "explain", "[--plugin-dir FOLDER] [KIND HEX|FILE|-]",
	  "says what bytes of a protocol mean; without a kind: which kinds there are", cli_explain },
	{ NULL, NULL, NULL, NULL },
};

int cli_complain(int status, const char *format, ...)
{
	va_list arguments;

	fputs("cardea: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return status;
}

static void print_help(void)
{
	puts("usage: cardea COMMAND [ARGUMENT...]\n");
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
		printf("  %s %s\n      %s\n", command->name, command->arguments, command->summary);
	puts("  --help, --version");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return cli_complain(CLI_CALLED_WRONGLY, "a command is missing; see cardea --help");
	if (strcmp(argv[1], "--help") == 0) {
		print_help();
		return CLI_GOOD;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("cardea " CARDEA_VERSION);
		return CLI_GOOD;
	}
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		if (strcmp(argv[1], command->name) == 0)
			return command->run(argc - 2, argv + 2);
	}
	return cli_complain(CLI_CALLED_WRONGLY, "there is no command %s; see cardea --help", argv[1]);
}
