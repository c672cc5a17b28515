#include "format.h"

#include <math.h>
#include <string.h>

#include "lwm2m_support.h"
#include "path.h"

static struct model *model;

static int open_test_model(void **state)
{
	model = test_model();
	return 0;
}

static int close_test_model(void **state)
{
	model_free(model);
	return 0;
}

static struct lwm2m_path resource(uint16_t id)
{
	return LWM2M_RESOURCE(TEST_OBJECT, 0, id);
}

static struct lwm2m_value read_from(void **state, uint16_t format, uint16_t id, struct bytes payload)
{
	struct lwm2m_records records;
	struct fault fault = { 0 };

	if (format_find(format)->read(*state, model, resource(id), payload, &records, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	assert_int_equal(records.count, 1);
	assert_true(path_equal(records.at[0].path, resource(id)));
	return records.at[0].value;
}

static void refuses(void **state, uint16_t format, uint16_t id, struct bytes payload, const char *reason)
{
	struct lwm2m_records records = { .count = 77 };
	struct fault fault = { 0 };

	assert_int_equal(format_find(format)->read(*state, model, resource(id), payload, &records, &fault),
			 ERR_MALFORMED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("'%s' does not say '%s'", fault.text, reason);
	assert_int_equal(records.count, 77);
}

static enum err write_to(void **state, uint16_t format, struct lwm2m_value value, struct bytes *ret_payload)
{
	struct lwm2m_record record = { .path = resource(0), .value = value };

	return format_find(format)->write(*state, model, resource(0), (struct lwm2m_records){ &record, 1 },
					  ret_payload, NULL);
}

/* ---- the table ---- */

static void every_row_is_found_by_number_name_and_media_type(void **state)
{
	size_t count = 0;

	for (const struct format *format; (format = format_at(count)) != NULL; count++) {
		assert_ptr_equal(format_find(format->number), format);
		assert_ptr_equal(format_find_name(format->name), format);
		assert_ptr_equal(format_find_name(format->media_type), format);
	}
	assert_true(count >= 5);
}

static void old_numbers_lead_to_their_successors(void **state)
{
	assert_int_equal(format_find(1541)->number, FORMAT_TEXT);
	assert_int_equal(format_find(1542)->number, FORMAT_TLV);
	assert_int_equal(format_find(1543)->number, FORMAT_LWM2M_JSON);
	assert_null(format_find(FORMAT_NONE));
	assert_null(format_find(FORMAT_LINK));
}

static void media_types_may_have_parameters(void **state)
{
	assert_int_equal(format_find_name("Text/Plain; charset=utf-8")->number, FORMAT_TEXT);
	assert_int_equal(format_find_name("application/vnd.oma.lwm2m+TLV")->number, FORMAT_TLV);
	assert_null(format_find_name("text"
				     "/plainer"));
	assert_null(format_find_name(""));
	assert_null(format_find_name("TLV"));
}

static void these_formats_carry_one_resource(void **state)
{
	static const uint16_t formats[] = { FORMAT_TEXT, FORMAT_OPAQUE, FORMAT_CBOR };
	const struct lwm2m_record record = { .path = resource(0), .value = { .type = LWM2M_OPAQUE } };
	const struct lwm2m_record twice[] = { record, record };

	for (size_t i = 0; i < 3; i++) {
		const struct format *format = format_find(formats[i]);
		struct lwm2m_records records;
		struct bytes payload;

		assert_true(format->single);
		assert_int_equal(format->read(*state, model, LWM2M_INSTANCE(TEST_OBJECT, 0),
					      bytes_of_text("1"), &records, NULL),
				 ERR_UNSUPPORTED);
		assert_int_equal(format->write(*state, model, LWM2M_INSTANCE(TEST_OBJECT, 0),
					       (struct lwm2m_records){ &record, 1 }, &payload, NULL),
				 ERR_UNSUPPORTED);
		assert_int_equal(format->write(*state, model, resource(0), (struct lwm2m_records){ twice, 2 },
					       &payload, NULL),
				 ERR_UNSUPPORTED);
		assert_int_equal(format->write(*state, model, resource(0), (struct lwm2m_records){ NULL, 0 },
					       &payload, NULL),
				 ERR_UNSUPPORTED);
		assert_int_equal(format->write(*state, model, resource(1),
					       (struct lwm2m_records){ &record, 1 }, &payload, NULL),
				 ERR_MALFORMED);
	}
}

/* ---- text ---- */

static void text_is_read_by_the_definition(void **state)
{
	assert_true(read_from(state, FORMAT_TEXT, 1, bytes_of_text("-7")).integer == -7);
	assert_true(read_from(state, FORMAT_TEXT, 2, bytes_of_text("18446744073709551615")).whole ==
		    UINT64_MAX);
	assert_true(read_from(state, FORMAT_TEXT, 3, bytes_of_text("0.25")).real == 0.25);
	assert_int_equal(read_from(state, FORMAT_TEXT, 6, bytes_of_text("1")).type, LWM2M_TIME);
	assert_int_equal(read_from(state, FORMAT_TEXT, 99, bytes_of_text("1")).type, LWM2M_STRING);
	refuses(state, FORMAT_TEXT, 1, bytes_of_text("7a"), "/42769/0/1: the value is not a decimal integer");
	refuses(state, FORMAT_TEXT, 1, bytes_of_text("7\n"), "/42769/0/1");
	refuses(state, FORMAT_TEXT, 0, bytes_of("a\0b", 3), "UTF-8");
	refuses(state, FORMAT_TEXT, 5, bytes_of_text("***"), "base64");
}

static void text_of_what_is_not_finite_is_not_written(void **state)
{
	struct bytes payload = bytes_of(NULL, 77);

	assert_int_equal(write_to(state, FORMAT_TEXT,
				  (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = NAN }, &payload),
			 ERR_UNSUPPORTED);
	assert_int_equal(payload.len, 77);
}

/* ---- opaque ---- */

static void opaque_is_the_bytes_themselves(void **state)
{
	struct bytes payload;
	struct bytes bytes = bytes_of("\0\1\xFF", 3);

	assert_bytes(read_from(state, FORMAT_OPAQUE, 5, bytes).bytes, bytes);
	assert_int_equal(read_from(state, FORMAT_OPAQUE, 99, bytes_of(NULL, 0)).bytes.len, 0);
	refuses(state, FORMAT_OPAQUE, 1, bytes, "/42769/0/1");
	assert_int_equal(write_to(state, FORMAT_OPAQUE,
				  (struct lwm2m_value){ .type = LWM2M_OPAQUE, .bytes = bytes }, &payload),
			 ERR_NONE);
	assert_bytes(payload, bytes);
	assert_int_equal(write_to(state, FORMAT_OPAQUE,
				  (struct lwm2m_value){ .type = LWM2M_STRING, .bytes = bytes }, &payload),
			 ERR_UNSUPPORTED);
}

/* ---- CBOR ---- */

static void cbor_takes_the_type_of_the_definition(void **state)
{
	assert_int_equal(read_from(state, FORMAT_CBOR, 6, hex(*state, "05")).type, LWM2M_TIME);
	assert_true(read_from(state, FORMAT_CBOR, 6,
			      hex(*state, "C0 74 323031332D30332D32315432303A30343A30305A"))
			    .integer == 1363896240);
	assert_true(read_from(state, FORMAT_CBOR, 6, hex(*state, "C1 FB 41D452D9EC200000")).integer ==
		    1363896240);
	assert_true(read_from(state, FORMAT_CBOR, 6, hex(*state, "20")).integer == -1);
	assert_true(read_from(state, FORMAT_CBOR, 3, hex(*state, "01")).real == 1.0);
	assert_true(read_from(state, FORMAT_CBOR, 1, hex(*state, "F9 4200")).integer == 3);
	assert_int_equal(read_from(state, FORMAT_CBOR, 7, hex(*state, "63 333A37")).link.instance, 7);
	refuses(state, FORMAT_CBOR, 2, hex(*state, "20"), "/42769/0/2: a value of type integer");
	refuses(state, FORMAT_CBOR, 1, hex(*state, "1B 8000000000000000"), "/42769/0/1");
	refuses(state, FORMAT_CBOR, 4, hex(*state, "01"), "boolean");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "41 41"), "string");
}

static void cbor_is_one_item_with_one_tag_at_most(void **state)
{
	assert_text(read_from(state, FORMAT_CBOR, 0, hex(*state, "D9 D9F7 61 41")).bytes, "A");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "D820 D820 61 41"), "tag inside a tag");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "61 41 00"), "more than one");
	refuses(state, FORMAT_CBOR, 0, hex(*state, ""), "broken or cut off");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "62 41"), "broken or cut off");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "C0"), "broken or cut off");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "F6"), "no value");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "F7"), "no value");
	refuses(state, FORMAT_CBOR, 0, hex(*state, "80"), "array or map");
	refuses(state, FORMAT_CBOR, 6, hex(*state, "C0 61 41"), "date and time");
	refuses(state, FORMAT_CBOR, 6, hex(*state, "C1 61 41"), "a time that is none");
	refuses(state, FORMAT_CBOR, 1, hex(*state, "3B FFFFFFFFFFFFFFFF"), "below 64 bits");
}

static void cbor_without_a_value_is_not_written(void **state)
{
	struct bytes payload;

	assert_int_equal(write_to(state, FORMAT_CBOR, (struct lwm2m_value){ .type = LWM2M_NULL }, &payload),
			 ERR_UNSUPPORTED);
	assert_int_equal(write_to(state, FORMAT_CBOR, (struct lwm2m_value){ .type = LWM2M_NONE }, &payload),
			 ERR_UNSUPPORTED);
}

static void cbor_writes_the_shortest_form(void **state)
{
	const struct {
		struct lwm2m_value value;
		const char *digits;
	} rows[] = {
		{ { .type = LWM2M_INTEGER, .integer = -25 }, "3818" },
		{ { .type = LWM2M_TIME, .integer = 1363896240 }, "1A514B67B0" },
		{ { .type = LWM2M_FLOAT, .real = 1.5 }, "F93E00" },
		{ { .type = LWM2M_FLOAT, .real = 100000.5 }, "FA47C35040" },
		{ { .type = LWM2M_OBJLNK, .link = { 3, 0 } }, "63333A30" },
		{ { .type = LWM2M_CORELNK, .bytes = { (const uint8_t *)"</3>", 4 } }, "643C2F333E" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes payload;

		assert_int_equal(write_to(state, FORMAT_CBOR, rows[i].value, &payload), ERR_NONE);
		assert_bytes(payload, hex(*state, rows[i].digits));
	}
}

static void a_time_of_the_record_has_no_place(void **state)
{
	const struct lwm2m_record record = { .path = resource(0),
					     .value = { .type = LWM2M_OPAQUE },
					     .has_time = true };
	struct bytes payload;

	assert_int_equal(format_find(FORMAT_CBOR)
				 ->write(*state, model, resource(0), (struct lwm2m_records){ &record, 1 },
					 &payload, NULL),
			 ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_by_number_name_and_media_type),
		cmocka_unit_test(old_numbers_lead_to_their_successors),
		cmocka_unit_test(media_types_may_have_parameters),
		IN_ARENA(these_formats_carry_one_resource),
		IN_ARENA(text_is_read_by_the_definition),
		IN_ARENA(text_of_what_is_not_finite_is_not_written),
		IN_ARENA(opaque_is_the_bytes_themselves),
		IN_ARENA(cbor_takes_the_type_of_the_definition),
		IN_ARENA(cbor_is_one_item_with_one_tag_at_most),
		IN_ARENA(cbor_without_a_value_is_not_written),
		IN_ARENA(cbor_writes_the_shortest_form),
		IN_ARENA(a_time_of_the_record_has_no_place),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
