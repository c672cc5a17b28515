#include <cardea/crypto_rsa.h>

#include "arena_support.h"
#include "rsa_keys.h"

/* By "openssl dgst -sha1 -sign" over the text below. */
static const char known_signature[] =
	"3B43CF6213855A7DB49B1120AD67770A925AF1F55862593E417DCD87D542BAB5CA4C91D0428B1C7CF5722D2F06FAAA63"
	"418AADE66F2BC2CCA2DCC9CAF420C5557E34508AA4C7B86650D52BCB02455F952C8E9B4D2526E3222799406CEB44DCB7"
	"9C9636680B9AC6F6BF8B1847EBBE8D5A56E7AF328B17840A89FE68967959F97F";
static const char text[] = "what is signed";

static void a_pkcs1_signature_is_that_of_openssl(void **state)
{
	struct arena *arena = *state;
	uint8_t signature[RSA_SIZE_MAX];
	struct bytes key = hex(arena, rsa_private_1024);

	assert_int_equal(rsa_sign(RSA_PKCS1_SHA1, key, bytes_of_text(text), signature), ERR_NONE);
	assert_true(bytes_equal(bytes_of(signature, 128), hex(arena, known_signature)));
}

static void a_signature_fits_its_data_key_and_scheme_only(void **state)
{
	struct arena *arena = *state;
	static const enum rsa_scheme schemes[] = { RSA_PKCS1_SHA1, RSA_PSS_SHA256 };
	struct rsa_public public, other;
	uint8_t at[RSA_SIZE_MAX];
	struct bytes key = hex(arena, rsa_private_2048);

	assert_int_equal(rsa_public_read(hex(arena, rsa_public_2048), &public), ERR_NONE);
	assert_int_equal(rsa_public_read(hex(arena, rsa_public_1024), &other), ERR_NONE);
	assert_int_equal(public.modulus_len, 256);
	for (size_t i = 0; i < 2; i++) {
		struct bytes signature = bytes_of(at, 256);
		assert_int_equal(rsa_sign(schemes[i], key, bytes_of_text(text), at), ERR_NONE);
		assert_int_equal(rsa_verify(schemes[i], &public, bytes_of_text(text), signature), ERR_NONE);
		assert_int_equal(rsa_verify(schemes[1 - i], &public, bytes_of_text(text), signature),
				 ERR_DENIED);
		assert_int_equal(rsa_verify(schemes[i], &other, bytes_of_text(text), signature), ERR_DENIED);
		assert_int_equal(rsa_verify(schemes[i], &public, bytes_of_text("else"), signature),
				 ERR_DENIED);
		assert_int_equal(
			rsa_verify(schemes[i], &public, bytes_of_text(text), bytes_first(signature, 255)),
			ERR_DENIED);
		at[100] ^= 1;
		assert_int_equal(rsa_verify(schemes[i], &public, bytes_of_text(text), signature), ERR_DENIED);
	}
}

static void the_public_key_is_part_of_the_private_one(void **state)
{
	struct arena *arena = *state;
	struct rsa_public of_private, of_public;

	assert_int_equal(rsa_public_of(hex(arena, rsa_private_1024), &of_private), ERR_NONE);
	assert_int_equal(rsa_public_read(hex(arena, rsa_public_1024), &of_public), ERR_NONE);
	assert_memory_equal(of_private.modulus, of_public.modulus, 128);
	assert_int_equal(of_private.exponent_len, 3);
}

static void what_is_no_rsa_key_is_refused(void **state)
{
	struct arena *arena = *state;
	struct rsa_public public;
	uint8_t signature[RSA_SIZE_MAX];
	struct bytes key = hex(arena, rsa_private_1024), whole = hex(arena, rsa_public_1024);
	struct builder longer = builder_in(arena);
	struct bytes too_long;

	for (size_t len = 0; len < whole.len; len += 9)
		assert_int_equal(rsa_public_read(bytes_first(whole, len), &public), ERR_MALFORMED);
	build_bytes(&longer, whole);
	build_u8(&longer, 0);
	assert_int_equal(builder_bytes(&longer, &too_long), ERR_NONE);
	assert_int_equal(rsa_public_read(too_long, &public), ERR_MALFORMED);
	assert_int_equal(rsa_sign(RSA_PKCS1_SHA1, bytes_first(key, 300), bytes_of_text(text), signature),
			 ERR_MALFORMED);
	assert_int_equal(rsa_sign(RSA_PKCS1_SHA1, whole, bytes_of_text(text), signature), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(a_pkcs1_signature_is_that_of_openssl),
		IN_ARENA(a_signature_fits_its_data_key_and_scheme_only),
		IN_ARENA(the_public_key_is_part_of_the_private_one),
		IN_ARENA(what_is_no_rsa_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
