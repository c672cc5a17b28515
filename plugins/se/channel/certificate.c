/* GPC Amendment F v1.4: tables 6-1 to 6-3; GPCS 2.3.1 B.4 for curves */
#include "channel/certificate.h"

#include <time.h>

#include <cardea/tlv.h>

enum {
	TAG_CERTIFICATE = 0x7F21,
	TAG_SERIAL = 0x93,
	TAG_AUTHORITY = 0x42,
	TAG_SUBJECT = 0x5F20,
	TAG_USAGE = 0x95,
	TAG_LAST_DAY = 0x5F24,
	TAG_PUBLIC_KEY = 0x7F49,
	TAG_POINT = 0xB0,
	TAG_PARAMETERS = 0xF0,
	TAG_SIGNATURE = 0x5F37,
	TAG_X509 = 0x30,
};

#define DAY_S 86400

/* [memory] GPCS table B-2: key parameter references. */
static const struct {
	uint8_t reference;
	enum ec_curve curve;
} references[] = {
	{ 0x00, EC_P256 },
	{ 0x01, EC_P384 },
	{ 0x02, EC_P521 },
	{ 0x03, EC_BRAINPOOL_P256R1 },
	{ 0x05, EC_BRAINPOOL_P384R1 },
	{ 0x07, EC_BRAINPOOL_P512R1 },
};

#define REFERENCE_COUNT (sizeof(references) / sizeof(references[0]))

const uint8_t *certificate_curve_reference(enum ec_curve curve)
{
	size_t i = 0;

	while (references[i].curve != curve)
		i++;
	return &references[i].reference;
}

/* ---- reading ---- */

static enum err read_public_key(struct bytes content, struct certificate *c, struct fault *fault)
{
	struct bytes point, reference;

	if (tlv_find(content, TAG_POINT, &point) != ERR_NONE ||
	    tlv_find(content, TAG_PARAMETERS, &reference) != ERR_NONE || reference.len != 1)
		return fault_set(fault, ERR_MALFORMED, "the certificate's public key has no B0 or no F0");
	for (size_t i = 0; i < REFERENCE_COUNT; i++) {
		if (references[i].reference != reference.at[0])
			continue;
		c->curve = references[i].curve;
		if (ec_check_public(c->curve, point) != ERR_NONE)
			return fault_set(fault, ERR_MALFORMED,
					 "the certificate's public key is no point of %s",
					 ec_curve_name(c->curve));
		memcpy(c->public.at, point.at, point.len);
		c->public.len = point.len;
		return ERR_NONE;
	}
	return fault_set(fault, ERR_UNSUPPORTED,
			 "the certificate's curve has the number %02X, which we do not have",
			 reference.at[0]);
}

/* Two digits a byte. */
static bool read_decimal(struct bytes bytes, unsigned *ret_number)
{
	unsigned number = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		const uint8_t high = bytes.at[i] >> 4, low = bytes.at[i] & 15;
		if (high > 9 || low > 9)
			return false;
		number = number * 100 + high * 10u + low;
	}
	*ret_number = number;
	return true;
}

static enum err read_last_day(struct bytes value, int64_t *ret_end_s, struct fault *fault)
{
	unsigned year, month, day;

	if (value.len != 4 || !read_decimal(bytes_first(value, 2), &year) ||
	    !read_decimal(bytes_of(&value.at[2], 1), &month) ||
	    !read_decimal(bytes_of(&value.at[3], 1), &day) || month < 1 || month > 12 || day < 1 || day > 31)
		return fault_set(fault, ERR_MALFORMED, "the certificate's last day (5F24) is no date");
	struct tm tm = { .tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day };
	*ret_end_s = (int64_t)timegm(&tm) + DAY_S - 1;
	return ERR_NONE;
}

static unsigned usage_of(struct bytes value)
{
	unsigned usage = 0;

	if (value.len > 0 && (value.at[0] & 0x80) != 0)
		usage |= USAGE_SIGN;
	if (value.len > 1 && (value.at[1] & 0x80) != 0)
		usage |= USAGE_AGREE;
	return usage;
}

static enum err read_gp(struct bytes content, struct certificate *c, struct fault *fault)
{
	struct reader r = reader_of(content);
	struct bytes value, public_key = { 0 }, last_day = { 0 };
	size_t before = 0;
	uint32_t tag;

	while (read_tlv(&r, &tag, &value) && tag != TAG_SIGNATURE) {
		if (tag == TAG_SERIAL)
			c->serial = value;
		else if (tag == TAG_SUBJECT)
			c->subject = value;
		else if (tag == TAG_USAGE)
			c->usage = usage_of(value);
		else if (tag == TAG_LAST_DAY)
			last_day = value;
		else if (tag == TAG_PUBLIC_KEY)
			public_key = value;
		before = content.len - reader_left(&r);
	}
	if (r.bad || before == 0 || tag != TAG_SIGNATURE || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED,
				 "the certificate (7F21) does not end with its signature");
	c->signed_data = bytes_first(content, before);
	c->signature = value;
	enum err err = read_last_day(last_day, &c->not_after_s, fault);
	return err == ERR_NONE ? read_public_key(public_key, c, fault) : err;
}

static enum err read_x509(struct certificate *c, struct fault *fault)
{
	struct ec_certificate x509;
	enum err err = ec_certificate_read(c->whole, &x509, fault);

	if (err != ERR_NONE)
		return err;
	c->is_x509 = true;
	c->curve = x509.curve;
	c->public = x509.public;
	c->not_after_s = x509.not_after_s;
	c->usage = (x509.may_sign ? USAGE_SIGN : 0u) | (x509.may_agree ? USAGE_AGREE : 0u);
	return ERR_NONE;
}

enum err certificate_read(struct reader *r, struct certificate *ret_certificate, struct fault *fault)
{
	const struct bytes before = bytes_of(r->at, reader_left(r));
	struct certificate c = { 0 };
	struct bytes content;
	uint32_t tag;

	if (!read_tlv(r, &tag, &content) || (tag != TAG_CERTIFICATE && tag != TAG_X509))
		return fault_set(fault, ERR_MALFORMED, "a certificate begins with 7F21 or 30");
	c.whole = bytes_first(before, before.len - reader_left(r));
	enum err err = tag == TAG_X509 ? read_x509(&c, fault) : read_gp(content, &c, fault);
	if (err == ERR_NONE)
		*ret_certificate = c;
	return err;
}

/* ---- verifying ---- */

enum err certificate_verify(const struct certificate *certificate, enum ec_curve curve, struct bytes public,
			    struct fault *fault)
{
	if (certificate->is_x509)
		return ec_certificate_verify(certificate->whole, curve, public, fault);
	enum err err =
		ec_verify(curve, ec_digest(curve), public, certificate->signed_data, certificate->signature);
	return err == ERR_NONE
		       ? ERR_NONE
		       : fault_set(fault, err, "the certificate's signature is not that of its issuer");
}

enum err certificate_chain_verify(struct bytes chain, enum ec_curve curve, struct bytes authority,
				  int64_t now_s, struct certificate *ret_last, struct fault *fault)
{
	struct reader r = reader_of(chain);
	struct certificate c;
	struct ec_point issuer;
	struct bytes public = authority;
	bool is_last;

	do {
		enum err err = certificate_read(&r, &c, fault);
		if (err == ERR_NONE)
			err = certificate_verify(&c, curve, public, fault);
		if (err != ERR_NONE)
			return err;
		is_last = reader_left(&r) == 0;
		if (c.not_after_s < now_s)
			return fault_set(fault, ERR_DENIED, "a certificate of the card has ended");
		const unsigned needed = is_last ? USAGE_AGREE : USAGE_SIGN;
		if ((c.usage & needed) == 0 && !(c.is_x509 && c.usage == 0))
			return fault_set(fault, ERR_DENIED, "a certificate of the card is not for %s",
					 is_last ? "key agreement" : "signing others");
		issuer = c.public;
		public = ec_point_bytes(&issuer);
		curve = c.curve;
	} while (!is_last);
	*ret_last = c;
	return ERR_NONE;
}
