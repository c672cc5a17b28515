/* What the tests of the simulated card share: a host that speaks SCP03 by itself, and load files to load. */
#ifndef CARDEA_TESTS_CARD_SUPPORT_H
#define CARDEA_TESTS_CARD_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cardea/bytes.h>
#include <cardea/crypto.h>

#include "card.h"

#define ISD_AID     "A000000151000000"
#define MASK_FILE   "A0000001515350"
#define MASK_MODULE "A000000151535041"

#define LEVEL_NONE 0x00
#define LEVEL_MAC  0x01
#define LEVEL_ENC  0x03
#define LEVEL_ALL  0x33

struct host {
	struct arena *arena;
	struct card_settings settings;
	struct card *card;
	const char *state_path; /* NULL: memory */
	unsigned channel;

	struct card_key_set keys; /* for the next session */
	struct secret enc, mac, rmac;
	uint8_t chaining_value[AES_BLOCK];
	uint64_t counter;
	uint8_t level;
	size_t mac_len;
	bool has_session;

	struct bytes data; /* of the last answer, without its status word and protection */
};

#define CLAIM(test) cmocka_unit_test_setup_teardown(test, host_setup, host_teardown)

/* cmocka's: *state is a struct host with a card in memory and no session. */
int host_setup(void **state);
int host_teardown(void **state);

void host_open(struct host *host); /* a card of host->settings */
void host_reopen(struct host *host);

struct bytes hex(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One APDU as it stands; 61xx is followed by GET RESPONSE. Answers the status word. */
uint16_t host_transmit(struct host *host, struct bytes apdu);
/* The same in hexadecimal, which may be a printf format. */
uint16_t host_plain(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Without following 61xx. */
uint16_t host_raw(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* SELECT of a security domain, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE; the status word of the last one
 * sent. */
uint16_t host_initialize(struct host *host, uint8_t key_version);
uint16_t host_authenticate(struct host *host, uint8_t level);
void host_login(struct host *host, const char *security_domain, uint8_t level); /* must succeed */

/* A command of GlobalPlatform under the session: protected, sent, and its answer verified and deciphered. */
struct bytes host_wrap(struct host *host, struct bytes apdu);
uint16_t host_command(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `header` is CLA INS P1 P2; Lc and Le=00 are added. */
uint16_t host_call(struct host *host, const char *header, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint16_t host_command_bytes(struct host *host, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data);

/* Static DEK over whole blocks, and a PUT KEY data field for one AES key. */
struct bytes host_cipher(struct host *host, struct bytes plain);
struct bytes host_key_field(struct host *host, struct bytes key);

void assert_hex(struct host *host, struct bytes actual, const char *expected);

/* A load file with one applet `module` in the package; `import` may be NULL. `filler` bytes of method
 * component. */
struct bytes load_file_make(struct host *host, const char *package, const char *module, const char *import,
			    size_t filler);
/* INSTALL [for load] and LOAD; the first status word that is not 9000. */
uint16_t host_load(struct host *host, const char *package, struct bytes load_file);
/* INSTALL [for install and make selectable] without privileges. */
uint16_t host_install(struct host *host, const char *package, const char *module, const char *instance);
/* A supplementary security domain with these privileges, PERSONALIZED; ends the session. */
void host_make_security_domain(struct host *host, const char *aid, const char *privileges);

#endif
