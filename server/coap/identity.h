/* Whose session it is, whichever version of TLS carries it: the endpoint name that a pre-shared key or a certificate
 * belongs to. Found in the handshake, remembered in OpenSSL's session and so in its ticket, and asked again whenever the
 * credentials have changed.
 *
 * A certificate is a device's when (in this order)
 *   1. its print is the credential of an endpoint name: then nobody has to have signed it
 *   2. an authority that we trust is above it, and an endpoint name that it gives has this authority as its credential
 *   3. an authority that we trust is above it, the first name that it gives has no credential at all, and the
 *      configuration says that this is enough (credentials_accept_issued) */
#ifndef CARDEA_COAP_IDENTITY_H
#define CARDEA_COAP_IDENTITY_H

#include <openssl/ssl.h>

#include <cardea/bytes.h>

struct certificates;
struct credentials;
struct loop;

struct identities {
	const struct credentials *credentials;
	const struct loop *loop;
	uint8_t print_key[32];
};

/* For a server's context of (D)TLS 1.2 or TLS 1.3: suites and tickets are the caller's, application data and the callbacks for keys,
 * certificates and tickets are set here. `certificates` NULL: pre-shared keys only. *ret_identities stays where it is. */
MUST_CHECK enum err identities_begin(const struct credentials *credentials, const struct certificates *certificates,
                                     const struct loop *loop, SSL_CTX *ssl, struct identities *ret_identities);

/* What a session keeps of who it is with; borrowed from OpenSSL's session. Empty: nobody. */
struct bytes identity_kept(SSL *ssl);
/* The endpoint name that it belongs to, as long as its credential is the one that the session was made with. NULL: not any
 * more. Borrowed from `kept` or until the credentials change. */
const char *identity_endpoint(const struct identities *identities, struct bytes kept);

#endif
