/* Certificates with their keys, made while the test runs. What cannot be made ends the program. */
#ifndef CARDEA_PAPERS_H
#define CARDEA_PAPERS_H

#include <openssl/x509.h>
#include <stdbool.h>

struct paper {
	X509 *x509;
	EVP_PKEY *key;
};

struct paper_terms {
	const struct paper *issuer;     /* NULL: it signs itself */
	const char *common_name;        /* NULL: none */
	const char *alternatives;       /* subjectAltName as in openssl.cnf, "URI:urn:dev:1,DNS:x"; NULL: none */
	const char *usage;              /* "clientAuth"; NULL: no extension, so any */
	const char *curve;              /* NULL: P-256 */
	bool is_authority;
	long from_s, until_s;           /* from now on; both 0: a day around now */
};

struct paper paper_make(const struct paper_terms *terms);
/* What paper_write and paper_write_key have written. */
struct paper paper_read(const char *path, const char *key_path);
void paper_free(struct paper *paper);

/* PEM files. `above` may be NULL: the issuer, behind the certificate. */
void paper_write(const struct paper *paper, const struct paper *above, const char *path);
void paper_write_key(const struct paper *paper, const char *path);
/* A revocation list of this authority; `revoked` may be NULL. */
void paper_write_list(const struct paper *authority, const struct paper *revoked, const char *path);

#endif
