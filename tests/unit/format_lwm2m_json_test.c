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

static struct format_desk desk(void **state, const char *base)
{
	return (struct format_desk){
		.arena = *state, .format = FORMAT_LWM2M_JSON, .model = model, .base = base
	};
}

static void reads_at(void **state, const char *base, const char *text, const char *path)
{
	const struct format_desk at = desk(state, base);
	struct lwm2m_records records = format_reads(&at, bytes_of_text(text));

	assert_int_equal(records.count, 1);
	assert_true(path_equal(records.at[0].path, path_at(path)));
}

static void refuses(void **state, const char *text, const char *reason)
{
	const struct format_desk at = desk(state, "/3/0");

	format_refuses(&at, bytes_of_text(text), reason);
}

static void names_start_where_they_say(void **state)
{
	reads_at(state, "/3/0", "{\"bn\":\"/3/0/\",\"e\":[{\"n\":\"9\",\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0", "{\"bn\":\"3/0/\",\"e\":[{\"n\":\"9\",\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0", "{\"bn\":\"/3/0\",\"e\":[{\"n\":\"/9\",\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0/9", "{\"bn\":\"/3/0/9\",\"e\":[{\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0", "{\"e\":[{\"n\":\"/3/0/9\",\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3/0/9", "{\"e\":[{\"v\":1}]}", "/3/0/9");
	reads_at(state, "/3", "{\"bn\":\"/\",\"e\":[{\"n\":\"3/0/9\",\"v\":1}]}", "/3/0/9");
}

static void every_entry_has_a_value(void **state)
{
	refuses(state, "{\"e\":[{\"n\":\"9\"}]}", "entry 0: it has no value");
	refuses(state, "{\"e\":[{\"n\":\"9\",\"v\":null}]}", "v: not a number");
	refuses(state, "{\"e\":[{\"n\":\"9\",\"v\":1},{\"n\":\"8\",\"v\":1,\"sv\":\"1\"}]}",
		"more than one value");
	refuses(state, "{\"e\":[{\"n\":\"9\",\"v\":1},{\"n\":\"9\",\"v\":2}]}", "twice");
	refuses(state, "{\"e\":[{\"n\":\"9\",\"bv\":1}]}", "bv: not a boolean");
	refuses(state, "{\"e\":[{\"n\":\"9\",\"ov\":\"x\"}]}", "ov: not an object link");
	refuses(state, "{\"e\":[{\"n\":\"/4/0/9\",\"v\":1}]}", "was not asked for");
}

static void only_an_object_with_entries_is_a_pack(void **state)
{
	refuses(state, "[]", "not an object");
	refuses(state, "{}", "not an object with an array");
	refuses(state, "{\"e\":{}}", "not an object with an array");
	refuses(state, "{\"bn\":5,\"e\":[]}", "bn: not a text");
	refuses(state, "{\"bt\":\"5\",\"e\":[]}", "bt: not a number");
	refuses(state, "{\"e\":[5]}", "not an object");
}

static void every_cut_is_refused(void **state)
{
	const struct format_desk at = desk(state, "/3/0");

	format_refuses_every_cut(&at,
				 bytes_of_text("{\"bn\":\"/3/0/\",\"e\":[{\"n\":\"9\",\"v\":1}],\"bt\":5}"));
}

static void bytes_are_a_text_in_base64(void **state)
{
	static const uint8_t bytes[] = { 0xFB, 0xFF };
	struct lwm2m_record record = { .path = path_at("/42769/0/5"),
				       .value = { .type = LWM2M_OPAQUE, .bytes = bytes_of(bytes, 2) } };
	const struct format_desk at = desk(state, "/42769/0");

	assert_text(format_writes(&at, &record, 1), "{\"bn\":\"/42769/0/5\",\"e\":[{\"sv\":\"+/8=\"}]}");
	format_keeps(&at, &record, 1);
	format_refuses(&at, bytes_of_text("{\"e\":[{\"n\":\"5\",\"sv\":\"?\"}]}"), "not base64");
}

static void times_and_links_come_back(void **state)
{
	struct lwm2m_record records[] = {
		{ .path = path_at("/42769/0/7"), .value = { .type = LWM2M_OBJLNK, .link = { 3, 0 } } },
		integer_at("/42769/0/1", -5),
	};
	const struct format_desk at = desk(state, "/42769/0");

	records[0].has_time = records[1].has_time = true;
	records[0].time_s = 1700000000;
	records[1].time_s = 1700000005;
	assert_text(format_writes(&at, records, 2),
		    "{\"bn\":\"/42769/0/\",\"bt\":1700000000,\"e\":[{\"n\":\"7\",\"ov\":\"3:0\"},"
		    "{\"n\":\"1\",\"t\":5,\"v\":-5}]}");
	format_keeps(&at, records, 2);
}

static void no_instances_are_no_entries(void **state)
{
	struct lwm2m_record record = { .path = path_at("/42769/0/10") };
	const struct format_desk at = desk(state, "/42769/0/10");

	assert_text(format_writes(&at, &record, 1), "{\"bn\":\"/42769/0/10\",\"e\":[]}");
	assert_int_equal(format_reads(&at, bytes_of_text("{\"bn\":\"/42769/0/10\",\"e\":[]}")).count, 0);
}

static void names_alone_and_null_cannot_be_written(void **state)
{
	struct lwm2m_record record = { .path = path_at("/3/0/9") };
	const struct format_desk at = desk(state, "/");

	assert_int_equal(format_write_error(&at, &record, 1), ERR_UNSUPPORTED);
	record.value.type = LWM2M_NULL;
	assert_int_equal(format_write_error(&at, &record, 1), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(names_start_where_they_say),
		IN_ARENA(every_entry_has_a_value),
		IN_ARENA(only_an_object_with_entries_is_a_pack),
		IN_ARENA(every_cut_is_refused),
		IN_ARENA(bytes_are_a_text_in_base64),
		IN_ARENA(times_and_links_come_back),
		IN_ARENA(no_instances_are_no_entries),
		IN_ARENA(names_alone_and_null_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
