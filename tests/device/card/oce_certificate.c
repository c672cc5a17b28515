/* Amd F 1.4 tables 6-1 to 6-3; GPCS 2.3.1 table B-2 */
#include "oce_certificate.h"

#include <cardea/tlv.h>

static const enum ec_curve curves[] = { EC_P256,        EC_P384,
					EC_P521,        EC_BRAINPOOL_P256R1,
					EC_CURVE_COUNT, EC_BRAINPOOL_P384R1,
					EC_CURVE_COUNT, EC_BRAINPOOL_P512R1 };

bool curve_of_reference(struct bytes reference, enum ec_curve *ret_curve)
{
	if (reference.len != 1 || reference.at[0] >= sizeof(curves) / sizeof(curves[0]) ||
	    curves[reference.at[0]] == EC_CURVE_COUNT)
		return false;
	*ret_curve = curves[reference.at[0]];
	return true;
}

static bool key_read(struct bytes content, struct card_certificate *c)
{
	struct bytes point, reference;
	if (tlv_find(content, 0xB0, &point) != ERR_NONE || tlv_find(content, 0xF0, &reference) != ERR_NONE ||
	    !curve_of_reference(reference, &c->curve) || ec_check_public(c->curve, point) != ERR_NONE)
		return false;
	memcpy(c->public.at, point.at, point.len);
	c->public.len = point.len;
	return true;
}

static enum certificate_error gp_check(struct bytes content, enum ec_curve curve, struct bytes issuer,
				       struct card_certificate *c)
{
	static const uint32_t mandatory[] = { 0x93, 0x42, 0x5F24 };
	struct bytes usage, key, signature, ignored;
	for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
		if (tlv_find(content, mandatory[i], &ignored) != ERR_NONE)
			return CERTIFICATE_MALFORMED;
	}
	if (tlv_find(content, 0x95, &usage) != ERR_NONE ||
	    tlv_find(content, 0x5F20, &c->subject) != ERR_NONE ||
	    tlv_find(content, 0x7F49, &key) != ERR_NONE ||
	    tlv_find(content, 0x5F37, &signature) != ERR_NONE || !key_read(key, c))
		return CERTIFICATE_MALFORMED;
	c->may_sign = usage.len == 1 && usage.at[0] == 0x82;
	c->may_agree = usage.len == 2 && usage.at[0] == 0x00 && usage.at[1] == 0x80;
	/* the signature ends the certificate, and all before it is signed */
	size_t around = 2 + (signature.len < 128 ? 1 : 2) + signature.len;
	if (content.len < around || signature.at != &content.at[content.len - signature.len])
		return CERTIFICATE_MALFORMED;
	struct bytes signed_data = bytes_first(content, content.len - around);
	return ec_verify(curve, ec_digest(curve), issuer, signed_data, signature) == ERR_NONE
		       ? CERTIFICATE_GOOD
		       : CERTIFICATE_NOT_SIGNED;
}

static enum certificate_error x509_check(struct bytes whole, enum ec_curve curve, struct bytes issuer,
					 struct card_certificate *c)
{
	struct ec_certificate x509;
	if (ec_certificate_read(whole, &x509, NULL) != ERR_NONE)
		return CERTIFICATE_MALFORMED;
	c->curve = x509.curve;
	c->public = x509.public;
	c->may_sign = x509.may_sign;
	c->may_agree = x509.may_agree;
	return ec_certificate_verify(whole, curve, issuer, NULL) == ERR_NONE ? CERTIFICATE_GOOD
									     : CERTIFICATE_NOT_SIGNED;
}

enum certificate_error certificate_check(struct bytes whole, enum ec_curve curve, struct bytes issuer,
					 struct card_certificate *ret_certificate)
{
	struct reader r = reader_of(whole);
	struct card_certificate certificate = { 0 };
	struct bytes content;
	uint32_t tag;
	if (!read_tlv(&r, &tag, &content) || !reader_done(&r) || (tag != 0x7F21 && tag != 0x30))
		return CERTIFICATE_MALFORMED;
	enum certificate_error error = tag == 0x30 ? x509_check(whole, curve, issuer, &certificate)
						   : gp_check(content, curve, issuer, &certificate);
	if (error == CERTIFICATE_GOOD)
		*ret_certificate = certificate;
	return error;
}

/* ---- making ---- */

static uint8_t reference_of(enum ec_curve curve)
{
	uint8_t reference = 0;
	while (curves[reference] != curve)
		reference++;
	return reference;
}

enum err certificate_make(struct arena *arena, enum ec_curve curve, const char *subject,
			  struct bytes subject_public, struct bytes issuer_private, struct bytes *ret_whole)
{
	static const uint8_t key_agreement[] = { 0x00, 0x80 }, last_day[] = { 0x20, 0x99, 0x12, 0x31 };
	uint8_t signature[2 * EC_SIZE_MAX];
	struct builder b = builder_in(arena), whole = builder_in(arena);
	struct bytes signed_data, subject_bytes;
	enum err err = bytes_from_hex(arena, subject, &subject_bytes);
	if (err != ERR_NONE)
		return err;
	build_tlv(&b, 0x93, bytes_of("\x01", 1));
	build_tlv(&b, 0x42, bytes_of("cardea", 6));
	build_tlv(&b, 0x5F20, subject_bytes);
	build_tlv(&b, 0x95, bytes_of(key_agreement, sizeof(key_agreement)));
	build_tlv(&b, 0x5F24, bytes_of(last_day, sizeof(last_day)));
	size_t key = build_open(&b, 0x7F49);
	build_tlv(&b, 0xB0, subject_public);
	build_tlv_u8(&b, 0xF0, reference_of(curve));
	build_close(&b, key);
	err = builder_bytes(&b, &signed_data);
	if (err == ERR_NONE)
		err = ec_sign(curve, ec_digest(curve), issuer_private, signed_data, signature);
	if (err != ERR_NONE)
		return err;
	size_t mark = build_open(&whole, 0x7F21);
	build_bytes(&whole, signed_data);
	build_tlv(&whole, 0x5F37, bytes_of(signature, 2 * ec_size(curve)));
	build_close(&whole, mark);
	return builder_bytes(&whole, ret_whole);
}
