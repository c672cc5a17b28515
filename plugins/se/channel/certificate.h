/* Certificates of SCP11, in the format of GlobalPlatform (7F21) and of X.509, alone or as a chain that begins below
 * the authority (GPC Amendment F, chapter 6). */
#ifndef SE_CERTIFICATE_H
#define SE_CERTIFICATE_H

#include <cardea/crypto_ec.h>

enum certificate_usage { USAGE_SIGN = 1, USAGE_AGREE = 2 };

struct certificate {
	struct bytes whole; /* with tag and length */
	bool is_x509;
	enum ec_curve curve;
	struct ec_point public;
	unsigned usage;            /* of certificate_usage; 0: an X.509 certificate that does not say */
	int64_t not_after_s;       /* since 1970; the end of that day where a day is told */
	struct bytes serial, subject; /* of the GlobalPlatform form */
	struct bytes signed_data, signature;
};

/* GPCS table B-2: the key parameter reference (F0) of a curve, one byte. */
const uint8_t *certificate_curve_reference(enum ec_curve curve);

/* The next of several, one after another. ERR_MALFORMED, ERR_UNSUPPORTED (a curve that we do not have). */
MUST_CHECK enum err certificate_read(struct reader *r, struct certificate *ret_certificate, struct fault *fault);

/* Signed by this key. ERR_DENIED. */
MUST_CHECK enum err certificate_verify(const struct certificate *certificate, enum ec_curve curve, struct bytes public,
				       struct fault *fault);

/* The last of the chain: each is signed by the one before it, the first by the authority, none has ended, and the
 * last is for key agreement. */
MUST_CHECK enum err certificate_chain_verify(struct bytes chain, enum ec_curve curve, struct bytes authority,
					     int64_t now_s, struct certificate *ret_last, struct fault *fault);

#endif
