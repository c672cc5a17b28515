/* cardea explain: bytes of a protocol in words. The words are the plugins'; no server is needed. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli.h"
#include "plugin_module.h"

#define INPUT_MAX   (16u << 20)
#define TEXT_MAX    (256u << 20)
#define PLUGINS_MAX 32

struct explain {
	struct plugin_module modules[PLUGINS_MAX];
	size_t count;
	struct arena *arena;
};

static enum err take_module(void *self, const struct plugin_module *module, struct fault *fault)
{
	struct explain *explain = self;

	if (explain->count == PLUGINS_MAX) {
		struct plugin_module one_too_many = *module;
		plugin_module_close(&one_too_many);
		return fault_set(fault, ERR_LIMIT, "more than %d plugins", PLUGINS_MAX);
	}
	explain->modules[explain->count++] = *module;
	return ERR_NONE;
}

/* ---- the kinds ---- */

static const struct cardea_explainer *find_kind(const struct explain *explain, const char *name)
{
	for (size_t i = 0; i < explain->count; i++) {
		const struct cardea_explainer *row = explain->modules[i].table->explainers;
		for (; row != NULL && row->name != NULL; row++) {
			if (strcmp(row->name, name) == 0)
				return row;
		}
	}
	return NULL;
}

static void print_kinds(const struct explain *explain)
{
	for (size_t i = 0; i < explain->count; i++) {
		const struct cardea_explainer *row = explain->modules[i].table->explainers;
		for (; row != NULL && row->name != NULL; row++)
			printf("%-10s %s\n", row->name, row->summary);
	}
}

/* ---- the bytes ---- */

static enum err read_stream(struct arena *arena, FILE *stream, struct bytes *ret_content, struct fault *fault)
{
	struct builder b = builder_in(arena);
	uint8_t chunk[4096];
	size_t count;

	while ((count = fread(chunk, 1, sizeof chunk, stream)) > 0 && b.len <= INPUT_MAX)
		build_bytes(&b, bytes_of(chunk, count));
	if (ferror(stream))
		return fault_set(fault, ERR_IO, "%s", strerror(errno));
	if (b.len > INPUT_MAX)
		return fault_set(fault, ERR_LIMIT, "more than %u bytes", INPUT_MAX);
	return builder_bytes(&b, ret_content);
}

static enum err read_file(struct arena *arena, const char *path, struct bytes *ret_content,
			  struct fault *fault)
{
	FILE *stream = fopen(path, "rb");

	if (stream == NULL)
		return fault_set(fault, ERR_IO, "%s", strerror(errno));
	enum err err = read_stream(arena, stream, ret_content, fault);
	fclose(stream);
	return err;
}

/* Digits with blanks, colons or line feeds between them, as dumps have them. False: something else. */
static bool hex_to_bytes(struct arena *arena, struct bytes text, struct bytes *ret_bytes)
{
	struct builder digits = builder_in(arena);
	struct bytes all;

	for (size_t i = 0; i < text.len; i++) {
		if (isxdigit(text.at[i]))
			build_u8(&digits, text.at[i]);
		else if (!isspace(text.at[i]) && text.at[i] != ':')
			return false;
	}
	build_u8(&digits, 0);
	return builder_bytes(&digits, &all) == ERR_NONE && all.len > 1 &&
	       bytes_from_hex(arena, (const char *)all.at, ret_bytes) == ERR_NONE;
}

/* "-" is standard input, the name of a file its content, anything else hexadecimal; what was read and is
 * nothing but hexadecimal is taken as such. */
static enum err read_input(struct arena *arena, const char *input, struct bytes *ret_content,
			   struct fault *fault)
{
	struct stat status;
	struct bytes content;
	enum err err;

	if (strcmp(input, "-") == 0)
		err = read_stream(arena, stdin, &content, fault);
	else if (stat(input, &status) == 0)
		err = read_file(arena, input, &content, fault);
	else if (hex_to_bytes(arena, bytes_of_text(input), ret_content))
		return ERR_NONE;
	else
		return fault_set(fault, ERR_MALFORMED, "neither a file nor hexadecimal");
	if (err == ERR_NONE && !hex_to_bytes(arena, content, ret_content))
		*ret_content = content;
	return err;
}

/* ---- the command ---- */

static int explain_input(const struct explain *explain, const char *kind, const char *input)
{
	const struct cardea_explainer *explainer = find_kind(explain, kind);
	struct builder text = builder_in(explain->arena);
	struct fault fault = { .kind = ERR_NONE };
	struct bytes content, lines;

	if (explainer == NULL)
		return cli_complain(CLI_CALLED_WRONGLY, "there is no kind %s; cardea explain lists them",
				    kind);
	if (read_input(explain->arena, input, &content, &fault) != ERR_NONE)
		return cli_complain(CLI_CALLED_WRONGLY, "%s: %s", input, fault.text);
	enum err err = explainer->explain(content, &text, &fault);
	if (builder_bytes(&text, &lines) == ERR_NONE)
		fwrite(lines.at, 1, lines.len, stdout);
	fflush(stdout);
	if (err != ERR_NONE)
		return cli_complain(CLI_FAILED, "%s", fault.text[0] != 0 ? fault.text : err_name(err));
	return CLI_GOOD;
}

static int run(struct explain *explain, int count, char **arguments)
{
	if (count == 0) {
		print_kinds(explain);
		return CLI_GOOD;
	}
	if (count != 2)
		return cli_complain(CLI_CALLED_WRONGLY, "explain wants a kind, and one of HEX, FILE or -");
	return explain_input(explain, arguments[0], arguments[1]);
}

int cli_explain(int count, char **arguments)
{
	struct explain explain = { .arena = arena_create(TEXT_MAX) };
	struct fault fault = { .kind = ERR_NONE };
	const char *folder = CARDEA_PLUGIN_DIR;
	int status;

	if (count >= 2 && strcmp(arguments[0], "--plugin-dir") == 0) {
		folder = arguments[1];
		count -= 2;
		arguments += 2;
	}
	if (explain.arena == NULL)
		return cli_complain(CLI_FAILED, "%s", err_name(ERR_NOMEM));
	if (plugin_module_open_all(folder, take_module, &explain, &fault) == ERR_NONE)
		status = run(&explain, count, arguments);
	else
		status = cli_complain(CLI_FAILED, "%s", fault.text);
	while (explain.count > 0)
		plugin_module_close(&explain.modules[--explain.count]);
	arena_free(explain.arena);
	return status;
}
