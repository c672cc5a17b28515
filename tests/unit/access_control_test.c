/* Object 2 of a device: what its records say, and what is written to change it. */
#include "access_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct lwm2m_record number(uint16_t control, uint16_t resource, int64_t value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(2, control, resource),
				      .value = { .type = LWM2M_INTEGER, .integer = value } };
}

static struct lwm2m_record entry(uint16_t control, uint16_t server, int64_t rights)
{
	struct lwm2m_record record = number(control, 2, rights);

	record.path.resource_instance = server;
	record.path.depth = 4;
	return record;
}

static const struct access_control *read_first(struct arena *arena, const struct lwm2m_record *records,
					       size_t count, size_t *ret_count)
{
	struct access_control *controls;

	assert_int_equal(
		access_controls_read(arena, (struct lwm2m_records){ records, count }, &controls, ret_count),
		ERR_NONE);
	return controls;
}

static void instances_say_what_they_are_about(void **state)
{
	const struct lwm2m_record records[] = {
		number(0, 0, 3),     number(0, 1, 0),   entry(0, 0, 1),
		entry(0, 101, 15),   number(0, 3, 101), number(4, 0, 16),
		number(4, 1, 65535), entry(4, 102, 16), number(4, 3, 65535),
	};
	struct arena *arena = arena_create(1 << 16);
	size_t count;
	const struct access_control *controls =
		read_first(arena, records, sizeof(records) / sizeof(records[0]), &count);

	assert_int_equal(count, 2);
	assert_int_equal(controls[0].object, 3);
	assert_int_equal(controls[0].instance, 0);
	assert_int_equal(controls[0].owner, 101);
	assert_int_equal(controls[0].entry_count, 2);
	assert_int_equal(controls[0].entries[0].short_server_id, 0);
	assert_int_equal(controls[0].entries[1].rights, 15);
	assert_int_equal(controls[1].control, 4);
	assert_int_equal(controls[1].instance, LWM2M_ID_NONE);
	assert_ptr_equal(access_control_find(controls, count, 16, LWM2M_ID_NONE), &controls[1]);
	assert_null(access_control_find(controls, count, 3, 1));
	arena_free(arena);
}

static void what_is_no_access_control_is_left_out(void **state)
{
	const struct lwm2m_record records[] = {
		number(0, 0, 3),     number(0, 3, 101),                    /* about which instance? */
		number(1, 0, 70000), number(1, 1, 0),   number(1, 3, 101), /* no object */
		number(2, 0, 3),     number(2, 1, 1),   number(2, 3, 101), entry(2, 7, 256), /* no rights */
	};
	struct arena *arena = arena_create(1 << 16);
	size_t count;
	const struct access_control *controls =
		read_first(arena, records, sizeof(records) / sizeof(records[0]), &count);

	assert_int_equal(count, 1);
	assert_int_equal(controls[0].control, 2);
	assert_int_equal(controls[0].entry_count, 0);
	read_first(arena, records, 0, &count);
	assert_int_equal(count, 0);
	arena_free(arena);
}

static void an_entry_is_taken_away_by_writing_the_others(void **state)
{
	const struct access_entry entries[] = { { 101, 15 }, { 102, 1 } };
	const struct access_control both = { .control = 9, .entries = entries, .entry_count = 2 };
	const struct access_control one = { .control = 9, .entries = entries, .entry_count = 1 };
	struct arena *arena = arena_create(1 << 16);
	struct lwm2m_records left;

	assert_int_equal(access_control_without(arena, &both, 101, &left), ERR_NONE);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.at[0].path.instance, 9);
	assert_int_equal(left.at[0].path.resource_instance, 102);
	assert_int_equal(left.at[0].value.integer, 1);
	assert_int_equal(access_control_without(arena, &one, 101, &left), ERR_NONE);
	assert_int_equal(left.count, 1); /* the resource, without a value */
	assert_int_equal(left.at[0].path.depth, 3);
	assert_int_equal(left.at[0].value.type, LWM2M_NONE);
	assert_int_equal(access_control_without(arena, &one, 102, &left), ERR_NOT_FOUND);
	arena_free(arena);
}

static void each_right_has_its_word(void **state)
{
	for (unsigned bit = 1; bit <= 16; bit <<= 1)
		assert_int_equal(access_right_of_name(access_right_name(bit)), bit);
	assert_string_equal(access_right_name(ACCESS_EXECUTE), "execute");
	assert_null(access_right_name(3));
	assert_int_equal(access_right_of_name("fly"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances_say_what_they_are_about),
		cmocka_unit_test(what_is_no_access_control_is_left_out),
		cmocka_unit_test(an_entry_is_taken_away_by_writing_the_others),
		cmocka_unit_test(each_right_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
