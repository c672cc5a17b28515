#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cardea/bytes.h>

enum type { TEXT, NUMBER, FLAG, OBJECT };

struct option {
	const char *name; /* --name, CARDEA_NAME and the member of the file */
	enum type type;
	size_t offset;
	const char *initial;
	uint32_t min, max;   /* of a number, or of the length of a text */
	const char *choices; /* "a|b|c": nothing else; NULL: anything */
	const char *help;
};

#define AT(member) offsetof(struct config, member)
#define NO_MAX     UINT32_MAX

/* clang-format off */
static const struct option options[] = {
	{ "config", TEXT, AT(config_file), "", 0, NO_MAX, NULL, "JSON file with any of the options below" },
	{ "data-dir", TEXT, AT(data_dir), "/var/lib/cardea", 1, NO_MAX, NULL, "folder of the database and its lock" },
	{ "coap-listen", TEXT, AT(coap_listen), "[::]:5683", 0, NO_MAX, NULL,
	  "comma list of address:port for CoAP, \"[::]\" serves IPv4 too; empty: none" },
	{ "coaps-listen", TEXT, AT(coaps_listen), "[::]:5684", 0, NO_MAX, NULL, "the same for CoAP over DTLS" },
	{ "tcp-listen", TEXT, AT(tcp_listen), "", 0, NO_MAX, NULL, "the same for CoAP over TCP; empty: none" },
	{ "tls-listen", TEXT, AT(tls_listen), "", 0, NO_MAX, NULL, "the same for CoAP over TLS; empty: none" },
	{ "bootstrap-listen", TEXT, AT(bootstrap_listen), "", 0, NO_MAX, NULL,
	  "the same for the bootstrap server, without security: no key leaves there; empty: none" },
	{ "bootstrap-secure-listen", TEXT, AT(bootstrap_secure_listen), "", 0, NO_MAX, NULL,
	  "the same for the bootstrap server over DTLS; empty: none" },
	{ "bootstrap-tcp-listen", TEXT, AT(bootstrap_tcp_listen), "", 0, NO_MAX, NULL,
	  "the same for the bootstrap server over TCP, without security; empty: none" },
	{ "bootstrap-tls-listen", TEXT, AT(bootstrap_tls_listen), "", 0, NO_MAX, NULL,
	  "the same for the bootstrap server over TLS; empty: none" },
	{ "coaps-cert", TEXT, AT(coaps_cert), "", 0, NO_MAX, NULL,
	  "PEM file, chain included; with it devices may come with certificates over DTLS and TLS" },
	{ "coaps-key", TEXT, AT(coaps_key), "", 0, NO_MAX, NULL, "PEM file of its key, an elliptic curve one" },
	{ "coaps-ca", TEXT, AT(coaps_ca), "", 0, NO_MAX, NULL, "PEM file of the authorities whose certificates devices may have" },
	{ "coaps-crl", TEXT, AT(coaps_crl), "", 0, NO_MAX, NULL, "PEM file with a revocation list of each of them" },
	{ "coaps-accept-issued", FLAG, AT(coaps_accept_issued), "false", 0, 0, NULL,
	  "a certificate of --coaps-ca is enough for a device without a credential" },
	{ "public-host", TEXT, AT(public_host), "", 0, NO_MAX, NULL,
	  "name or address in URIs for devices, IPv6 in brackets; empty: the address that each speaks to" },
	{ "http-listen", TEXT, AT(http_listen), "127.0.0.1:8080", 1, NO_MAX, NULL, "address:port of the REST API" },
	{ "http-tls-cert", TEXT, AT(http_tls_cert), "", 0, NO_MAX, NULL, "PEM file; with it REST is HTTPS" },
	{ "http-tls-key", TEXT, AT(http_tls_key), "", 0, NO_MAX, NULL, "PEM file" },
	{ "http-no-auth", FLAG, AT(http_no_auth), "false", 0, 0, NULL, "for labs: REST without tokens" },
	{ "kek-file", TEXT, AT(kek_file), "", 0, NO_MAX, NULL,
	  "key encryption key: 32 bytes or 64 hex digits; empty: the digits in CARDEA_KEK" },
	{ "kek-label", TEXT, AT(kek_label), "", 0, NO_MAX, NULL,
	  "AES key in the token from which the key encryption key is derived, in place of the two above" },
	{ "pkcs11-module", TEXT, AT(pkcs11_module), "", 0, NO_MAX, NULL,
	  "library (PKCS #11) of a token that holds keys; empty: none" },
	{ "pkcs11-token", TEXT, AT(pkcs11_token), "", 0, NO_MAX, NULL, "label of the token" },
	{ "pkcs11-pin-file", TEXT, AT(pkcs11_pin_file), "", 0, NO_MAX, NULL, "file with the user's PIN of the token" },
	{ "plugin-dir", TEXT, AT(plugin_dir), CARDEA_PLUGIN_DIR, 1, NO_MAX, NULL, "folder of the plugins to load" },
	{ "plugin-config", OBJECT, AT(plugin_config), "{}", 0, NO_MAX, NULL, "JSON object with a member per plugin" },
	{ "model-dir", TEXT, AT(model_dir), CARDEA_MODEL_DIR, 1, NO_MAX, NULL, "folder of object definitions (DDF)" },
	{ "profiles", OBJECT, AT(profiles), "{}", 0, NO_MAX, NULL,
	  "JSON object: the objects that a profile id (pid) stands for, as in {\"6:27354b9a\": \"</1/0>,</3/0>\"}" },
	{ "log-level", TEXT, AT(log_level), "info", 0, NO_MAX, "error|warn|info|debug", "what is logged" },
	{ "max-devices", NUMBER, AT(max_devices), "1000000", 1, 100000000, NULL, "registered at a time" },
	{ "max-connections", NUMBER, AT(max_connections), "100000", 1, 10000000, NULL,
	  "of devices over TCP and TLS at a time, each takes a file descriptor" },
	{ "connection-idle-s", NUMBER, AT(connection_idle_s), "90000", 60, NO_MAX, NULL,
	  "a connection of a device that is silent for so long is closed" },
	{ "max-body-bytes", NUMBER, AT(max_body_bytes), "1048576", 1024, 1 << 30, NULL, "of a REST request" },
	{ "max-package-bytes", NUMBER, AT(max_package_bytes), "67108864", 1024, 1 << 30, NULL, "of an uploaded package" },
	{ "job-timeout-s", NUMBER, AT(job_timeout_s), "86400", 1, NO_MAX, NULL, "a job that lasts longer fails" },
	{ "awake-ms", NUMBER, AT(awake_ms), "93000", 100, NO_MAX, NULL,
	  "how long a device in queue mode listens after it was heard, unless its own is set" },
	{ "ack-timeout-ms", NUMBER, AT(ack_timeout_ms), "2000", 10, 60000, NULL, "ACK_TIMEOUT of RFC 7252" },
	{ "max-retransmit", NUMBER, AT(max_retransmit), "4", 0, 10, NULL, "MAX_RETRANSMIT of RFC 7252" },
	{ "block-size", NUMBER, AT(block_size), "1024", 0, NO_MAX, "16|32|64|128|256|512|1024",
	  "bytes per block towards devices" },
	{ "help", FLAG, AT(show_help), "false", 0, 0, NULL, "print this and leave" },
	{ "version", FLAG, AT(show_version), "false", 0, 0, NULL, "print the version and leave" },
};
/* clang-format on */

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static const struct option *option_find(const char *name, size_t length)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
			return &options[i];
	}
	return NULL;
}

/* ---- one value ---- */

static bool is_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (const char *choice = choices; choice != NULL; choice = strchr(choice, '|')) {
		choice += choice != choices;
		if (strcspn(choice, "|") == length && memcmp(choice, text, length) == 0)
			return true;
	}
	return false;
}

static bool is_json_object(const char *text)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool is_object = json_is_object(json);

	json_decref(json);
	return is_object;
}

static enum err set_text(char **member, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return ERR_NOMEM;
	free(*member);
	*member = copy;
	return ERR_NONE;
}

static enum err set_number(const struct option *option, uint32_t *member, const char *text, const char *from,
			   struct fault *fault)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long number = strtoull(text, NULL, 10);

	if (digits == 0 || text[digits] != 0)
		return fault_set(fault, ERR_MALFORMED, "%s: \"%s\" is not a whole number", from, text);
	if (number < option->min || number > option->max)
		return fault_set(fault, ERR_MALFORMED, "%s: %s is not between %u and %u", from, text,
				 option->min, option->max);
	*member = (uint32_t)number;
	return ERR_NONE;
}

/* `from` names the value as the user wrote it: "--block-size", "CARDEA_BLOCK_SIZE", "cardea.json:
 * block-size". */
static enum err set_value(struct config *config, const struct option *option, const char *text,
			  const char *from, struct fault *fault)
{
	void *member = (char *)config + option->offset;

	if (option->choices != NULL && !is_choice(option->choices, text))
		return fault_set(fault, ERR_MALFORMED, "%s: \"%s\" is none of %s", from, text,
				 option->choices);
	switch (option->type) {
	case TEXT:
		if (strlen(text) < option->min)
			return fault_set(fault, ERR_MALFORMED, "%s: must not be empty", from);
		return set_text(member, text);
	case OBJECT:
		if (!is_json_object(text))
			return fault_set(fault, ERR_MALFORMED, "%s: not a JSON object", from);
		return set_text(member, text);
	case NUMBER:
		return set_number(option, member, text, from, fault);
	case FLAG:
		if (!is_choice("true|false", text))
			return fault_set(fault, ERR_MALFORMED, "%s: \"%s\" is none of true|false", from,
					 text);
		*(bool *)member = strcmp(text, "true") == 0;
		return ERR_NONE;
	}
	return ERR_INTERNAL;
}

/* ---- where values come from, the later one wins ---- */

static enum err set_defaults(struct config *config)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < OPTION_COUNT; i++)
		err = set_value(config, &options[i], options[i].initial, options[i].name, NULL);
	return err;
}

/* The text that a member of the file would be on the command line; NULL when it has the wrong type. */
static char *text_of_member(const struct option *option, const json_t *value, struct arena *arena)
{
	char *dumped, *text;

	if (option->type == TEXT && json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (option->type == NUMBER && json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (option->type == FLAG && json_is_boolean(value))
		return arena_strdup(arena, json_is_true(value) ? "true" : "false");
	if (option->type != OBJECT || !json_is_object(value))
		return NULL;
	dumped = json_dumps(value, JSON_COMPACT);
	text = dumped == NULL ? NULL : arena_strdup(arena, dumped);
	free(dumped);
	return text;
}

static enum err set_members(struct config *config, json_t *file, struct arena *arena, struct fault *fault)
{
	static const char *const type_names[] = { "a string", "a whole number", "true or false",
						  "an object" };
	enum err err = ERR_NONE;
	const char *name;
	json_t *value;

	json_object_foreach (file, name, value) {
		const struct option *option = option_find(name, strlen(name));
		const char *from = arena_printf(arena, "%s: %s", config->config_file, name);
		const char *text;

		if (from == NULL)
			return ERR_NOMEM;
		if (option == NULL || option->offset == AT(config_file)) /* a file names no other */
			return fault_set(fault, ERR_NOT_FOUND, "%s: there is no such option", from);
		text = text_of_member(option, value, arena);
		if (text == NULL)
			return fault_set(fault, ERR_MALFORMED, "%s: must be %s", from,
					 type_names[option->type]);
		err = set_value(config, option, text, from, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err read_file(struct config *config, struct fault *fault)
{
	struct arena *arena = arena_create(0);
	char *path = strdup(config->config_file);
	json_error_t error;
	json_t *file = NULL;
	enum err err;

	if (arena == NULL || path == NULL) {
		err = ERR_NOMEM;
		goto out;
	}
	errno = 0;
	file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (file == NULL && json_error_code(&error) == json_error_cannot_open_file)
		err = fault_set(fault, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
				strerror(errno));
	else if (file == NULL)
		err = fault_set_at(fault, ERR_MALFORMED, (size_t)error.position, "%s: line %d: %s", path,
				   error.line, error.text);
	else if (!json_is_object(file))
		err = fault_set(fault, ERR_MALFORMED, "%s: not a JSON object", path);
	else
		err = set_members(config, file, arena, fault);
out:
	json_decref(file);
	free(path);
	arena_free(arena);
	return err;
}

#define VARIABLE_SIZE 64

static void variable_name(const struct option *option, char ret_name[VARIABLE_SIZE])
{
	snprintf(ret_name, VARIABLE_SIZE, "CARDEA_%s", option->name);
	for (char *c = ret_name; *c != 0; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static enum err read_environment(struct config *config, struct fault *fault)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[VARIABLE_SIZE];
		const char *text;
		enum err err;

		variable_name(&options[i], name);
		text = getenv(name);
		if (text == NULL)
			continue;
		err = set_value(config, &options[i], text, name, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err read_arguments(struct config *config, int argc, char **argv, struct fault *fault)
{
	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i];
		size_t length = strcspn(argument, "=");
		const struct option *option;
		char from[VARIABLE_SIZE];
		const char *text;
		enum err err;

		if (strncmp(argument, "--", 2) != 0)
			return fault_set(fault, ERR_NOT_FOUND, "\"%s\": options begin with --", argument);
		option = option_find(argument + 2, length - 2);
		if (option == NULL)
			return fault_set(fault, ERR_NOT_FOUND, "%.*s: there is no such option", (int)length,
					 argument);
		if (argument[length] == '=')
			text = argument + length + 1;
		else if (option->type == FLAG)
			text = "true";
		else if (i + 1 < argc)
			text = argv[++i];
		else
			return fault_set(fault, ERR_MALFORMED, "%s: needs a value", argument);
		snprintf(from, sizeof(from), "--%s", option->name);
		err = set_value(config, option, text, from, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

enum err config_load(int argc, char **argv, struct config *ret_config, struct fault *fault)
{
	struct config config = { 0 };
	enum err err = set_defaults(&config);

	if (err == ERR_NONE)
		err = read_environment(&config, fault);
	if (err == ERR_NONE)
		err = read_arguments(&config, argc, argv, fault);
	/* These name the file, and they win over it: so they are read again after it. */
	if (err == ERR_NONE && config.config_file[0] != 0) {
		err = read_file(&config, fault);
		if (err == ERR_NONE)
			err = read_environment(&config, fault);
		if (err == ERR_NONE)
			err = read_arguments(&config, argc, argv, fault);
	}
	if (err != ERR_NONE) {
		config_free(&config);
		return err;
	}
	*ret_config = config;
	return ERR_NONE;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (options[i].type == TEXT || options[i].type == OBJECT)
			free(*(char **)((char *)config + options[i].offset));
	}
	*config = (struct config){ 0 };
}

void config_print_help(FILE *to)
{
	static const char *const type_names[] = { "=TEXT", "=NUMBER", "", "=JSON" };

	fprintf(to, "Options of the command line, of the environment (CARDEA_DATA_DIR for --data-dir) and of "
		    "the JSON\n"
		    "file; the command line wins over the environment, and that over the file.\n\n");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &options[i];
		int width = fprintf(to, "  --%s%s", option->name, type_names[option->type]);

		fprintf(to, "%*s %s", width < 28 ? 28 - width : 0, "", option->help);
		if (option->choices != NULL)
			fprintf(to, ": %s", option->choices);
		if (option->type != FLAG && option->initial[0] != 0)
			fprintf(to, " (%s)", option->initial);
		fputc('\n', to);
	}
}
