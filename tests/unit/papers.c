#include "papers.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define A_DAY_S 86400

static void must(bool is_done, const char *what)
{
	if (is_done)
		return;
	fprintf(stderr, "papers: no %s\n", what);
	abort();
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	must(file != NULL, path);
	return file;
}

static void add_extension(X509 *x509, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;

	if (value == NULL)
		return;
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	must(extension != NULL && X509_add_ext(x509, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void add_serial(X509 *x509)
{
	uint64_t serial;

	must(RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1, "random bytes");
	must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1) == 1, "serial number");
}

struct paper paper_make(const struct paper_terms *terms)
{
	struct paper paper = { X509_new(), EVP_EC_gen(terms->curve != NULL ? terms->curve : "P-256") };
	const struct paper *issuer = terms->issuer != NULL ? terms->issuer : &paper;
	const bool is_today = terms->from_s == 0 && terms->until_s == 0;
	X509_NAME *subject = X509_get_subject_name(paper.x509);

	must(paper.key != NULL && X509_set_version(paper.x509, X509_VERSION_3) == 1, "certificate");
	add_serial(paper.x509);
	X509_gmtime_adj(X509_getm_notBefore(paper.x509), is_today ? -A_DAY_S : terms->from_s);
	X509_gmtime_adj(X509_getm_notAfter(paper.x509), is_today ? A_DAY_S : terms->until_s);
	must(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Cardea", -1, -1,
					0) == 1,
	     "subject");
	if (terms->common_name != NULL)
		must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
						(const unsigned char *)terms->common_name, -1, -1, 0) == 1,
		     "common name");
	must(X509_set_issuer_name(paper.x509, X509_get_subject_name(issuer->x509)) == 1, "issuer");
	must(X509_set_pubkey(paper.x509, paper.key) == 1, "public key");
	add_extension(paper.x509, issuer->x509, NID_subject_key_identifier, "hash");
	add_extension(paper.x509, issuer->x509, NID_basic_constraints,
		      terms->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(paper.x509, issuer->x509, NID_key_usage,
		      terms->is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	add_extension(paper.x509, issuer->x509, NID_ext_key_usage, terms->usage);
	add_extension(paper.x509, issuer->x509, NID_subject_alt_name, terms->alternatives);
	must(X509_sign(paper.x509, issuer->key, EVP_sha256()) > 0, "signature");
	return paper;
}

struct paper paper_read(const char *path, const char *key_path)
{
	FILE *file = open_file(path, "r"), *key_file = open_file(key_path, "r");
	struct paper paper = { PEM_read_X509(file, NULL, NULL, NULL),
			       PEM_read_PrivateKey(key_file, NULL, NULL, NULL) };

	must(paper.x509 != NULL && paper.key != NULL, path);
	fclose(file);
	fclose(key_file);
	return paper;
}

void paper_free(struct paper *paper)
{
	X509_free(paper->x509);
	EVP_PKEY_free(paper->key);
	*paper = (struct paper){ NULL, NULL };
}

void paper_write(const struct paper *paper, const struct paper *above, const char *path)
{
	FILE *file = open_file(path, "w");

	must(PEM_write_X509(file, paper->x509) == 1 &&
		     (above == NULL || PEM_write_X509(file, above->x509) == 1),
	     path);
	fclose(file);
}

void paper_write_key(const struct paper *paper, const char *path)
{
	FILE *file = open_file(path, "w");

	must(PEM_write_PrivateKey(file, paper->key, NULL, NULL, 0, NULL, NULL) == 1, path);
	fclose(file);
}

static void revoke(X509_CRL *list, const struct paper *revoked)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);

	must(entry != NULL && now != NULL &&
		     X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x509)) == 1 &&
		     X509_REVOKED_set_revocationDate(entry, now) == 1 &&
		     X509_CRL_add0_revoked(list, entry) == 1,
	     "revocation");
	ASN1_TIME_free(now);
}

void paper_write_list(const struct paper *authority, const struct paper *revoked, const char *path)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -A_DAY_S), *until = X509_gmtime_adj(NULL, A_DAY_S);
	FILE *file = open_file(path, "w");

	must(X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
		     X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->x509)) == 1 &&
		     X509_CRL_set1_lastUpdate(list, from) == 1 && X509_CRL_set1_nextUpdate(list, until) == 1,
	     path);
	if (revoked != NULL)
		revoke(list, revoked);
	must(X509_CRL_sign(list, authority->key, EVP_sha256()) > 0 && PEM_write_X509_CRL(file, list) == 1,
	     path);
	fclose(file);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(list);
}
