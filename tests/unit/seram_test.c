/* Object 30401 as the server reads and writes it, and what is kept between steps. */
#include "seram/seram.h"

#include "engine/kept.h"
#include "se_test.h"

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_create(1 << 20);
	return arena == NULL;
}

static int close_arena(void **state)
{
	arena_free(arena);
	return 0;
}

static struct lwm2m_record integer(uint16_t resource, int64_t value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(SERAM_OBJECT, 0, resource),
				      .value = { .type = LWM2M_INTEGER, .integer = value } };
}

static struct lwm2m_record protocol(const char *text)
{
	return (struct lwm2m_record){ .path = { SERAM_OBJECT, 0, SERAM_PROTOCOL_VERSION, 0, 4 },
				      .value = { .type = LWM2M_STRING, .bytes = bytes_of_text(text) } };
}

static void an_agent_that_tells_little_gets_defaults(void **state)
{
	const struct lwm2m_record records[] = { integer(SERAM_SE_STATE, 0), integer(SERAM_AGENT_STATE, 0) };
	struct seram_instance instance;

	assert_int_equal(seram_instance_read((struct lwm2m_records){ records, 2 }, 0, &instance, NULL),
			 ERR_NONE);
	assert_int_equal(instance.max_request_bytes, SERAM_DEFAULT_REQUEST_SIZE);
	assert_int_equal(instance.max_response_bytes, SERAM_DEFAULT_RESPONSE_SIZE);
	assert_true(instance.speaks_scripts);
	assert_false(instance.speaks_seram2);
	assert_int_equal(instance.settings[SERAM_SET_RETRY_COUNT], -1);
	assert_false(instance.has_channel_state);
	assert_false(instance.has_stop_on_error);
}

static void a_missing_or_strange_state_is_named(void **state)
{
	const struct lwm2m_record missing[] = { integer(SERAM_SE_STATE, 0) };
	const struct lwm2m_record strange[] = { integer(SERAM_SE_STATE, 7), integer(SERAM_AGENT_STATE, 0) };
	struct seram_instance instance;
	struct fault fault = { 0 };

	assert_int_equal(seram_instance_read((struct lwm2m_records){ missing, 1 }, 0, &instance, &fault),
			 ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "Agent State (resource 15)"));
	fault = (struct fault){ 0 };
	assert_int_equal(seram_instance_read((struct lwm2m_records){ strange, 2 }, 0, &instance, &fault),
			 ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "SE State (resource 3)"));
}

static void one_of_several_protocols_is_enough(void **state)
{
	const struct lwm2m_record records[] = { integer(SERAM_SE_STATE, 0), integer(SERAM_AGENT_STATE, 0),
						protocol("gpseram/2.0.0"),
						protocol("globalplatform-remote-admin/1.2") };
	struct seram_instance instance;

	assert_int_equal(seram_instance_read((struct lwm2m_records){ records, 4 }, 0, &instance, NULL),
			 ERR_NONE);
	assert_true(instance.speaks_scripts);
	assert_int_equal(seram_instance_read((struct lwm2m_records){ records, 3 }, 0, &instance, NULL),
			 ERR_NONE);
	assert_false(instance.speaks_scripts);
	assert_true(instance.speaks_seram2);
}

static void the_target_is_rid_and_pix(void **state)
{
	static const uint8_t aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };

	assert_string_equal(seram_target(arena, bytes_of(aid, sizeof(aid))), "//aid/A000000151/000000");
	assert_string_equal(seram_target(arena, bytes_of(aid, 5)), "//aid/A000000151/");
}

static void a_request_writes_target_id_and_script_together(void **state)
{
	const struct seram_request request = { .id = 7,
					       .target_aid = bytes_of("\xA0\0\0\1\x51", 5),
					       .body = bytes_of("\xAE\x80\0\0", 4),
					       .has_stop_on_error = true,
					       .settings = { -1, -1, -1, -1, -1 } };
	struct lwm2m_records records;

	assert_int_equal(seram_request_records(arena, 3, &request, &records), ERR_NONE);
	assert_int_equal(records.count, 4);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(SERAM_OBJECT, 3, SERAM_REQUEST_ID), 0), 7);
	assert_false(lwm2m_boolean(records, LWM2M_RESOURCE(SERAM_OBJECT, 3, SERAM_STOP_ON_ERROR), true));
	assert_int_equal(lwm2m_bytes(records, LWM2M_RESOURCE(SERAM_OBJECT, 3, SERAM_REQUEST)).len, 4);
}

static void a_request_writes_the_settings_that_are_due(void **state)
{
	const struct seram_request request = {
		.id = 8,
		.target_aid = bytes_of("\xA0\0\0\1\x51", 5),
		.settings = { [SERAM_SET_REPORT_REQUIRED] = 0,
			      [SERAM_SET_BODY_FORMAT] = 1,
			      [SERAM_SET_RETRY_COUNT] = 3,
			      [SERAM_SET_RETRY_DELAY] = -1,
			      [SERAM_SET_SESSION_TIMEOUT] = 60 },
	};
	struct lwm2m_records records;

	assert_int_equal(seram_request_records(arena, 0, &request, &records), ERR_NONE);
	assert_int_equal(records.count, 7);
	assert_false(lwm2m_boolean(records, LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_REPORT_REQUIRED), true));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_BODY_FORMAT), 0), 1);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_RETRY_COUNT), 0), 3);
	assert_null(lwm2m_find(records, LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_RETRY_DELAY)));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_SESSION_TIMEOUT), 0),
			 60);
}

/* ---- kept ---- */

static struct kept an_example(void)
{
	struct kept kept = { .phase = PHASE_WAIT,
			     .script_in_flight = true,
			     .request_id = 70000,
			     .max_request_bytes = 1024,
			     .sessions = 3,
			     .deadline_ms = 1700000000000,
			     .channel = CHANNEL_OPEN,
			     .key_version = 0x30,
			     .level = 0x33,
			     .host_challenge = bytes_of_text("12345678"),
			     .opening = bytes_of_text("12345678901234567890123456789012"),
			     .stage = 2,
			     .flags = 0x81,
			     .position = 123456,
			     .ending = ENDING_FAILED,
			     .kind = ERR_CONFLICT,
			     .reason = "because" };

	kept.mark.counter = 9;
	memset(kept.mark.chaining, 0xAB, AES_BLOCK);
	kept.queries[2] =
		(struct query_answer){ .state = QUERY_MORE, .sw = 0x6310, .data = bytes_of_text("abc") };
	return kept;
}

static void what_is_kept_comes_back(void **state)
{
	struct kept kept = an_example(), back;
	struct bytes bytes, again;

	assert_int_equal(kept_build(&kept, arena, &bytes), ERR_NONE);
	assert_int_equal(kept_parse(bytes, &back, NULL), ERR_NONE);
	assert_int_equal(back.request_id, 70000);
	assert_int_equal(back.deadline_ms, 1700000000000);
	assert_int_equal(back.mark.counter, 9);
	assert_int_equal(back.queries[2].data.len, 3);
	assert_string_equal(back.reason, "because");
	assert_int_equal(kept_build(&back, arena, &again), ERR_NONE);
	assert_true(bytes_equal(bytes, again));
}

static void damaged_state_is_refused(void **state)
{
	struct kept kept = an_example(), back;
	struct bytes bytes, copy;
	struct fault fault = { 0 };

	assert_int_equal(kept_build(&kept, arena, &bytes), ERR_NONE);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(kept_parse(bytes_first(bytes, len), &back, NULL), ERR_MALFORMED);
	assert_int_equal(bytes_copy(arena, bytes, &copy), ERR_NONE);
	((uint8_t *)(uintptr_t)copy.at)[0] = 200;
	assert_int_equal(kept_parse(copy, &back, &fault), ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "version 200"));
	((uint8_t *)(uintptr_t)copy.at)[0] = bytes.at[0];
	((uint8_t *)(uintptr_t)copy.at)[1] = PHASE_COUNT;
	assert_int_equal(kept_parse(copy, &back, NULL), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_that_tells_little_gets_defaults),
		cmocka_unit_test(a_missing_or_strange_state_is_named),
		cmocka_unit_test(one_of_several_protocols_is_enough),
		cmocka_unit_test(the_target_is_rid_and_pix),
		cmocka_unit_test(a_request_writes_target_id_and_script_together),
		cmocka_unit_test(a_request_writes_the_settings_that_are_due),
		cmocka_unit_test(what_is_kept_comes_back),
		cmocka_unit_test(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
