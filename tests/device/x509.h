/* Certificates, mode 2 of object 0 (LwM2M Transport TS 1.1, 5.2): what the device shows, and how it knows its server: by
 * certificate usage and matching type, which are those of DANE (RFC 6698). */
#ifndef DEVICE_X509_H
#define DEVICE_X509_H

#include <openssl/ssl.h>

#include <cardea/bytes.h>

#include "options.h"

enum certificate_usage {
	USAGE_CA_CONSTRAINT = 0,      /* what is known is an authority above the server, which the trust store leads to */
	USAGE_SERVICE_CONSTRAINT = 1, /* the server's certificate itself, which the trust store leads to */
	USAGE_TRUST_ANCHOR = 2,       /* an authority above the server, and no other is asked */
	USAGE_DOMAIN_ISSUED = 3,      /* the server's certificate itself, and nobody is asked */
};

#define MATCHING_MAX 3 /* the bytes themselves, or their SHA-256, SHA-384, SHA-512 */

struct x509_settings {
	struct bytes certificate, key; /* /0/x/3 and 5: DER, the key of PKCS#8; without a certificate there is no mode 2 */
	struct bytes server;           /* /0/x/4: a certificate in DER, or its digest */
	uint8_t usage, matching;       /* /0/x/15, 13 */
	const char *trust_store;       /* PEM file for the first two usages; NULL: nobody is trusted */
	const char *name;              /* what the server's certificate has to give, unless the usage is the last one */
};

/* From the files that the command line names; certificate.len 0 when it names none. ERR_IO and ERR_MALFORMED with the
 * reason, ERR_NOMEM. */
MUST_CHECK enum err x509_read(const struct options *options, struct x509_settings *ret_settings, struct fault *fault);
void x509_clear(struct x509_settings *settings); /* what x509_read has made */

/* For a client's session that has not heard from the server yet. False when OpenSSL does not take a part of it, which is logged. */
bool x509_prepare(SSL *ssl, const struct x509_settings *settings);

#endif
