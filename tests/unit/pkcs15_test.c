#include "pkcs15.h"

#include "lwm2m_support.h"

static void refuses_object(void **state, const char *digits, enum err expected)
{
	struct pkcs15_object object = { .is_opaque = true, .is_private = true };
	struct fault fault = { 0 };

	assert_int_equal(pkcs15_object_read(hex(*state, digits), &object, &fault), expected);
	assert_memory_equal(fault.text, "EF(DODF)", 8);
	assert_true(object.is_opaque && object.is_private);
}

static void an_object_of_another_type_is_passed(void **state)
{
	refuses_object(state, "", ERR_NOT_FOUND);
	refuses_object(state, "FFFFFF", ERR_NOT_FOUND);
	refuses_object(state, "A11B 3000 3007 0C054F74686572 A10E 300C 0604672B0902 3004 04026500",
		       ERR_NOT_FOUND);
	refuses_object(state, "A003 020100", ERR_NOT_FOUND);
}

static void refuses_what_is_cut_off(void **state)
{
	refuses_object(state, "A125 3000 3011", ERR_MALFORMED);
	refuses_object(state, "A104 3000 3000", ERR_MALFORMED); /* no type attributes */
	refuses_object(state, "04023000", ERR_MALFORMED);       /* no data object */
	refuses_object(state, "FF A125", ERR_MALFORMED);        /* something after the padding */
	refuses_object(state, "3081 10 3000 3006 0604672B0901 A106 3004 04026432",
		       ERR_MALFORMED); /* length not DER */
}

static void a_path_has_whole_file_identifiers(void **state)
{
	struct pkcs15_directories directories;
	struct fault fault = { 0 };

	assert_int_equal(
		pkcs15_directories_read(*state, hex(*state, "A705 3003 0401 64"), &directories, &fault),
		ERR_MALFORMED);
	assert_int_equal(pkcs15_directories_read(*state,
						 hex(*state, "A706 3004 0402 6430 A706 3004 0402 6440 00"),
						 &directories, NULL),
			 ERR_NONE);
	assert_int_equal(directories.count, 2);
	assert_bytes(directories.paths[1], hex(*state, "6440"));
}

static void flags_have_no_zeros_at_their_end(void **state)
{
	struct pkcs15_object object = {
		.is_opaque = true,
		.is_private = true,
		.is_modifiable = true,
		.path = hex(*state, "6432"),
	};
	struct bytes written;

	assert_int_equal(pkcs15_object_write(*state, &object, &written), ERR_NONE);
	assert_bytes(written, hex(*state, "3016 3004 030206C0 3006 0604672B0901 A106 3004 04026432"));
	object.is_private = object.is_modifiable = false;
	assert_int_equal(pkcs15_object_write(*state, &object, &written), ERR_NONE);
	assert_bytes(written, hex(*state, "3012 3000 3006 0604672B0901 A106 3004 04026432"));
}

static void an_application_needs_aid_and_path(void **state)
{
	struct pkcs15_application application;

	assert_int_equal(pkcs15_application_read(hex(*state, "6106 4F04 A0000000"), &application, NULL),
			 ERR_MALFORMED);
	assert_int_equal(pkcs15_application_read(hex(*state, "6107 4F05 A000000063"), &application, NULL),
			 ERR_MALFORMED);
	assert_int_equal(pkcs15_application_read(hex(*state, "610B 4F05 A000000063 5102 5015 FFFF"),
						 &application, NULL),
			 ERR_NONE);
	assert_int_equal(application.label.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(an_object_of_another_type_is_passed), IN_ARENA(refuses_what_is_cut_off),
		IN_ARENA(a_path_has_whole_file_identifiers),   IN_ARENA(flags_have_no_zeros_at_their_end),
		IN_ARENA(an_application_needs_aid_and_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
