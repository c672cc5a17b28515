#include "format_support.h"

static struct format_desk json(void **state)
{
	return (struct format_desk){ .arena = *state, .format = FORMAT_SENML_ETCH_JSON, .base = "/" };
}

static struct format_desk cbor(void **state)
{
	return (struct format_desk){ .arena = *state, .format = FORMAT_SENML_ETCH_CBOR, .base = "/" };
}

static void a_fetch_pack_holds_names(void **state)
{
	struct lwm2m_record names[] = { { .path = path_at("/3/0/9") }, { .path = path_at("/1") } };
	const struct format_desk as_json = json(state), as_cbor = cbor(state);

	assert_text(format_writes(&as_json, names, 2), "[{\"bn\":\"/\",\"n\":\"3/0/9\"},{\"n\":\"1\"}]");
	format_keeps(&as_json, names, 2);
	format_keeps(&as_cbor, names, 2);
}

static void null_deletes_a_resource_instance(void **state)
{
	struct lwm2m_record records[] = { text_at("/16/0/0/2", "x"),
					  { .path = path_at("/16/0/0/1"), .value = { .type = LWM2M_NULL } } };
	const struct format_desk as_json = json(state), as_cbor = cbor(state);

	assert_text(format_writes(&as_json, records, 2),
		    "[{\"bn\":\"/16/0/0/\",\"n\":\"2\",\"vs\":\"x\"},{\"n\":\"1\",\"v\":null}]");
	format_keeps(&as_json, records, 2);
	format_keeps(&as_cbor, records, 2);
}

static void null_deletes_nothing_larger(void **state)
{
	struct lwm2m_record record = { .path = path_at("/16/0/0"), .value = { .type = LWM2M_NULL } };
	const struct format_desk as_json = json(state), as_cbor = cbor(state);

	assert_int_equal(format_write_error(&as_json, &record, 1), ERR_MALFORMED);
	assert_int_equal(format_write_error(&as_cbor, &record, 1), ERR_MALFORMED);
	format_refuses(&as_json, bytes_of_text("[{\"n\":\"/16/0/0\",\"v\":null}]"), "/16/0/0: null");
	format_refuses(&as_cbor, hex(*state, "81 A2 00 67 2F31362F302F30 02 F6"), "/16/0/0: null");
}

static void names_and_values_do_not_mix(void **state)
{
	struct lwm2m_record records[] = { { .path = path_at("/3/0/9") }, text_at("/3/0/14", "x") };
	const struct format_desk as_json = json(state);

	assert_int_equal(format_write_error(&as_json, records, 2), ERR_MALFORMED);
	format_refuses(&as_json, bytes_of_text("[{\"n\":\"/3/0/14\",\"vs\":\"x\"},{\"n\":\"/3/0/9\"}]"),
		       "/3/0/9: a pack holds either");
}

static void it_speaks_of_the_root_only(void **state)
{
	struct lwm2m_record record = text_at("/3/0/14", "x");
	struct format_desk at = json(state);

	at.base = "/3/0";
	assert_int_equal(format_write_error(&at, &record, 1), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(a_fetch_pack_holds_names),    IN_ARENA(null_deletes_a_resource_instance),
		IN_ARENA(null_deletes_nothing_larger), IN_ARENA(names_and_values_do_not_mix),
		IN_ARENA(it_speaks_of_the_root_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
