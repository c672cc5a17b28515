/* Known answers as a program: run FILE... checks each vector of each file by its kind and prints a line for
 * each that fails. The kind is the file's member "kind", else the vector's "format", else the name of the
 * file. */
#include "kinds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VECTOR_BYTES ((size_t)256 << 20)

struct kind {
	const char *name;
	vector_check *check;
};

/* clang-format off */
static const struct kind kinds[] = {
	{ "text",                               check_text },
	{ "cbor",                               check_cbor },
	{ "senml-json",                         check_senml_json },
	{ "senml-cbor",                         check_senml_cbor },
	{ "lwm2m-cbor",                         check_lwm2m_cbor },
	{ "oma-json",                           check_lwm2m_json },
	{ "tlv",                                check_tlv },
	{ "execute-args",                       check_execute_arguments },
	{ "link-format",                        check_link },
	{ "write-attributes-query",             check_attributes },
	{ "register-request",                   check_register_request },
	{ "ddf-xml",                            check_ddf },
	{ "ddf-file",                           check_ddf_file },
	{ "ef-lwm2m-bootstrap",                 check_smartcard_file },
	{ "ef-odf",                             check_pkcs15_directories },
	{ "ef-dodf",                            check_pkcs15_object },
	{ "ef-dir-record",                      check_pkcs15_application },
	{ "apdu-trace",                         check_smartcard_trace },
	{ "aes-cmac",                           check_aes_cmac },
	{ "gp-data",                            check_gp_data },
	{ "scp02-session",                      check_scp02_session },
	{ "scp11-session",                      check_scp11_session },
	{ "scp80-packet",                       check_scp80_packet },
	{ "amdb-http",                          check_admin_http },
	{ "amdb-params-tlv",                    check_admin_parameters },
	{ "seram2-json",                        check_seram2 },
	{ "scp03-kdf",                          check_scp03_kdf },
	{ "scp03-session",                      check_scp03_session },
	{ "ts102226-expanded-script",           check_expanded_script },
};
/* clang-format on */

struct tally {
	unsigned passed, failed, skipped;
};

static vector_check *check_of(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].check;
	}
	return NULL;
}

/* ---- what the kinds use ---- */

enum verdict vector_fail(struct vector *v, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(v->reason, sizeof(v->reason), format, arguments);
	va_end(arguments);
	return FAILED;
}

enum verdict vector_skip(struct vector *v, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(v->reason, sizeof(v->reason), format, arguments);
	va_end(arguments);
	return SKIPPED;
}

enum verdict vector_compare(struct vector *v, const char *what, struct bytes actual, struct bytes expected)
{
	const char *actual_hex, *expected_hex;

	if (bytes_equal(actual, expected))
		return PASSED;
	actual_hex = bytes_to_hex(v->arena, actual);
	expected_hex = bytes_to_hex(v->arena, expected);
	return vector_fail(v, "%s is %s, not %s", what, actual_hex == NULL ? "?" : actual_hex,
			   expected_hex == NULL ? "?" : expected_hex);
}

const char *vector_text(const struct vector *v, const char *member, const char *fallback)
{
	const json_t *value = json_object_get(v->own, member);

	return json_is_string(value) ? json_string_value(value) : fallback;
}

long long vector_number(const struct vector *v, const char *member, long long fallback)
{
	const json_t *value = json_object_get(v->own, member);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool vector_flag(const struct vector *v, const char *member)
{
	return json_is_true(json_object_get(v->own, member));
}

bool vector_hex(const struct vector *v, const char *member, struct bytes *ret_bytes)
{
	const json_t *value = json_object_get(v->own, member);

	return json_is_string(value) &&
	       bytes_from_hex(v->arena, json_string_value(value), ret_bytes) == ERR_NONE;
}

/* ---- files ---- */

static const char *kind_of(const struct vector *v, const char *file_stem)
{
	const json_t *kind = json_object_get(v->file, "kind");

	return json_is_string(kind) ? json_string_value(kind) : vector_text(v, "format", file_stem);
}

static void check_vector(struct vector *v, size_t index, const char *file_stem, struct tally *tally)
{
	const char *kind = kind_of(v, file_stem);
	vector_check *check = check_of(kind);
	enum verdict verdict;
	char number[24];

	v->reason[0] = 0;
	snprintf(number, sizeof(number), "#%zu", index);
	if (check == NULL)
		verdict = vector_fail(v, "unknown kind '%s'", kind);
	else
		verdict = check(v);
	tally->passed += verdict == PASSED;
	tally->failed += verdict == FAILED;
	tally->skipped += verdict == SKIPPED;
	if (verdict != PASSED)
		printf("%s %s %s: %s\n", verdict == FAILED ? "FAILED" : "skipped", v->path,
		       vector_text(v, "id", vector_text(v, "name", number)), v->reason);
	arena_reset(v->arena);
}

static void check_file(const char *path, struct arena *arena, struct tally *tally)
{
	json_error_t error;
	json_t *file = json_load_file(path, 0, &error);
	json_t *vectors = json_object_get(file, "vectors");
	char name[256], *dot;

	if (!json_is_array(vectors)) {
		printf("FAILED %s: %s\n", path, file == NULL ? error.text : "no list of vectors");
		tally->failed++;
		json_decref(file);
		return;
	}
	snprintf(name, sizeof(name), "%s", strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1);
	dot = strrchr(name, '.');
	if (dot != NULL)
		*dot = 0;
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		struct vector v = {
			.file = file, .path = path, .own = json_array_get(vectors, i), .arena = arena
		};

		check_vector(&v, i, name, tally);
	}
	json_decref(file);
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_create(MAX_VECTOR_BYTES);
	struct tally tally = { 0 };

	if (argc < 2 || arena == NULL) {
		fprintf(stderr, "usage: %s FILE.json...\n", argv[0]);
		arena_free(arena);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		check_file(argv[i], arena, &tally);
	printf("%u passed, %u failed, %u skipped\n", tally.passed, tally.failed, tally.skipped);
	arena_free(arena);
	return tally.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
