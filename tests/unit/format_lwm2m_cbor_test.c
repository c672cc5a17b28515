#include "format_support.h"

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

static struct format_desk desk_at(void **state, const char *base)
{
	return (struct format_desk){ .arena = *state, .format = FORMAT_LWM2M_CBOR, .base = base };
}

static void refuses(void **state, const char *digits, const char *reason)
{
	const struct format_desk at = desk_at(state, "/");

	format_refuses(&at, hex(*state, digits), reason);
}

static void writes(void **state, const char *base, const struct lwm2m_record *records, size_t count,
		   const char *digits)
{
	const struct format_desk at = desk_at(state, base);

	assert_bytes(format_writes(&at, records, count), hex(*state, digits));
}

static void one_value_has_its_whole_path_as_key(void **state)
{
	struct lwm2m_record record = integer_at("/3/0/9", 100);

	writes(state, "/3/0/9", &record, 1, "A1 83 03 00 09 18 64");
}

static void keys_at_the_root_span_what_needs_no_choice(void **state)
{
	struct lwm2m_record records[] = { text_at("/3/0/0", "A"), integer_at("/3/0/9", 100),
					  integer_at("/1/0/1", 86400) };

	writes(state, "/3/0", records, 2, "A1 82 03 00 A2 00 61 41 09 18 64");
	writes(state, "/", records, 3, "A2 83 01 00 01 1A 00015180 82 03 00 A2 00 61 41 09 18 64");
	records[1] = integer_at("/3/1/9", 100);
	writes(state, "/3", records, 2, "A1 03 A2 00 A1 00 61 41 01 A1 09 18 64");
}

static void instances_have_a_map_of_their_own(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/6/0", 1), integer_at("/3/0/6/1", 5) };

	writes(state, "/3/0/6", records, 2, "A1 83 03 00 06 A2 00 01 01 05");
	writes(state, "/3/0/6", records, 1, "A1 83 03 00 06 A1 00 01");
	writes(state, "/3/0/6/0", records, 1, "A1 83 03 00 06 A1 00 01");
}

static void the_order_of_records_does_not_matter(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/9", 1), integer_at("/1/0/1", 2),
					  integer_at("/3/0/8", 3) };

	writes(state, "/", records, 3, "A2 83 01 00 01 02 82 03 00 A2 08 03 09 01");
}

static void a_new_instance_needs_no_id(void **state)
{
	struct lwm2m_record record = { .path = LWM2M_RESOURCE(2, LWM2M_ID_NONE, 3),
				       .value = { .type = LWM2M_INTEGER, .integer = 101 } };
	const struct format_desk at = desk_at(state, "/2"), root = desk_at(state, "/");

	writes(state, "/2", &record, 1, "A1 83 02 19 FFFF 03 18 65");
	format_keeps(&at, &record, 1);
	assert_int_equal(format_write_error(&root, &record, 1), ERR_UNSUPPORTED);
	refuses(state, "A1 83 02 19 FFFF 03 18 65", "above 65534");
	format_refuses(&at, hex(*state, "A1 83 02 00 19 FFFF 01"), "above 65534");
}

static void every_cut_is_refused(void **state)
{
	const struct format_desk at = desk_at(state, "/");

	format_refuses_every_cut(&at,
				 hex(*state, "BF 9F 03 00 FF BF 00 61 41 09 18 64 FF 83 01 00 01 05 FF"));
}

static void keys_are_ids(void **state)
{
	refuses(state, "A1 F5 A1 00 A1 00 01", "a key is a number");
	refuses(state, "A1 03 A1 61 30 A1 00 01", "a key is a number");
	refuses(state, "A1 83 03 20 00 01", "a key is a number");
	refuses(state, "A1 80 01", "a key that is empty");
	refuses(state, "A1 9F FF 01", "a key that is empty");
	refuses(state, "A1 82 03 00 A1 80 01", "a key that is empty");
	refuses(state, "A1 83 03 00 1B FFFFFFFFFFFFFFFF 01", "above 65534");
	refuses(state, "A1 84 03 00 06 00 A1 00 01", "at most 4 levels");
}

static void the_prefix_of_a_gateway_is_not_supported(void **state)
{
	const uint8_t payload[] = { 0xA1, 0x84, 0x63, 'd', '0', '1', 0x03, 0x00, 0x09, 0x01 };
	const struct lwm2m_path root = { .depth = 0 };
	struct lwm2m_records records;

	assert_int_equal(
		format_find(FORMAT_LWM2M_CBOR)
			->read(*state, NULL, root, bytes_of(payload, sizeof(payload)), &records, NULL),
		ERR_UNSUPPORTED);
}

static void a_value_stands_at_a_resource_and_alone(void **state)
{
	refuses(state, "A1 03 01", "belongs to a resource");
	refuses(state, "A1 82 03 00 01", "belongs to a resource");
	refuses(state, "A2 83 03 00 06 01 84 03 00 06 00 01", "a value and instances");
	refuses(state, "A2 83 03 00 06 01 03 A1 00 A1 06 01", "twice");
	refuses(state, "A1 83 03 00 06 82 01 02", "array or map");
	refuses(state, "A1 83 03 00 06 F7", "no value");
}

static void paths_are_below_what_was_asked(void **state)
{
	const struct format_desk at = desk_at(state, "/3/1");

	format_refuses(&at, hex(*state, "A1 83 03 00 09 01"), "/3/0/9: was not asked for");
}

static void types_follow_the_definition(void **state)
{
	struct format_desk at = desk_at(state, "/42769/0");
	struct lwm2m_records records;

	at.model = model;
	records = format_reads(&at, hex(*state, "A1 82 19 A711 00 A3 02 05 06 05 07 63 333A30"));
	assert_int_equal(records.at[0].value.type, LWM2M_UNSIGNED);
	assert_int_equal(records.at[1].value.type, LWM2M_TIME);
	assert_int_equal(records.at[2].value.type, LWM2M_OBJLNK);
	format_refuses(&at, hex(*state, "A1 83 19 A711 00 02 20"), "/42769/0/2");
}

static void what_it_cannot_carry_is_not_written(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/6", 1), integer_at("/3/0/6/0", 1) };
	const struct format_desk root = desk_at(state, "/"), at = desk_at(state, "/3/0/6");

	assert_int_equal(format_write_error(&root, records, 2), ERR_MALFORMED);
	assert_int_equal(format_write_error(&root, NULL, 0), ERR_UNSUPPORTED);
	records[0].has_time = true;
	assert_int_equal(format_write_error(&root, records, 1), ERR_UNSUPPORTED);
	records[0] = (struct lwm2m_record){ .path = path_at("/3/0/6") };
	assert_int_equal(format_write_error(&root, records, 1), ERR_UNSUPPORTED);
	assert_int_equal(format_write_error(&at, records, 1), ERR_UNSUPPORTED);
	records[0] = integer_at("/4/0/6", 1);
	assert_int_equal(format_write_error(&at, records, 1), ERR_MALFORMED);
}

static void thousands_of_records_read_back(void **state)
{
	struct lwm2m_record *records = arena_alloc_array(*state, 10000, sizeof(*records));
	const struct format_desk at = desk_at(state, "/3303");

	for (size_t i = 0; i < 10000; i++) {
		records[i] = integer_at("/3303/0/5700", (int64_t)i);
		records[i].path.instance = (uint16_t)i;
	}
	format_keeps(&at, records, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(one_value_has_its_whole_path_as_key),
		IN_ARENA(keys_at_the_root_span_what_needs_no_choice),
		IN_ARENA(instances_have_a_map_of_their_own),
		IN_ARENA(the_order_of_records_does_not_matter),
		IN_ARENA(a_new_instance_needs_no_id),
		IN_ARENA(every_cut_is_refused),
		IN_ARENA(keys_are_ids),
		IN_ARENA(the_prefix_of_a_gateway_is_not_supported),
		IN_ARENA(a_value_stands_at_a_resource_and_alone),
		IN_ARENA(paths_are_below_what_was_asked),
		IN_ARENA(types_follow_the_definition),
		IN_ARENA(what_it_cannot_carry_is_not_written),
		IN_ARENA(thousands_of_records_read_back),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
