/* One DTLS session. OpenSSL makes the handshake, through a BIO that takes the datagram at hand and sends at once; after
 * the first message of the device, which shows that it has our last flight, record.c goes on without OpenSSL. */
#ifndef CARDEA_COAP_SESSION_H
#define CARDEA_COAP_SESSION_H

#include <openssl/ssl.h>
#include <uthash.h>

#include "dtls.h"
#include "dtls_context.h"
#include "wheel.h"

#define SESSION_IDLE_S 90000            /* [ours] longer than the usual lifetime of a day */
#define HANDSHAKE_MAX_MS 60000          /* [ours] then it is abandoned */
#define SESSION_MTU 1200                /* [ours] of a handshake's datagrams: passes everywhere */

struct session {
	UT_hash_handle hh;              /* open ones, by endpoint name: dtls.c */
	struct endpoint *endpoint;
	const struct dtls_context *context;
	struct peer *peer;              /* NULL: it listens */
	struct session *prev, *next;    /* of the handshakes under way, the oldest first */
	struct session *successor;      /* a later handshake of the same address; NULL: none */
	struct route route;
	SSL *ssl;                       /* NULL: records.cipher has taken over */
	struct record_state records;
	uint64_t newest_out;            /* record sent by OpenSSL */
	struct bytes incoming;          /* what the BIO reads next */
	struct timer timer;             /* of the handshake */
	int64_t begun_ms;
	char *name;                     /* endpoint name of the credential; NULL until the handshake has completed */
	uint8_t *kept;                  /* of who it is with: identity_kept */
	size_t kept_len;
	uint64_t checked;               /* credentials_changes when the key was looked up */
	bool is_open, is_quiet;         /* quiet: ends without a word */
};

/* A handshake that fails or takes too long, and what waits for it: dtls.c. */
void dtls_abandon(struct session *session);

enum session_event { SESSION_WAITS, SESSION_OPENED, SESSION_FAILED };

MUST_CHECK enum err session_create(struct endpoint *endpoint, const struct dtls_context *context,
                                   struct session **ret_session);
void session_free(struct session *session);     /* says close_notify when it is open; accepts NULL */

/* Looks at a ClientHello without keeping anything of it, and answers it unless it has our cookie. True when it has:
 * the session is then to begin its handshake. */
bool session_listen(struct session *session, const struct route *from, struct bytes datagram);

/* A datagram for a handshake (empty: go on with what session_listen has kept). */
/* A handshake that fails or takes too long, and what waits for it: dtls.c. */
void dtls_abandon(struct session *session);

enum session_event session_handshake(struct session *session, struct bytes datagram);
/* A datagram for an open session. False: it has ended. */
bool session_read(struct session *session, struct bytes datagram);

BIO_METHOD *session_bio_method(void);          /* NULL without memory */

#endif
