#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_ARGUMENTS 8
#define PATH_SIZE     64

/* The arguments after the program's name, ended by NULL. */
static enum err load(struct config *ret_config, struct fault *fault, const char *const *arguments)
{
	char *argv[MAX_ARGUMENTS + 2] = { (char *)"cardead" };
	int argc = 1;

	while (argc <= MAX_ARGUMENTS && arguments[argc - 1] != NULL) {
		argv[argc] = (char *)arguments[argc - 1];
		argc++;
	}
	return config_load(argc, argv, ret_config, fault);
}

#define LOAD(config, fault, ...) load(config, fault, (const char *const[]){ __VA_ARGS__, NULL })

/* A file without a place on the disk: answers its descriptor, and the path under which it opens. */
static int file_of(const char *text, char ret_path[PATH_SIZE])
{
	int fd = memfd_create("config", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(ret_path, PATH_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

static void has_defaults_without_any_input(void **state)
{
	struct config config;

	assert_int_equal(LOAD(&config, NULL, NULL), ERR_NONE);
	assert_string_equal(config.coap_listen, "[::]:5683");
	assert_string_equal(config.plugin_config, "{}");
	assert_string_equal(config.kek_file, "");
	assert_int_equal(config.ack_timeout_ms, 2000);
	assert_int_equal(config.max_retransmit, 4);
	assert_int_equal(config.block_size, 1024);
	assert_false(config.http_no_auth || config.show_help || config.show_version);
	config_free(&config);
	assert_null(config.data_dir);
	config_free(&config);
	config_free(NULL);
}

static void takes_arguments_in_both_forms(void **state)
{
	struct config config;

	assert_int_equal(LOAD(&config, NULL, "--data-dir=/x=y", "--block-size", "64", "--http-no-auth",
			      "--coap-listen=", "--help"),
			 ERR_NONE);
	assert_string_equal(config.data_dir, "/x=y");
	assert_int_equal(config.block_size, 64);
	assert_true(config.http_no_auth);
	assert_string_equal(config.coap_listen, "");
	assert_true(config.show_help);
	config_free(&config);
	assert_int_equal(LOAD(&config, NULL, "--http-no-auth=false"), ERR_NONE);
	assert_false(config.http_no_auth);
	config_free(&config);
}

static void the_command_line_wins_over_environment_over_file(void **state)
{
	struct config config;
	char path[PATH_SIZE], argument[80];
	int fd;

	fd = file_of(
		"{\"data-dir\": \"/file\", \"log-level\": \"warn\", \"block-size\": 16, \"max-devices\": 7,"
		" \"http-no-auth\": true, \"plugin-config\": {\"se\": {\"a\": 1}}}",
		path);
	snprintf(argument, sizeof(argument), "--config=%s", path);
	setenv("CARDEA_LOG_LEVEL", "error", 1);
	setenv("CARDEA_BLOCK_SIZE", "32", 1);
	assert_int_equal(LOAD(&config, NULL, "--block-size=64", argument), ERR_NONE);
	assert_string_equal(config.data_dir, "/file");
	assert_string_equal(config.log_level, "error");
	assert_int_equal(config.block_size, 64);
	assert_int_equal(config.max_devices, 7);
	assert_true(config.http_no_auth);
	assert_string_equal(config.plugin_config, "{\"se\":{\"a\":1}}");
	config_free(&config);
	unsetenv("CARDEA_LOG_LEVEL");
	unsetenv("CARDEA_BLOCK_SIZE");

	setenv("CARDEA_CONFIG", path, 1);
	assert_int_equal(LOAD(&config, NULL, NULL), ERR_NONE);
	assert_string_equal(config.data_dir, "/file");
	config_free(&config);
	unsetenv("CARDEA_CONFIG");
	close(fd);
}

static const struct refused_row {
	const char *argument;
	enum err kind;
	const char *text; /* begins the reason */
} refused_rows[] = {
	{ "--blocksize=64", ERR_NOT_FOUND, "--blocksize: there is no such option" },
	{ "--", ERR_NOT_FOUND, "--: there is no such option" },
	{ "start", ERR_NOT_FOUND, "\"start\": options begin with --" },
	{ "-h", ERR_NOT_FOUND, "\"-h\": options begin with --" },
	{ "--data-dir", ERR_MALFORMED, "--data-dir: needs a value" },
	{ "--data-dir=", ERR_MALFORMED, "--data-dir: must not be empty" },
	{ "--block-size=17", ERR_MALFORMED, "--block-size: \"17\" is none of 16|32|" },
	{ "--block-size=6", ERR_MALFORMED, "--block-size: \"6\" is none of" },
	{ "--log-level=verbose", ERR_MALFORMED, "--log-level: \"verbose\" is none of error|warn|info|debug" },
	{ "--log-level=error|warn", ERR_MALFORMED, "--log-level: \"error|warn\" is none of" },
	{ "--max-devices=0", ERR_MALFORMED, "--max-devices: 0 is not between 1 and" },
	{ "--max-devices=4294967297", ERR_MALFORMED, "--max-devices: 4294967297 is not between" },
	{ "--max-devices=99999999999999999999999", ERR_MALFORMED, "--max-devices: 999" },
	{ "--max-devices=-1", ERR_MALFORMED, "--max-devices: \"-1\" is not a whole number" },
	{ "--max-devices= 1", ERR_MALFORMED, "--max-devices: \" 1\" is not" },
	{ "--max-devices=1k", ERR_MALFORMED, "--max-devices: \"1k\" is not" },
	{ "--max-devices=", ERR_MALFORMED, "--max-devices: \"\" is not" },
	{ "--max-retransmit=11", ERR_MALFORMED, "--max-retransmit: 11 is not between 0 and 10" },
	{ "--http-no-auth=yes", ERR_MALFORMED, "--http-no-auth: \"yes\" is none of true|false" },
	{ "--plugin-config=[]", ERR_MALFORMED, "--plugin-config: not a JSON object" },
	{ "--plugin-config={", ERR_MALFORMED, "--plugin-config: not a JSON object" },
	{ "--config=/nonexistent/cardea.json", ERR_NOT_FOUND, "/nonexistent/cardea.json: No such file" },
};

static void names_what_it_refuses_and_why(void **state)
{
	for (size_t i = 0; i < sizeof(refused_rows) / sizeof(refused_rows[0]); i++) {
		const struct refused_row *row = &refused_rows[i];
		struct config config = { .max_devices = 77 };
		struct fault fault = { 0 };

		assert_int_equal(LOAD(&config, &fault, row->argument), row->kind);
		assert_int_equal(fault.kind, row->kind);
		assert_memory_equal(fault.text, row->text, strlen(row->text));
		assert_int_equal(config.max_devices, 77);
		assert_null(config.data_dir);
	}
}

static void names_the_variable_it_refuses(void **state)
{
	struct fault fault = { 0 };
	struct config config;

	setenv("CARDEA_MAX_DEVICES", "many", 1);
	assert_int_equal(LOAD(&config, &fault, NULL), ERR_MALFORMED);
	assert_string_equal(fault.text, "CARDEA_MAX_DEVICES: \"many\" is not a whole number");
	unsetenv("CARDEA_MAX_DEVICES");
	setenv("CARDEA_KEK", "not an option", 1);
	assert_int_equal(LOAD(&config, NULL, NULL), ERR_NONE);
	config_free(&config);
	unsetenv("CARDEA_KEK");
}

static const struct refused_file_row {
	const char *json;
	enum err kind;
	const char *text; /* follows the file's name */
} refused_file_rows[] = {
	{ "{", ERR_MALFORMED, ": line 1: " },
	{ "[]", ERR_MALFORMED, ": not a JSON object" },
	{ "{\"data_dir\": \"/x\"}", ERR_NOT_FOUND, ": data_dir: there is no such option" },
	{ "{\"config\": \"/x\"}", ERR_NOT_FOUND, ": config: there is no such option" },
	{ "{\"data-dir\": 1}", ERR_MALFORMED, ": data-dir: must be a string" },
	{ "{\"max-devices\": \"1\"}", ERR_MALFORMED, ": max-devices: must be a whole number" },
	{ "{\"max-devices\": 1.5}", ERR_MALFORMED, ": max-devices: must be a whole number" },
	{ "{\"max-devices\": -1}", ERR_MALFORMED, ": max-devices: \"-1\" is not a whole number" },
	{ "{\"http-no-auth\": 1}", ERR_MALFORMED, ": http-no-auth: must be true or false" },
	{ "{\"plugin-config\": \"{}\"}", ERR_MALFORMED, ": plugin-config: must be an object" },
	{ "{\"block-size\": 16, \"block-size\": 32}", ERR_MALFORMED, ": line 1: duplicate object key" },
};

static void names_the_member_of_the_file_it_refuses(void **state)
{
	for (size_t i = 0; i < sizeof(refused_file_rows) / sizeof(refused_file_rows[0]); i++) {
		const struct refused_file_row *row = &refused_file_rows[i];
		struct fault fault = { 0 };
		struct config config;
		char path[PATH_SIZE];
		int fd = file_of(row->json, path);

		assert_int_equal(LOAD(&config, &fault, "--config", path), row->kind);
		assert_memory_equal(fault.text, path, strlen(path));
		assert_memory_equal(fault.text + strlen(path), row->text, strlen(row->text));
		close(fd);
	}
}

static void help_lists_every_option(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	config_print_help(to);
	fclose(to);
	assert_non_null(strstr(text, "--data-dir=TEXT"));
	assert_non_null(strstr(text, "16|32|64|128|256|512|1024 (1024)"));
	assert_non_null(strstr(text, "--http-no-auth  "));
	assert_non_null(strstr(text, "--version"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults_without_any_input),
		cmocka_unit_test(takes_arguments_in_both_forms),
		cmocka_unit_test(the_command_line_wins_over_environment_over_file),
		cmocka_unit_test(names_what_it_refuses_and_why),
		cmocka_unit_test(names_the_variable_it_refuses),
		cmocka_unit_test(names_the_member_of_the_file_it_refuses),
		cmocka_unit_test(help_lists_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
