#include <cardea/crypto_ec.h>

#include "arena_support.h"
#include "x509_samples.h"

static struct bytes flipped(struct arena *arena, struct bytes bytes, size_t at)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(arena, bytes, &copy), ERR_NONE);
	((uint8_t *)(uintptr_t)copy.at)[at] ^= 1;
	return copy;
}

static void two_keys_of_any_curve_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EC_CURVE_COUNT; i++) {
		enum ec_curve curve = (enum ec_curve)i;
		uint8_t a[EC_SIZE_MAX], b[EC_SIZE_MAX];
		struct ec_point a_public, b_public, again;
		uint8_t ab[EC_SIZE_MAX], ba[EC_SIZE_MAX];

		assert_int_equal(ec_generate(curve, a, &a_public), ERR_NONE);
		assert_int_equal(ec_generate(curve, b, &b_public), ERR_NONE);
		assert_int_equal(ec_agree(curve, bytes_of(a, ec_size(curve)), ec_point_bytes(&b_public), ab),
				 ERR_NONE);
		assert_int_equal(ec_agree(curve, bytes_of(b, ec_size(curve)), ec_point_bytes(&a_public), ba),
				 ERR_NONE);
		assert_memory_equal(ab, ba, ec_size(curve));
		assert_int_equal(ec_public_of(curve, bytes_of(a, ec_size(curve)), &again), ERR_NONE);
		assert_true(bytes_equal(ec_point_bytes(&again), ec_point_bytes(&a_public)));
	}
}

static void a_signature_fits_its_data_and_key_only(void **state)
{
	for (unsigned i = 0; i < EC_CURVE_COUNT; i++) {
		enum ec_curve curve = (enum ec_curve)i;
		uint8_t key[EC_SIZE_MAX], other[EC_SIZE_MAX];
		struct ec_point public, other_public;
		uint8_t at[2 * EC_SIZE_MAX];
		const struct bytes data = bytes_of_text("what is signed"),
				   signature = bytes_of(at, 2 * ec_size(curve));
		enum digest digest = ec_digest(curve);

		assert_int_equal(ec_generate(curve, key, &public), ERR_NONE);
		assert_int_equal(ec_generate(curve, other, &other_public), ERR_NONE);
		assert_int_equal(ec_sign(curve, digest, bytes_of(key, ec_size(curve)), data, at), ERR_NONE);
		assert_int_equal(ec_verify(curve, digest, ec_point_bytes(&public), data, signature),
				 ERR_NONE);
		assert_int_equal(ec_verify(curve, digest, ec_point_bytes(&other_public), data, signature),
				 ERR_DENIED);
		assert_int_equal(
			ec_verify(curve, digest, ec_point_bytes(&public), bytes_of_text("else"), signature),
			ERR_DENIED);
		assert_int_equal(
			ec_verify(curve, digest, ec_point_bytes(&public), data, bytes_first(signature, 63)),
			ERR_DENIED);
		for (size_t bit = 0; bit < signature.len; bit += 7)
			assert_int_equal(ec_verify(curve, digest, ec_point_bytes(&public), data,
						   flipped(*state, signature, bit)),
					 ERR_DENIED);
		arena_reset(*state);
	}
}

/* RFC 6979 A.2.5, key and message "sample" with SHA-256 */
static void verifies_a_published_signature(void **state)
{
	struct bytes public = hex(*state, "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
					  "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
	struct bytes signature =
		hex(*state, "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
			    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");

	assert_int_equal(ec_verify(EC_P256, DIGEST_SHA256, public, bytes_of_text("sample"), signature),
			 ERR_NONE);
}

static void refuses_points_that_are_none(void **state)
{
	uint8_t key[EC_SIZE_MAX];
	struct ec_point public;
	uint8_t shared[EC_SIZE_MAX];

	assert_int_equal(ec_generate(EC_P256, key, &public), ERR_NONE);
	const struct bytes off_curve = flipped(*state, ec_point_bytes(&public), 64);
	const struct bytes of_other_curve = ec_point_bytes(&public);
	const struct bytes compressed = bytes_first(ec_point_bytes(&public), 33);

	assert_int_equal(ec_check_public(EC_P256, ec_point_bytes(&public)), ERR_NONE);
	assert_int_equal(ec_check_public(EC_P256, off_curve), ERR_MALFORMED);
	assert_int_equal(ec_check_public(EC_BRAINPOOL_P256R1, of_other_curve), ERR_MALFORMED);
	assert_int_equal(ec_check_public(EC_P256, compressed), ERR_MALFORMED);
	assert_int_equal(ec_check_public(EC_P256, bytes_of("", 1)), ERR_MALFORMED);
	assert_int_equal(ec_agree(EC_P256, bytes_of(key, 32), off_curve, shared), ERR_MALFORMED);
}

static void refuses_private_keys_out_of_range(void **state)
{
	const struct bytes order =
		hex(*state, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
	static const uint8_t zero[32];
	struct ec_point public;

	assert_int_equal(ec_public_of(EC_P256, bytes_of(zero, 32), &public), ERR_MALFORMED);
	assert_int_equal(ec_public_of(EC_P256, order, &public), ERR_MALFORMED);
	assert_int_equal(ec_public_of(EC_P256, bytes_first(order, 31), &public), ERR_MALFORMED);
}

static void curves_have_the_names_that_people_use(void **state)
{
	static const struct {
		const char *name;
		enum ec_curve curve;
	} rows[] = { { "secp256r1", EC_P256 },
		     { "prime256v1", EC_P256 },
		     { "p-384", EC_P384 },
		     { "brainpoolP512r1", EC_BRAINPOOL_P512R1 } };
	enum ec_curve curve;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ec_curve_find(rows[i].name, &curve), ERR_NONE);
		assert_int_equal(curve, rows[i].curve);
	}
	assert_int_equal(ec_curve_find("secp256k1", &curve), ERR_NOT_FOUND);
}

static void reads_and_verifies_x509_certificates(void **state)
{
	const struct bytes leaf = hex(*state, X509_LEAF), root_public = hex(*state, X509_ROOT_PUBLIC);
	struct ec_certificate certificate;

	assert_int_equal(ec_certificate_read(leaf, &certificate, NULL), ERR_NONE);
	assert_int_equal(certificate.curve, EC_P256);
	assert_true(bytes_equal(ec_point_bytes(&certificate.public), hex(*state, X509_LEAF_PUBLIC)));
	assert_true(certificate.not_before_s < certificate.not_after_s);
	assert_int_equal(ec_certificate_verify(leaf, EC_P256, root_public, NULL), ERR_NONE);
	assert_int_equal(ec_certificate_verify(hex(*state, X509_ROOT), EC_P256, root_public, NULL), ERR_NONE);
	assert_int_equal(ec_certificate_verify(leaf, EC_P256, hex(*state, X509_LEAF_PUBLIC), NULL),
			 ERR_DENIED);
	assert_int_equal(ec_certificate_verify(leaf, EC_P384, root_public, NULL), ERR_MALFORMED);
	/* the last byte is of the signature */
	assert_int_equal(
		ec_certificate_verify(flipped(*state, leaf, leaf.len - 1), EC_P256, root_public, NULL),
		ERR_DENIED);
}

static void refuses_what_is_no_certificate(void **state)
{
	const struct bytes leaf = hex(*state, X509_LEAF);
	struct ec_certificate certificate;

	for (size_t len = 0; len < leaf.len; len++)
		assert_int_equal(ec_certificate_read(bytes_first(leaf, len), &certificate, NULL),
				 ERR_MALFORMED);
	assert_int_equal(ec_certificate_read(hex(*state, X509_LEAF "00"), &certificate, NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(two_keys_of_any_curve_agree),
		IN_ARENA(a_signature_fits_its_data_and_key_only),
		IN_ARENA(verifies_a_published_signature),
		IN_ARENA(refuses_points_that_are_none),
		IN_ARENA(refuses_private_keys_out_of_range),
		IN_ARENA(curves_have_the_names_that_people_use),
		IN_ARENA(reads_and_verifies_x509_certificates),
		IN_ARENA(refuses_what_is_no_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
