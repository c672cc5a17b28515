/* Certificates that an off-card entity shows to the card (Amd F 6): GlobalPlatform's and X.509. */
#ifndef CARD_OCE_CERTIFICATE_H
#define CARD_OCE_CERTIFICATE_H

#include <cardea/crypto_ec.h>

/* GPCS 2.3.1 table B-2: a key parameter reference (F0). False for a curve that this card does not have. */
bool curve_of_reference(struct bytes reference, enum ec_curve *ret_curve);

struct card_certificate {
	enum ec_curve curve;
	struct ec_point public;
	bool may_sign, may_agree;
	struct bytes subject; /* 5F20; of an X.509 certificate empty */
};

enum certificate_error { CERTIFICATE_GOOD, CERTIFICATE_MALFORMED, CERTIFICATE_NOT_SIGNED };

/* Reads and verifies with the issuer's key. */
enum certificate_error certificate_check(struct bytes whole, enum ec_curve curve, struct bytes issuer,
					 struct card_certificate *ret_certificate);

/* Makes one in GlobalPlatform's format, valid until 2099: for cards that come with a certificate. */
MUST_CHECK enum err certificate_make(struct arena *arena, enum ec_curve curve, const char *subject,
				     struct bytes subject_public, struct bytes issuer_private,
				     struct bytes *ret_whole);

#endif
