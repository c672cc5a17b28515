#include "smartcard_file.h"

#include "lwm2m_support.h"

#define ACCOUNT                                                                                              \
	"0000 00 0023 080020 C80014636F61703A2F2F792E6578616D706C652E6F7267 C10100 C10203 C10A01"            \
	"0001 00 0012 08000F C10001 C4010000A8C0 C10600 C10755"

static struct smartcard_file read_file(void **state, const char *digits)
{
	struct fault fault = { 0 };
	struct smartcard_file file;

	if (smartcard_file_read(*state, NULL, hex(*state, digits), &file, &fault) != ERR_NONE)
		fail_msg("refused: %s", fault.text);
	return file;
}

static void refuses(void **state, const char *digits, const char *reason)
{
	struct smartcard_file file = { .count = 7 };
	struct fault fault = { 0 };

	assert_int_equal(smartcard_file_read(*state, NULL, hex(*state, digits), &file, &fault),
			 ERR_MALFORMED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fault.text, reason);
	assert_int_equal(file.count, 7);
}

static void the_rest_of_the_file_is_padding(void **state)
{
	struct smartcard_file file = read_file(state, "0002003F" ACCOUNT "FFFFFF");

	assert_int_equal(file.count, 2);
	assert_int_equal(file.size, 63);
	assert_bytes(file.padding, hex(*state, "FFFFFF"));
	assert_int_equal(file.objects[1].records.count, 4);
}

static void a_version_has_a_minor_number_when_it_is_told(void **state)
{
	struct smartcard_file file = read_file(state, "0003004A" ACCOUNT "76CC 01 02 0005 0300C10107");

	assert_int_equal(file.objects[2].object, 30412);
	assert_int_equal(file.objects[2].major, 1);
	assert_int_equal(file.objects[2].minor, 2);
	assert_int_equal(file.objects[1].major, 0);
}

static void says_what_is_wrong(void **state)
{
	refuses(state, "", "size");
	refuses(state, "0001", "size");
	refuses(state, "0002 0050" ACCOUNT, "80 bytes shall follow, and 63 do");
	refuses(state, "0003 003F" ACCOUNT, "object 3 of the file");
	refuses(state, "0001 003F" ACCOUNT, "left after the last object");
	refuses(state, "0010 003F" ACCOUNT, "more than fit");
	refuses(state, "0002 000A 0001000000 0001000000", "stands there twice");
	refuses(state, "0001 0008 0000000003 C10101", "no"); /* a resource, without its instance */
	refuses(state, "0001 0008 0000000003 080401", "list of object instances");
	refuses(state, "0001 000B 0000000006 0000 0000 0000", "twice");
}

static void a_card_of_a_vendor_reads_and_writes(void **state)
{
	struct bytes bytes = hex(*state, "0001 0036 0000 00 0031 08002E "
					 "C80025 636F61703A2F2F6C657368616E2E65636C6970736570726F6A656374732E"
					 "696F3A35373833 C10101 C10203");
	struct smartcard_file file;
	struct bytes written;

	assert_int_equal(smartcard_file_read(*state, NULL, bytes, &file, NULL), ERR_NONE);
	assert_text(file.objects[0].records.at[0].value.bytes, "coap://leshan.eclipseprojects.io:5783");
	assert_int_equal(smartcard_file_write(*state, NULL, file.objects, file.count, &written, NULL),
			 ERR_NONE);
	assert_bytes(written, bytes);
}

static void refuses_to_write_more_than_a_card_takes(void **state)
{
	static uint8_t much[20000];
	const struct lwm2m_record records[] = {
		{ .path = LWM2M_RESOURCE(9, 0, 0),
		  .value = { .type = LWM2M_OPAQUE, .bytes = bytes_of(much, sizeof(much)) } },
		{ .path = LWM2M_RESOURCE(9, 0, 1),
		  .value = { .type = LWM2M_OPAQUE, .bytes = bytes_of(much, sizeof(much)) } },
	};
	const struct smartcard_object objects[] = { { .object = 9, .records = { records, 2 } },
						    { .object = 9, .records = { records, 0 } } };
	const struct smartcard_object halves[] = { { .object = 9, .records = { records, 1 } },
						   { .object = 9, .records = { records, 0 } } };
	struct bytes written;

	assert_int_equal(smartcard_file_write(*state, NULL, objects, 1, &written, NULL), ERR_LIMIT);
	assert_int_equal(smartcard_file_write(*state, NULL, halves, 2, &written, NULL), ERR_MALFORMED);
	assert_int_equal(smartcard_file_write(*state, NULL, halves, 1, &written, NULL), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(the_rest_of_the_file_is_padding),
		IN_ARENA(a_version_has_a_minor_number_when_it_is_told),
		IN_ARENA(says_what_is_wrong),
		IN_ARENA(a_card_of_a_vendor_reads_and_writes),
		IN_ARENA(refuses_to_write_more_than_a_card_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
