/* SCP11 and its certificates on the host's side: what must be refused. What must come out is in
 * tests/vectors. */
#include "channel/scp11.h"

#include <cardea/tlv.h>

#include "channel/certificate.h"
#include "one_arena.h"
#include "x509_samples.h"

static struct bytes flipped(struct bytes bytes, size_t bit)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(arena, bytes, &copy), ERR_NONE);
	((uint8_t *)(uintptr_t)copy.at)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	return copy;
}

struct key_pair {
	uint8_t private[EC_SIZE_MAX];
	struct ec_point public;
};

static struct key_pair make_key(enum ec_curve curve)
{
	struct key_pair key;

	assert_int_equal(ec_generate(curve, key.private, &key.public), ERR_NONE);
	return key;
}

/* ---- the session ---- */

/* A session of a card that was emulated by somebody else (tests/vectors/scp11-session.json, the fourth). */
static struct scp11_agreement known_agreement(struct bytes answer)
{
	struct scp11_agreement a = {
		.variant = SCP11A,
		.curve = EC_P256,
		.own_private = hex("A5116B848D41BD93737F187ABC03886BF7A80422D150025109C6749F45BB9B6D"),
		.ephemeral_private = hex("B69D2D4A2544B5938ED3C4F6319810837E4DBBEFF115BD9955607E8CDBBBACE5"),
		.card_public = hex("044F92A07D168C309959EED99E288381DD192979CD452D8FBE1F163447979207C5"
				   "E6CD1F4DD11609E2100C033BBD723BE78B71477E64883EB41EC366713E44AF1E"),
		.command_data =
			hex("A60D9002110195013C8001888101105F49410470B0BD7863E90E32DA5401188354D1F41999442FDF"
			    "DCBA7472"
			    "B7F1E5DBBF8A32F92D9D4F9D55C60D57D39BD6D7973306CEA55F7A86884096651A9CCAC8239C92"),
	};

	assert_int_equal(scp11_answer_parse(answer, &a.answer, NULL), ERR_NONE);
	return a;
}

static const char answer_hex[] = "5F49410492CAFD79D7E39EA433611E9AAD9742D85B3BD06F3D6055D7CDE28FC44D0AB556BC0"
				 "F94D2100D87727FDFA2B49033C78F"
				 "07A30AA8D5A6A505E59F99FCDFB2526686100B63C42C2D5138936FF5894F10C1234F";

static void opens_with_the_right_receipt_only(void **state)
{
	const struct bytes answer = hex(answer_hex);
	struct session session = { .level = 7 };
	struct fault fault = { 0 };

	(void)state;
	for (size_t bit = (answer.len - SCP11_RECEIPT_SIZE) * 8; bit < answer.len * 8; bit++) {
		struct scp11_agreement a = known_agreement(flipped(answer, bit));
		assert_int_equal(scp11_session_open(&a, &session, NULL), ERR_DENIED);
		assert_int_equal(session.level, 7);
	}
	struct scp11_agreement a = known_agreement(answer);
	a.own_private = a.ephemeral_private;
	assert_int_equal(scp11_session_open(&a, &session, &fault), ERR_DENIED);
	assert_non_null(strstr(fault.text, "receipt"));
	a = known_agreement(answer);
	assert_int_equal(scp11_session_open(&a, &session, NULL), ERR_NONE);
	assert_int_equal(session.level, 0x33);
}

static void refuses_points_that_are_none(void **state)
{
	struct scp11_agreement a = known_agreement(flipped(hex(answer_hex), 20 * 8));
	struct session session;

	(void)state;
	assert_int_equal(scp11_session_open(&a, &session, NULL), ERR_MALFORMED);
}

static void in_11c_the_card_answers_with_the_key_of_its_certificate(void **state)
{
	struct scp11_agreement a = known_agreement(hex(answer_hex));
	struct session session;
	struct fault fault = { 0 };

	(void)state;
	a.variant = SCP11C;
	assert_int_equal(scp11_session_open(&a, &session, &fault), ERR_DENIED);
	assert_non_null(strstr(fault.text, "another key"));
}

static void refuses_answers_that_are_cut_or_longer(void **state)
{
	const struct bytes answer = hex(answer_hex);
	struct scp11_answer parsed;

	(void)state;
	for (size_t len = 0; len < answer.len; len++)
		assert_int_equal(scp11_answer_parse(bytes_first(answer, len), &parsed, NULL), ERR_MALFORMED);
	struct builder b = builder_in(arena);
	build_bytes(&b, answer);
	build_u8(&b, 0);
	assert_int_equal(scp11_answer_parse(bytes_of(b.at, b.len), &parsed, NULL), ERR_MALFORMED);
}

static void only_11c_can_do_without_what_the_others_must_have(void **state)
{
	(void)state;
	assert_int_equal(scp11_key_usage(SCP11A, 0x33), 0x3C);
	assert_int_equal(scp11_key_usage(SCP11B, 0x11), 0x34);
	assert_int_equal(scp11_key_usage(SCP11A, 0x03), 0);
	assert_int_equal(scp11_key_usage(SCP11C, 0x03), 0x1C);
	assert_int_equal(scp11_key_usage(SCP11C, 0x13), 0x74);
	assert_int_equal(scp11_key_usage(SCP11C, 0x01), 0);
}

/* ---- certificates ---- */

static const struct {
	enum ec_curve curve;
	uint8_t reference;
} curves[] = { { EC_P256, 0 },
	       { EC_P384, 1 },
	       { EC_P521, 2 },
	       { EC_BRAINPOOL_P256R1, 3 },
	       { EC_BRAINPOOL_P384R1, 5 },
	       { EC_BRAINPOOL_P512R1, 7 } };

/* Of curves[number], in the format of GlobalPlatform. */
static struct bytes make_certificate(size_t number, const struct key_pair *subject,
				     const struct key_pair *issuer, const char *usage, const char *last_day)
{
	const enum ec_curve curve = curves[number].curve;
	struct builder data = builder_in(arena), whole = builder_in(arena);
	uint8_t signature[2 * EC_SIZE_MAX];
	struct bytes bytes;

	build_bytes(&data, hex("9301014203414243"));
	build_tlv(&data, 0x5F20, bytes_of_text("card"));
	build_tlv(&data, 0x95, hex(usage));
	build_tlv(&data, 0x5F24, hex(last_day));
	size_t key = build_open(&data, 0x7F49);
	build_tlv(&data, 0xB0, ec_point_bytes(&subject->public));
	build_tlv_u8(&data, 0xF0, curves[number].reference);
	build_close(&data, key);
	assert_int_equal(builder_bytes(&data, &bytes), ERR_NONE);
	assert_int_equal(
		ec_sign(curve, ec_digest(curve), bytes_of(issuer->private, ec_size(curve)), bytes, signature),
		ERR_NONE);
	size_t mark = build_open(&whole, 0x7F21);
	build_bytes(&whole, bytes);
	build_tlv(&whole, 0x5F37, bytes_of(signature, 2 * ec_size(curve)));
	build_close(&whole, mark);
	assert_int_equal(builder_bytes(&whole, &bytes), ERR_NONE);
	return bytes;
}

#define NOON_OF_2030_06_01 1906545600

static enum err verify(size_t number, struct bytes chain, const struct key_pair *authority,
		       struct certificate *ret_last)
{
	struct fault fault = { 0 };
	enum err err =
		certificate_chain_verify(chain, curves[number].curve, ec_point_bytes(&authority->public),
					 NOON_OF_2030_06_01, ret_last, &fault);

	assert_true((err == ERR_NONE) == (fault.text[0] == '\0'));
	return err;
}

static void a_chain_leads_to_the_key_of_the_card(void **state)
{
	struct certificate last;

	(void)state;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		const struct key_pair ca = make_key(curves[i].curve), ka = make_key(curves[i].curve),
				      card = make_key(curves[i].curve);
		struct builder chain = builder_in(arena);

		build_bytes(&chain, make_certificate(i, &ka, &ca, "82", "20300601"));
		build_bytes(&chain, make_certificate(i, &card, &ka, "0080", "20300601"));
		assert_int_equal(verify(i, bytes_of(chain.at, chain.len), &ca, &last), ERR_NONE);
		assert_true(bytes_equal(ec_point_bytes(&last.public), ec_point_bytes(&card.public)));
		assert_int_equal(verify(i, bytes_of(chain.at, chain.len), &ka, &last), ERR_DENIED);
	}
}

static void refuses_a_certificate_with_any_bit_flipped(void **state)
{
	const struct key_pair ca = make_key(EC_P256), card = make_key(EC_P256);
	const struct bytes certificate = make_certificate(0, &card, &ca, "0080", "20991231");
	struct certificate last;

	(void)state;
	assert_int_equal(verify(0, certificate, &ca, &last), ERR_NONE);
	for (size_t bit = 0; bit < certificate.len * 8; bit += 3)
		assert_int_not_equal(verify(0, flipped(certificate, bit), &ca, &last), ERR_NONE);
	for (size_t len = 0; len < certificate.len; len++)
		assert_int_equal(verify(0, bytes_first(certificate, len), &ca, &last), ERR_MALFORMED);
}

static void refuses_certificates_that_ended_or_are_for_something_else(void **state)
{
	const struct key_pair ca = make_key(EC_P256), card = make_key(EC_P256);
	struct certificate last;

	(void)state;
	assert_int_equal(verify(0, make_certificate(0, &card, &ca, "0080", "20300531"), &ca, &last),
			 ERR_DENIED);
	assert_int_equal(verify(0, make_certificate(0, &card, &ca, "82", "20300601"), &ca, &last),
			 ERR_DENIED);
	assert_int_equal(verify(0, make_certificate(0, &card, &ca, "0080", "20301301"), &ca, &last),
			 ERR_MALFORMED);
	assert_int_equal(verify(0, make_certificate(0, &card, &ca, "0080", "2030060A"), &ca, &last),
			 ERR_MALFORMED);
}

static void refuses_a_chain_whose_link_may_not_sign(void **state)
{
	const struct key_pair ca = make_key(EC_P256), ka = make_key(EC_P256), card = make_key(EC_P256);
	struct builder chain = builder_in(arena);
	struct certificate last;

	(void)state;
	build_bytes(&chain, make_certificate(0, &ka, &ca, "0080", "20300601"));
	build_bytes(&chain, make_certificate(0, &card, &ka, "0080", "20300601"));
	assert_int_equal(verify(0, bytes_of(chain.at, chain.len), &ca, &last), ERR_DENIED);
}

static void certificates_of_x509_lead_to_the_key_too(void **state)
{
	const struct bytes leaf = hex(X509_LEAF), root = hex(X509_ROOT_PUBLIC);
	const struct key_pair other = make_key(EC_P256);
	struct certificate last;

	(void)state;
	assert_int_equal(certificate_chain_verify(leaf, EC_P256, root, NOON_OF_2030_06_01, &last, NULL),
			 ERR_NONE);
	assert_true(last.is_x509);
	assert_true(bytes_equal(ec_point_bytes(&last.public), hex(X509_LEAF_PUBLIC)));
	assert_int_equal(certificate_chain_verify(leaf, EC_P256, root, INT64_MAX, &last, NULL), ERR_DENIED);
	assert_int_equal(certificate_chain_verify(leaf, EC_P256, ec_point_bytes(&other.public),
						  NOON_OF_2030_06_01, &last, NULL),
			 ERR_DENIED);
	for (size_t bit = 0; bit < leaf.len * 8; bit += 5)
		assert_int_not_equal(certificate_chain_verify(flipped(leaf, bit), EC_P256, root,
							      NOON_OF_2030_06_01, &last, NULL),
				     ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_with_the_right_receipt_only, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_points_that_are_none, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(in_11c_the_card_answers_with_the_key_of_its_certificate,
						open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_answers_that_are_cut_or_longer, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(only_11c_can_do_without_what_the_others_must_have, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(a_chain_leads_to_the_key_of_the_card, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_a_certificate_with_any_bit_flipped, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_certificates_that_ended_or_are_for_something_else,
						open_arena, close_arena),
		cmocka_unit_test_setup_teardown(certificates_of_x509_lead_to_the_key_too, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_a_chain_whose_link_may_not_sign, open_arena,
						close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
