#include <cardea/lwm2m.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct lwm2m_record records_at[] = {
	{ { 3, 0, 0, LWM2M_ID_NONE, 3 },
	  { LWM2M_STRING, .bytes = { (const uint8_t *)"Cardea", 6 } },
	  false,
	  0 },
	{ { 3, 0, 9, LWM2M_ID_NONE, 3 }, { LWM2M_INTEGER, .integer = -5 }, false, 0 },
	{ { 3, 0, 6, 1, 4 }, { LWM2M_INTEGER, .integer = 5 }, false, 0 },
	{ { 3, 0, 10, LWM2M_ID_NONE, 3 }, { LWM2M_UNSIGNED, .whole = 7 }, false, 0 },
	{ { 3, 0, 12, LWM2M_ID_NONE, 3 }, { LWM2M_UNSIGNED, .whole = UINT64_MAX }, false, 0 },
	{ { 3, 0, 13, LWM2M_ID_NONE, 3 }, { LWM2M_TIME, .integer = 1714564800 }, false, 0 },
	{ { 3, 0, 20, LWM2M_ID_NONE, 3 }, { LWM2M_BOOLEAN, .boolean = true }, false, 0 },
	{ { 3, 1, 20, LWM2M_ID_NONE, 3 }, { LWM2M_BOOLEAN, .boolean = false }, false, 0 },
};

static const struct lwm2m_records records = { records_at, sizeof(records_at) / sizeof(records_at[0]) };

static void finds_the_very_path(void **state)
{
	assert_ptr_equal(lwm2m_find(records, (struct lwm2m_path){ 3, 0, 6, 1, 4 }), &records_at[2]);
	assert_ptr_equal(lwm2m_find(records, LWM2M_RESOURCE(3, 1, 20)), &records_at[7]);
	assert_null(lwm2m_find(records, LWM2M_RESOURCE(3, 0, 6)));
	assert_null(lwm2m_find(records, LWM2M_INSTANCE(3, 0)));
	assert_null(lwm2m_find((struct lwm2m_records){ NULL, 0 }, LWM2M_OBJECT(3)));
}

static void ids_below_the_depth_do_not_count(void **state)
{
	assert_ptr_equal(lwm2m_find(records, (struct lwm2m_path){ 3, 0, 9, 77, 3 }), &records_at[1]);
}

static void integers_convert_when_the_value_fits(void **state)
{
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 9), 1), -5);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 10), 1), 7);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 13), 1), 1714564800);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 12), 1), 1);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 0), 1), 1);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(3, 0, 99), 1), 1);
}

static void other_types_give_the_fallback(void **state)
{
	assert_true(lwm2m_boolean(records, LWM2M_RESOURCE(3, 0, 20), false));
	assert_false(lwm2m_boolean(records, LWM2M_RESOURCE(3, 1, 20), true));
	assert_true(lwm2m_boolean(records, LWM2M_RESOURCE(3, 0, 9), true));
	assert_true(bytes_equal_text(lwm2m_bytes(records, LWM2M_RESOURCE(3, 0, 0)), "Cardea"));
	assert_int_equal(lwm2m_bytes(records, LWM2M_RESOURCE(3, 0, 9)).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_very_path),
		cmocka_unit_test(ids_below_the_depth_do_not_count),
		cmocka_unit_test(integers_convert_when_the_value_fits),
		cmocka_unit_test(other_types_give_the_fallback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
