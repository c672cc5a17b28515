/* The configuration: one table of names, types, defaults and help; a JSON file, then CARDEA_* variables, then
 * --name=value on the command line, the later one wins. */
#ifndef CARDEA_CORE_CONFIG_H
#define CARDEA_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cardea/error.h>

struct config {
	char *config_file;              /* JSON object of the same names; empty: none */
	char *data_dir;                 /* database, lock */
	char *coap_listen;              /* comma list of address:port, "[::]:5683" serves IPv4 too; empty: none */
	char *coaps_listen;
	char *tcp_listen, *tls_listen;  /* the same for connections */
	char *bootstrap_listen;         /* the same for the bootstrap server, which is off while both are empty */
	char *bootstrap_secure_listen;
	char *bootstrap_tcp_listen, *bootstrap_tls_listen;
	char *coaps_cert, *coaps_key;   /* PEM files: our certificate for devices, of both servers; empty: keys only */
	char *coaps_ca, *coaps_crl;     /* PEM files: whose certificates are trusted, and which are revoked */
	bool coaps_accept_issued;       /* a trusted authority is enough for a device without a credential */
	char *public_host;              /* what devices reach us by, in URIs; empty: the address that each speaks to */
	char *http_listen;              /* address:port of REST */
	char *http_tls_cert, *http_tls_key;
	char *kek_file;                 /* 32 bytes raw or 64 hex digits; else CARDEA_KEK in the environment */
	char *kek_label;                /* of a key in the token, from which it is derived; empty: kek_file */
	char *pkcs11_module;            /* library of a token; empty: none */
	char *pkcs11_token;             /* label of the token */
	char *pkcs11_pin_file;
	char *plugin_dir;
	char *plugin_config;            /* JSON object: one member per plugin */
	char *model_dir;                /* DDF files */
	char *profiles;                 /* JSON object: lists of objects by profile id */
	char *log_level;
	uint32_t max_devices;
	uint32_t max_connections;       /* over TCP and TLS */
	uint32_t connection_idle_s;     /* silent for so long: it is closed */
	uint32_t max_body_bytes;        /* of a REST request other than a package */
	uint32_t max_package_bytes;
	uint32_t job_timeout_s;
	uint32_t awake_ms;              /* queue mode: how long a device listens; MAX_TRANSMIT_WAIT of RFC 7252 */
	uint32_t ack_timeout_ms;        /* RFC 7252 4.8 */
	uint32_t max_retransmit;
	uint32_t block_size;            /* 16 to 1024 */
	bool http_no_auth;              /* for labs: REST without tokens */
	bool show_help, show_version;   /* the caller prints that and leaves */
};

/* Fills defaults, then file, environment and arguments ("--name=value" or "--name value", a flag alone is true). A
 * name that does not exist is ERR_NOT_FOUND, a value that is refused ERR_MALFORMED, both with the name in `fault`; a
 * file that cannot be read is ERR_NOT_FOUND or ERR_IO. Other CARDEA_ variables are left alone. */
MUST_CHECK enum err config_load(int argc, char **argv, struct config *ret_config, struct fault *fault);
void config_free(struct config *config);        /* frees the texts in it; accepts NULL and one that is all zero */
void config_print_help(FILE *to);               /* the table, with the names of the variables */

#endif
