/* The program that checks the code against known answers: run.c reads the files and has one row per kind,
 * each family of kinds has its own kind_<family>.c. */
#ifndef CARDEA_TESTS_VECTORS_KINDS_H
#define CARDEA_TESTS_VECTORS_KINDS_H

#include <cardea/bytes.h>
#include <jansson.h>

enum verdict { PASSED, FAILED, SKIPPED };

/* One vector under test. */
struct vector {
	const json_t *file;  /* the document it stands in, for shared keys and the like */
	const char *path;    /* of the file */
	const json_t *own;   /* the vector itself */
	struct arena *arena; /* forgotten after this vector */
	char reason[256];    /* why it failed or was skipped, set by the two functions below */
};

/* Note why, and answer the verdict: `return vector_fail(v, "count is %zu", count)`. */
enum verdict vector_fail(struct vector *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum verdict vector_skip(struct vector *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The answer when actual and expected bytes (of `what`) are compared. */
enum verdict vector_compare(struct vector *v, const char *what, struct bytes actual, struct bytes expected);

/* Members of the vector. Text and number give the fallback when absent. Hex is in the arena; false when it is
 * absent or is not hexadecimal. Text may hold a 0 only as \u0000, which jansson refuses. */
const char *vector_text(const struct vector *v, const char *member, const char *fallback);
long long vector_number(const struct vector *v, const char *member, long long fallback);
bool vector_flag(const struct vector *v, const char *member); /* false when absent */
bool vector_hex(const struct vector *v, const char *member, struct bytes *ret_bytes);

/* Checks one vector. */
typedef enum verdict vector_check(struct vector *v);

/* kind_lwm2m.c */
vector_check check_attributes, check_ddf, check_ddf_file, check_execute_arguments, check_link,
	check_register_request;
/* kind_lwm2m_formats.c */
vector_check check_cbor, check_lwm2m_cbor, check_lwm2m_json, check_senml_cbor, check_senml_json, check_text,
	check_tlv;
/* kind_smartcard.c */
vector_check check_pkcs15_application, check_pkcs15_directories, check_pkcs15_object, check_smartcard_file,
	check_smartcard_trace;
/* kind_scp.c, kind_admin.c */
vector_check check_scp02_session, check_scp11_session, check_scp80_packet, check_admin_http, check_admin_parameters;
/* kind_seram2.c */
vector_check check_seram2;
/* kind_gp.c, kind_se.c */
vector_check check_aes_cmac, check_gp_data, check_scp03_kdf, check_scp03_session, check_expanded_script;

#endif
