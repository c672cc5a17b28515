/* The device's objects: what a server may do with them and what it is answered, without a network. */
#include "device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "misbehave.h"

struct desk {
	struct options options;
	struct misbehaviour misbehaviour;
	struct device *device;
	struct arena *arena;
	struct answer answer;
	uint8_t next_token;
};

static void open_device(struct desk *desk, const char *word)
{
	char *words[] = { "cardea-device", (char *)(uintptr_t)word, NULL };
	struct fault fault = { .kind = ERR_NONE };
	bool wants_help;

	assert_int_equal(options_parse(word == NULL ? 1 : 2, words, &desk->options, &wants_help, &fault),
			 ERR_NONE);
	desk->misbehaviour = misbehaviour_of(&desk->options);
	if (device_open(&desk->options, &desk->misbehaviour, "dev", &desk->device, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	desk->device->now_ms = 1000;
}

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	desk->arena = arena_create(0);
	open_device(desk, NULL);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	device_close(desk->device);
	arena_free(desk->arena);
	free(desk);
	return 0;
}

static void reopen(struct desk *desk, const char *word)
{
	device_close(desk->device);
	open_device(desk, word);
}

static struct bytes hex(struct desk *desk, const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(desk->arena, text, &bytes), ERR_NONE);
	return bytes;
}

/* ---- asking ---- */

static struct request request_of(enum method method, const char *path)
{
	struct request request = { .method = method, .content_format = FORMAT_NONE, .accept = FORMAT_NONE };

	request.is_path_known = path_parse(bytes_of_text(path), &request.path) == ERR_NONE;
	return request;
}

static enum answer_code ask(struct desk *desk, struct request request)
{
	objects_dispatch(desk->device, &request, desk->arena, &desk->answer, NULL);
	return desk->answer.code;
}

static enum answer_code get(struct desk *desk, const char *path, uint16_t accept)
{
	struct request request = request_of(METHOD_GET, path);

	request.accept = accept;
	return ask(desk, request);
}

static enum answer_code observe(struct desk *desk, const char *path, uint16_t accept)
{
	struct request request = request_of(METHOD_GET, path);

	desk->next_token++;
	request.accept = accept;
	request.has_observe = true;
	request.token = bytes_of(&desk->next_token, 1);
	return ask(desk, request);
}

static enum answer_code send(struct desk *desk, enum method method, const char *path, uint16_t format,
			     struct bytes payload)
{
	struct request request = request_of(method, path);

	request.content_format = format;
	request.payload = payload;
	return ask(desk, request);
}

static enum answer_code put_text(struct desk *desk, const char *path, const char *text)
{
	return send(desk, METHOD_PUT, path, FORMAT_TEXT, bytes_of_text(text));
}

static enum answer_code execute(struct desk *desk, const char *path, const char *arguments)
{
	return send(desk, METHOD_POST, path, arguments == NULL ? FORMAT_NONE : FORMAT_TEXT,
		    bytes_of_text(arguments == NULL ? "" : arguments));
}

static enum answer_code attributes(struct desk *desk, const char *path, const char *first, const char *second)
{
	struct bytes queries[2] = { bytes_of_text(first),
				    second == NULL ? bytes_of(NULL, 0) : bytes_of_text(second) };
	struct request request = request_of(METHOD_PUT, path);

	request.queries = queries;
	request.query_count = second == NULL ? 1 : 2;
	return ask(desk, request);
}

static void assert_payload(struct desk *desk, const char *expected)
{
	assert_string_equal(bytes_to_hex(desk->arena, desk->answer.payload), expected);
}

static void assert_text(struct desk *desk, const char *expected)
{
	struct bytes payload = desk->answer.payload;

	assert_string_equal(arena_strndup(desk->arena, (const char *)payload.at, payload.len), expected);
}

static void assert_reads(struct desk *desk, const char *path, const char *text)
{
	assert_int_equal(get(desk, path, FORMAT_TEXT), CONTENT);
	assert_text(desk, text);
}

/* ---- answer codes ---- */

static void answers_as_the_table_of_codes_says(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(get(desk, "/0", FORMAT_TLV), UNAUTHORIZED);
	assert_int_equal(get(desk, "/0/0/0", FORMAT_TLV), UNAUTHORIZED);
	assert_int_equal(get(desk, "/0", FORMAT_LINK), UNAUTHORIZED);
	assert_int_equal(put_text(desk, "/0/0/0", "x"), UNAUTHORIZED);
	assert_int_equal(get(desk, "/", FORMAT_TLV), METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/bs", FORMAT_TLV), NOT_FOUND);
	assert_int_equal(get(desk, "/99", FORMAT_TLV), NOT_FOUND);
	assert_int_equal(get(desk, "/3/1", FORMAT_TLV), NOT_FOUND);
	assert_int_equal(get(desk, "/3/0/99", FORMAT_TLV), NOT_FOUND);
	assert_int_equal(get(desk, "/3/0/6/2", FORMAT_TLV), NOT_FOUND);
	assert_int_equal(get(desk, "/3/0/4", FORMAT_TLV), METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/3/0", FORMAT_TEXT), NOT_ACCEPTABLE);
	assert_int_equal(get(desk, "/3/0/6", FORMAT_TEXT), NOT_ACCEPTABLE);
	assert_int_equal(get(desk, "/3/0/0", FORMAT_OPAQUE), NOT_ACCEPTABLE);
	assert_int_equal(get(desk, "/3/0/0", 11543), NOT_ACCEPTABLE);
	assert_int_equal(put_text(desk, "/3/0/0", "x"), METHOD_NOT_ALLOWED);
	assert_int_equal(put_text(desk, "/3/0/99", "x"), NOT_FOUND);
	assert_int_equal(put_text(desk, "/1/0/1", "x"), BAD_REQUEST);
	assert_int_equal(put_text(desk, "/1/0/1", "-1"), BAD_REQUEST);
	assert_int_equal(put_text(desk, "/1/0", "x"), UNSUPPORTED_FORMAT);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", 50, bytes_of_text("1")), UNSUPPORTED_FORMAT);
	assert_int_equal(send(desk, METHOD_PUT, "/3", FORMAT_TLV, hex(desk, "C0")), METHOD_NOT_ALLOWED);
	assert_int_equal(execute(desk, "/3/0/0", NULL), METHOD_NOT_ALLOWED);
	assert_int_equal(execute(desk, "/3/0/4", "x"), BAD_REQUEST);
	assert_int_equal(execute(desk, "/3/0/4", "0,0"), BAD_REQUEST);
	assert_int_equal(execute(desk, "/3/0/99", NULL), NOT_FOUND);
	assert_int_equal(send(desk, METHOD_POST, "/1", FORMAT_TLV, hex(desk, "C10101")), METHOD_NOT_ALLOWED);
	assert_int_equal(send(desk, METHOD_POST, "/3", FORMAT_TLV, hex(desk, "C10101")), METHOD_NOT_ALLOWED);
	assert_int_equal(ask(desk, request_of(METHOD_DELETE, "/3/0")), METHOD_NOT_ALLOWED);
	assert_int_equal(ask(desk, request_of(METHOD_DELETE, "/3/1")), NOT_FOUND);
	assert_int_equal(ask(desk, request_of(METHOD_DELETE, "/1/0")), METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/3/0/0", FORMAT_TEXT), CONTENT);
	assert_int_equal(put_text(desk, "/1/0/1", "60"), CHANGED);
	assert_int_equal(execute(desk, "/3/0/4", NULL), CHANGED);
}

static void knows_no_senml_in_version_1_0(void **state)
{
	struct desk *desk = *state;

	reopen(desk, "--version=1.0");
	assert_int_equal(get(desk, "/3/0", FORMAT_SENML_CBOR), NOT_ACCEPTABLE);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_CBOR, hex(desk, "183C")),
			 UNSUPPORTED_FORMAT);
	assert_int_equal(send(desk, METHOD_FETCH, "/", FORMAT_SENML_CBOR, hex(desk, "80")),
			 METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/3/0/9", FORMAT_NONE), CONTENT);
	assert_int_equal(desk->answer.format, FORMAT_TLV);
}

/* ---- reading and writing ---- */

static void reads_on_every_level(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(get(desk, "/5", FORMAT_TLV), CONTENT);
	assert_payload(desk, "080020C001C10300C1050088080C410000410101410204410305C10902C10B01C10D00");
	assert_int_equal(get(desk, "/5/0", FORMAT_TLV), CONTENT);
	assert_payload(desk, "C001C10300C1050088080C410000410101410204410305C10902C10B01C10D00");
	assert_int_equal(get(desk, "/3/0/6", FORMAT_TLV), CONTENT);
	assert_payload(desk, "8606410001410105");
	assert_int_equal(get(desk, "/3/0/6/1", FORMAT_TLV), CONTENT);
	assert_payload(desk, "410105");
	assert_reads(desk, "/3/0/6/1", "5");
	assert_int_equal(get(desk, "/5/0", FORMAT_SENML_CBOR), CONTENT);
	assert_payload(desk, "8AA321652F352F302F0061310360A20061330200A20061350200A20063382F300200A20063382F3"
			     "10201A20063382F320204A20063382F330205A20061390202A2006231310201A2006231330200");
}

static void writes_one_resource_in_every_format(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(put_text(desk, "/1/0/1", "61"), CHANGED);
	assert_reads(desk, "/1/0/1", "61");
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, hex(desk, "C1013E")), CHANGED);
	assert_reads(desk, "/1/0/1", "62");
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_CBOR, hex(desk, "183F")), CHANGED);
	assert_reads(desk, "/1/0/1", "63");
	assert_int_equal(
		send(desk, METHOD_PUT, "/1/0/1", FORMAT_SENML_CBOR, hex(desk, "81A200662F312F302F31021840")),
		CHANGED);
	assert_reads(desk, "/1/0/1", "64");
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_NONE, bytes_of_text("65")), CHANGED);
	assert_reads(desk, "/1/0/1", "65");
}

static void writes_all_of_an_instance_or_nothing(void **state)
{
	struct desk *desk = *state;

	/* lifetime 90, default minimum period "x" */
	assert_int_equal(send(desk, METHOD_POST, "/1/0", FORMAT_TLV, hex(desk, "C1015AC30278787A")),
			 BAD_REQUEST);
	assert_reads(desk, "/1/0/1", "86400");
	assert_int_equal(send(desk, METHOD_POST, "/1/0", FORMAT_TLV, hex(desk, "C1015AC10205")), CHANGED);
	assert_reads(desk, "/1/0/1", "90");
	assert_reads(desk, "/1/0/2", "5");
}

static void a_replacing_write_takes_away_what_it_does_not_name(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_POST, "/1/0", FORMAT_TLV, hex(desk, "C1015AC10205")), CHANGED);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0", FORMAT_TLV, hex(desk, "C1015B")), CHANGED);
	assert_reads(desk, "/1/0/1", "91");
	assert_int_equal(get(desk, "/1/0/2", FORMAT_TEXT), NOT_FOUND);
	assert_reads(desk, "/1/0/7", "U");
}

static void refuses_values_of_the_wrong_shape(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, hex(desk, "C30100005A")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, hex(desk, "C001")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, bytes_of(NULL, 0)), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, hex(desk, "830141005A")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/1", FORMAT_TLV, hex(desk, "C1025A")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/1/0/6", FORMAT_TLV, hex(desk, "C10602")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_PUT, "/3/0/14", FORMAT_TLV, hex(desk, "C20EFFFE")), BAD_REQUEST);
	assert_int_equal(put_text(desk, "/3/0/14", "much too long"), BAD_REQUEST);
	assert_int_equal(put_text(desk, "/1/0/7", "S"), BAD_REQUEST);
}

static void sets_its_clock(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(put_text(desk, "/3/0/13", "1000000000"), CHANGED);
	assert_int_equal(get(desk, "/3/0/13", FORMAT_TEXT), CONTENT);
	assert_memory_equal(desk->answer.payload.at, "100000000", 9);
}

static void reads_and_writes_composites(void **state)
{
	struct desk *desk = *state;

	/* /3/0/9, /5/0/3 and one that is not there */
	assert_int_equal(send(desk, METHOD_FETCH, "/", FORMAT_SENML_CBOR,
			      hex(desk, "83A100662F332F302F39A100662F352F302F33A100662F392F302F39")),
			 CONTENT);
	assert_payload(desk, "82A321612F0065332F302F39021864A20065352F302F330200");
	/* /1/0/1 = 70 and /3/0/14 = "+02:00" */
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_CBOR,
			      hex(desk, "82A200662F312F302F31021846A200672F332F302F313403662B30323A3030")),
			 CHANGED);
	assert_reads(desk, "/1/0/1", "70");
	assert_reads(desk, "/3/0/14", "+02:00");
	/* /1/0/1 = 71 and /3/0/0, which is read-only: neither happens */
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_CBOR,
			      hex(desk, "82A200662F312F302F31021847A200662F332F302F30036178")),
			 METHOD_NOT_ALLOWED);
	assert_reads(desk, "/1/0/1", "70");
}

static void a_patch_removes_an_instance_but_not_the_last(void **state)
{
	static const char remove_first[] = "[{\"n\":\"/16/0/0/0\",\"v\":null}]",
			  remove_second[] = "[{\"n\":\"/16/0/0/1\",\"v\":null}]",
			  remove_offset[] = "[{\"n\":\"/3/0/14\",\"v\":null}]",
			  add[] = "[{\"bn\":\"/16/0/0/\",\"n\":\"1\",\"vs\":\"y\"}]";
	struct desk *desk = *state;

	reopen(desk, "--version=1.2");
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")), CREATED);
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_ETCH_JSON, bytes_of_text(add)), CHANGED);
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_JSON, bytes_of_text(remove_first)),
			 BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_ETCH_JSON, bytes_of_text(remove_first)),
			 CHANGED);
	assert_int_equal(get(desk, "/16/0", FORMAT_LWM2M_CBOR), CONTENT);
	assert_payload(desk, "A110A100A100A1016179");
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_ETCH_JSON, bytes_of_text(remove_second)),
			 BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_IPATCH, "/", FORMAT_SENML_ETCH_JSON, bytes_of_text(remove_offset)),
			 BAD_REQUEST);
}

/* ---- create and delete ---- */

static void creates_and_deletes_portfolios(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8400410078")), BAD_REQUEST);
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")), CREATED);
	assert_true(desk->answer.has_location);
	assert_int_equal(desk->answer.location.id[1], 0);
	assert_true(desk->device->servers.served->wants_update);
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV,
			      hex(desk, "0505"
					"8300410079")),
			 CREATED);
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV,
			      hex(desk, "0505"
					"8300410079")),
			 BAD_REQUEST);
	assert_reads(desk, "/16/5/0/0", "y");
	assert_int_equal(get(desk, "/16", FORMAT_TLV), CONTENT);
	assert_payload(desk, "050083004100780505"
			     "8300410079");
	assert_int_equal(ask(desk, request_of(METHOD_DELETE, "/16/0")), DELETED);
	assert_int_equal(get(desk, "/16/0", FORMAT_TLV), NOT_FOUND);
	assert_reads(desk, "/16/5/0/0", "y");
}

static void a_replacing_write_replaces_the_whole_array(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8600410078410179")), CREATED);
	assert_int_equal(send(desk, METHOD_POST, "/16/0/0", FORMAT_TLV, hex(desk, "8300410279")), CHANGED);
	assert_int_equal(get(desk, "/16/0/0", FORMAT_TLV), CONTENT);
	assert_payload(desk, "880009"
			     "410078410179410279");
	assert_int_equal(send(desk, METHOD_PUT, "/16/0/0", FORMAT_TLV, hex(desk, "830041057A")), CHANGED);
	assert_int_equal(get(desk, "/16/0/0", FORMAT_TLV), CONTENT);
	assert_payload(desk, "830041057A");
}

static void takes_no_more_instances_than_it_has_room_for(void **state)
{
	struct desk *desk = *state;

	for (int i = 0; i < INSTANCES_MAX; i++)
		assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")),
				 CREATED);
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")), BAD_REQUEST);
}

/* ---- discover and attributes ---- */

static void discovers_with_attributes(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/5/0", "pmin=10", "pmax=60"), CHANGED);
	assert_int_equal(attributes(desk, "/5/0/3", "gt=1.5", NULL), CHANGED);
	assert_int_equal(get(desk, "/5/0", FORMAT_LINK), CONTENT);
	assert_int_equal(desk->answer.format, FORMAT_LINK);
	assert_text(desk, "</5/0>;pmin=10;pmax=60,</5/0/0>,</5/0/1>,</5/0/2>,</5/0/3>;gt=1.5,"
			  "</5/0/5>,</5/0/8>;dim=4,</5/0/9>,</5/0/10>,</5/0/11>,</5/0/13>");
	assert_int_equal(get(desk, "/3/0/6", FORMAT_LINK), CONTENT);
	assert_text(desk, "</3/0/6>;dim=2");
	assert_int_equal(get(desk, "/16", FORMAT_LINK), CONTENT);
	assert_text(desk, "</16>");
	assert_int_equal(attributes(desk, "/5/0", "pmin", NULL), CHANGED);
	assert_int_equal(get(desk, "/5/0/3", FORMAT_LINK), CONTENT);
	assert_text(desk, "</5/0/3>;gt=1.5");
}

static void refuses_attributes_that_make_no_sense(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/3/0/9", "color=red", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0/9", "pmin=-1", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0/9", "pmin=", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0", "gt=5", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0/0", "gt=5", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0/9", "gt=5", "lt=7"), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/3/0/9", "st=0", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/9/0/9", "pmin=1", NULL), NOT_FOUND);
	assert_int_equal(attributes(desk, "/3/0/9", "gt=7", "lt=5"), CHANGED);
}

/* ---- observe ---- */

static bool is_notified(struct desk *desk)
{
	struct notification notification;
	int64_t next_ms;

	if (!observe_next(desk->device, desk->arena, &notification, &next_ms))
		return false;
	desk->answer = notification.answer;
	return true;
}

static void notifies_of_changes_and_of_nothing_else(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(observe(desk, "/3/0/14", FORMAT_TEXT), CONTENT);
	assert_true(desk->answer.is_observed);
	assert_false(is_notified(desk));
	assert_int_equal(put_text(desk, "/3/0/15", "Europe/Paris"), CHANGED);
	assert_false(is_notified(desk));
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	assert_true(is_notified(desk));
	assert_text(desk, "+01:00");
	assert_false(is_notified(desk));
}

static void notifies_of_changes_below(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(observe(desk, "/3/0", FORMAT_TLV), CONTENT);
	assert_int_equal(observe(desk, "/3", FORMAT_TLV), CONTENT);
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	assert_true(is_notified(desk));
	assert_true(is_notified(desk));
	assert_false(is_notified(desk));
}

static void honours_the_shortest_and_the_longest_period(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/3/0/14", "pmin=10", "pmax=60"), CHANGED);
	assert_int_equal(observe(desk, "/3/0/14", FORMAT_TEXT), CONTENT);
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	desk->device->now_ms += 9999;
	assert_false(is_notified(desk));
	desk->device->now_ms += 1;
	assert_true(is_notified(desk));
	desk->device->now_ms += 59999;
	assert_false(is_notified(desk));
	desk->device->now_ms += 1;
	assert_true(is_notified(desk));
}

static void takes_the_periods_of_the_server_object(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(put_text(desk, "/1/0/3", "30"), CHANGED);
	assert_int_equal(observe(desk, "/3/0/14", FORMAT_TEXT), CONTENT);
	desk->device->now_ms += 30000;
	assert_true(is_notified(desk));
}

static void drain(struct desk *desk, int64_t percent)
{
	desk->device->battery_percent = percent;
	device_changed(desk->device, RESOURCE_PATH(3, 0, 9));
}

static void honours_thresholds_and_steps(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/3/0/9", "lt=20", "gt=90"), CHANGED);
	assert_int_equal(observe(desk, "/3/0/9", FORMAT_TEXT), CONTENT);
	drain(desk, 95);
	assert_false(is_notified(desk));
	drain(desk, 89);
	assert_true(is_notified(desk));
	drain(desk, 50);
	assert_false(is_notified(desk));
	drain(desk, 19);
	assert_true(is_notified(desk));
	drain(desk, 10);
	assert_false(is_notified(desk));
	assert_int_equal(attributes(desk, "/3/0/9", "st=5", NULL), CHANGED);
	drain(desk, 15);
	assert_false(is_notified(desk));
	drain(desk, 14);
	assert_true(is_notified(desk));
}

/* ---- what came with LwM2M 1.2 ---- */

static void evaluates_no_more_often_than_it_shall(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/3/0/9", "epmin=10", "gt=50"), CHANGED);
	assert_int_equal(attributes(desk, "/3/0/9", "epmax=10", NULL), BAD_REQUEST);
	drain(desk, 40);
	assert_int_equal(observe(desk, "/3/0/9", FORMAT_TEXT), CONTENT);
	drain(desk, 60);
	assert_false(is_notified(desk));
	drain(desk, 40); /* nobody looked in between */
	desk->device->now_ms += 10000;
	assert_false(is_notified(desk));
	drain(desk, 60);
	assert_false(is_notified(desk));
	desk->device->now_ms += 10000;
	assert_true(is_notified(desk));
}

static void tells_one_edge_of_a_boolean(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(attributes(desk, "/1/0/6", "edge=1", NULL), BAD_REQUEST); /* to a device of 1.1 */
	desk->device->servers.served->minor_version = 2;
	assert_int_equal(attributes(desk, "/3/0/9", "edge=1", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/1/0/6", "edge=2", NULL), BAD_REQUEST);
	assert_int_equal(attributes(desk, "/1/0/6", "edge=1", NULL), CHANGED);
	assert_int_equal(put_text(desk, "/1/0/6", "1"), CHANGED);
	assert_int_equal(observe(desk, "/1/0/6", FORMAT_TEXT), CONTENT);
	assert_int_equal(put_text(desk, "/1/0/6", "0"), CHANGED);
	assert_false(is_notified(desk));
	assert_int_equal(put_text(desk, "/1/0/6", "1"), CHANGED);
	assert_true(is_notified(desk));
	assert_int_equal(put_text(desk, "/1/0/6", "1"), CHANGED);
	assert_false(is_notified(desk));
}

static void an_observation_has_attributes_of_its_own(void **state)
{
	struct desk *desk = *state;
	struct bytes queries[] = { bytes_of_text("pmin=5"), bytes_of_text("con=0") };
	struct request request = request_of(METHOD_GET, "/3/0/14");
	struct notification notification;
	int64_t next_ms;

	request.accept = FORMAT_TEXT;
	request.has_observe = true;
	request.token = bytes_of_text("t");
	request.queries = queries;
	request.query_count = 2;
	assert_int_equal(ask(desk, request), BAD_REQUEST);
	desk->device->servers.served->minor_version = 2;
	assert_int_equal(attributes(desk, "/3/0/14", "pmin=60", NULL), CHANGED);
	assert_int_equal(ask(desk, request), CONTENT);
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	assert_false(is_notified(desk));
	desk->device->now_ms += 5000;
	assert_true(observe_next(desk->device, desk->arena, &notification, &next_ms));
	assert_false(notification.is_confirmable);
	queries[0] = bytes_of_text("speed=5");
	assert_int_equal(ask(desk, request), BAD_REQUEST);
}

static void discovers_as_deep_as_asked(void **state)
{
	struct desk *desk = *state;
	struct bytes depth = bytes_of_text("depth=0");
	struct request request = request_of(METHOD_GET, "/3");

	request.accept = FORMAT_LINK;
	request.queries = &depth;
	request.query_count = 1;
	assert_int_equal(ask(desk, request), BAD_REQUEST);
	desk->device->servers.served->minor_version = 2;
	assert_int_equal(ask(desk, request), CONTENT);
	assert_text(desk, "</3>;ver=1.1");
	depth = bytes_of_text("depth=1");
	assert_int_equal(ask(desk, request), CONTENT);
	assert_text(desk, "</3>;ver=1.1,</3/0>");
	request.path = RESOURCE_PATH(3, 0, 6);
	assert_int_equal(ask(desk, request), CONTENT);
	assert_text(desk, "</3/0/6>;dim=2,</3/0/6/0>,</3/0/6/1>");
	depth = bytes_of_text("depth=4");
	assert_int_equal(ask(desk, request), BAD_REQUEST);
}

static void tells_a_quiet_change_only_to_who_watches_it(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(observe(desk, "/30401/0", FORMAT_TLV), CONTENT);
	device_changed(desk->device, RESOURCE_PATH(30401, 0, 18));
	assert_false(is_notified(desk));
	assert_int_equal(observe(desk, "/30401/0/18", FORMAT_TEXT), CONTENT);
	device_changed(desk->device, RESOURCE_PATH(30401, 0, 18));
	assert_true(is_notified(desk));
	assert_false(is_notified(desk));
}

static void cancels_by_token(void **state)
{
	struct desk *desk = *state;
	struct request cancel = request_of(METHOD_GET, "/3/0/14");

	assert_int_equal(observe(desk, "/3/0/14", FORMAT_TEXT), CONTENT);
	cancel.has_observe = true;
	cancel.observe = 1;
	cancel.token = bytes_of(&desk->next_token, 1);
	assert_int_equal(ask(desk, cancel), CONTENT);
	assert_false(desk->answer.is_observed);
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	assert_false(is_notified(desk));
}

static void observing_again_with_a_token_replaces(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(observe(desk, "/3/0/14", FORMAT_TEXT), CONTENT);
	desk->next_token--;
	assert_int_equal(observe(desk, "/3/0/15", FORMAT_TEXT), CONTENT);
	assert_int_equal(desk->device->servers.served->observations.count, 1);
	assert_int_equal(put_text(desk, "/3/0/14", "+01:00"), CHANGED);
	assert_false(is_notified(desk));
}

static void observes_composites(void **state)
{
	struct desk *desk = *state;
	struct request request = request_of(METHOD_FETCH, "/");

	/* /3/0/14 and /1/0/1 */
	request.content_format = FORMAT_SENML_CBOR;
	request.payload = hex(desk, "82A100672F332F302F3134A100662F312F302F31");
	request.has_observe = true;
	request.token = bytes_of("t", 1);
	assert_int_equal(ask(desk, request), CONTENT);
	assert_true(desk->answer.is_observed);
	assert_int_equal(put_text(desk, "/3/0/15", "Europe/Paris"), CHANGED);
	assert_false(is_notified(desk));
	assert_int_equal(put_text(desk, "/1/0/1", "70"), CHANGED);
	assert_true(is_notified(desk));
	assert_payload(desk, "82A321612F0066332F302F313403662B30303A3030A20065312F302F31021846");
	request.observe = 1;
	assert_int_equal(ask(desk, request), CONTENT);
	assert_int_equal(put_text(desk, "/1/0/1", "71"), CHANGED);
	assert_false(is_notified(desk));
}

static void says_that_an_observed_instance_is_gone(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")), CREATED);
	assert_int_equal(observe(desk, "/16/0", FORMAT_TLV), CONTENT);
	assert_int_equal(ask(desk, request_of(METHOD_DELETE, "/16/0")), DELETED);
	assert_true(is_notified(desk));
	assert_int_equal(desk->answer.code, NOT_FOUND);
}

/* ---- firmware ---- */

#define PACKAGE "VERSION 2.0.0\n"

static enum answer_code push(struct desk *desk, const char *package)
{
	return send(desk, METHOD_PUT, "/5/0/0", FORMAT_OPAQUE, bytes_of_text(package));
}

static void updates_its_firmware_by_push(void **state)
{
	struct desk *desk = *state;
	struct fault fault;

	assert_int_equal(execute(desk, "/5/0/2", NULL), METHOD_NOT_ALLOWED);
	assert_int_equal(push(desk, PACKAGE "abc"), CHANGED);
	assert_reads(desk, "/5/0/3", "2");
	assert_reads(desk, "/5/0/7", "2.0.0");
	assert_int_equal(push(desk, PACKAGE "def"), METHOD_NOT_ALLOWED);
	assert_int_equal(execute(desk, "/5/0/2", NULL), CHANGED);
	assert_reads(desk, "/5/0/3", "3");
	assert_true(device_step(desk->device, 1000) > 1000);
	device_step(desk->device, 10000);
	assert_int_equal(desk->device->wish, WISH_REBOOT);
	assert_int_equal(device_reboot(desk->device, &fault), ERR_NONE);
	assert_reads(desk, "/5/0/3", "0");
	assert_reads(desk, "/5/0/5", "1");
	assert_reads(desk, "/3/0/3", "2.0.0");
}

static void forgets_a_package_on_reset(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(push(desk, PACKAGE), CHANGED);
	assert_int_equal(send(desk, METHOD_PUT, "/5/0/0", FORMAT_OPAQUE, hex(desk, "00")), CHANGED);
	assert_reads(desk, "/5/0/3", "0");
}

static void says_what_is_wrong_with_a_package(void **state)
{
	static const struct {
		const char *package, *result;
	} rows[] = {
		{ "", "0" },
		{ "abc", "6" },
		{ "VERSION 2.0.0", "6" },
		{ "VERSION \n", "6" },
		{ "VERSION a version that is longer than 31\n", "6" },
		{ PACKAGE "SHA256 00\nabc", "5" },
		{ PACKAGE "SHA256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nabd",
		  "5" },
		{ PACKAGE "SHA256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nabc",
		  "0" },
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(push(desk, rows[i].package), CHANGED);
		assert_reads(desk, "/5/0/5", rows[i].result);
	}
	assert_reads(desk, "/5/0/3", "2");
}

static void wants_to_fetch_what_a_uri_names(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(put_text(desk, "/5/0/1", "http://example.com/fw"), CHANGED);
	assert_reads(desk, "/5/0/5", "9");
	assert_int_equal(put_text(desk, "/5/0/1", "coap://example.com/fw"), CHANGED);
	assert_reads(desk, "/5/0/3", "1");
	assert_int_not_equal(desk->device->firmware.fetch, 0);
	assert_int_equal(put_text(desk, "/5/0/1", "coap://example.com/other"), METHOD_NOT_ALLOWED);
	firmware_not_fetched(desk->device, FIRMWARE_CONNECTION_LOST);
	assert_reads(desk, "/5/0/3", "0");
	assert_reads(desk, "/5/0/5", "4");
	assert_int_equal(put_text(desk, "/5/0/1", ""), CHANGED);
	assert_reads(desk, "/5/0/5", "0");
	assert_int_equal(put_text(desk, "/5/0/1", "coap://example.com/fw"), CHANGED);
	firmware_fetched(desk->device, bytes_of_text(PACKAGE));
	assert_reads(desk, "/5/0/3", "2");
	assert_int_equal(execute(desk, "/5/0/10", NULL), CHANGED);
	assert_reads(desk, "/5/0/5", "10");
	assert_int_equal(execute(desk, "/5/0/10", NULL), METHOD_NOT_ALLOWED);
}

static void goes_on_fetching_after_a_restart(void **state)
{
	struct desk *desk = *state;
	struct fault fault;

	assert_int_equal(put_text(desk, "/5/0/1", "coap://example.com/fw"), CHANGED);
	assert_int_equal(device_reboot(desk->device, &fault), ERR_NONE);
	assert_reads(desk, "/5/0/3", "1");
	assert_int_not_equal(desk->device->firmware.fetch, 0);
}

/* ---- secure element ---- */

/* Target, request id 1 and a script with GET DATA of an unknown tag, in one write of the instance. */
#define WRITE_SCRIPT                                                                                         \
	"C80617"                                                                                             \
	"2F2F6169642F413030303030303135312F303030303030"                                                     \
	"C10701"                                                                                             \
	"C80909"                                                                                             \
	"AA07220580CA5F5000"

static void runs_a_script_by_its_resources(void **state)
{
	struct desk *desk = *state;
	int64_t now_ms = 1000;

	assert_int_equal(execute(desk, "/30401/0/17", NULL), METHOD_NOT_ALLOWED);
	assert_int_equal(observe(desk, "/30401/0/15", FORMAT_TEXT), CONTENT);
	assert_int_equal(send(desk, METHOD_POST, "/30401/0", FORMAT_TLV, hex(desk, WRITE_SCRIPT)), CHANGED);
	assert_true(is_notified(desk));
	assert_text(desk, "2");
	assert_int_equal(execute(desk, "/30401/0/17", NULL), CHANGED);
	assert_reads(desk, "/30401/0/15", "3");
	while ((now_ms = device_step(desk->device, now_ms)) >= 0 && desk->device->agents[0].run != NULL)
		desk->device->now_ms = now_ms;
	assert_true(is_notified(desk));
	assert_text(desk, "4");
	assert_reads(desk, "/30401/0/13", "1");
	assert_reads(desk, "/30401/0/14", "1");
	assert_reads(desk, "/30401/0/27", "1");
	assert_int_equal(get(desk, "/30401/0/12", FORMAT_OPAQUE), CONTENT);
	assert_payload(desk, "AB0780010123026A88");
	assert_int_equal(execute(desk, "/30401/0/19", "0='2'"), BAD_REQUEST);
	assert_int_equal(execute(desk, "/30401/0/19", "0='1'"), CHANGED);
	assert_reads(desk, "/30401/0/15", "0");
	assert_int_equal(get(desk, "/30401/0/12", FORMAT_OPAQUE), CONTENT);
	assert_payload(desk, "");
	assert_int_equal(execute(desk, "/30401/0/11", NULL), CHANGED);
	assert_reads(desk, "/30401/0/27", "0");
}

static void never_shows_the_request(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(send(desk, METHOD_POST, "/30401/0", FORMAT_TLV, hex(desk, WRITE_SCRIPT)), CHANGED);
	assert_int_equal(get(desk, "/30401/0/9", FORMAT_OPAQUE), METHOD_NOT_ALLOWED);
	assert_int_equal(get(desk, "/30401/0", FORMAT_TLV), CONTENT);
	assert_null(strstr(bytes_to_hex(desk->arena, desk->answer.payload), "80CA5F5000"));
}

static void has_one_instance_per_secure_element(void **state)
{
	struct desk *desk = *state;

	reopen(desk, "--se-count=3");
	assert_int_equal(get(desk, "/30401/2/0", FORMAT_TEXT), CONTENT);
	assert_int_equal(get(desk, "/30401/3/0", FORMAT_TEXT), NOT_FOUND);
	assert_string_not_equal(desk->device->agents[0].identifier, desk->device->agents[1].identifier);
}

/* ---- memory ---- */

static void keeps_what_was_written_over_a_restart(void **state)
{
	struct desk *desk = *state;
	char folder[] = "/tmp/device-objects-XXXXXX", word[60], command[80];

	assert_non_null(mkdtemp(folder));
	snprintf(word, sizeof(word), "--state=%s", folder);
	reopen(desk, word);
	assert_int_equal(put_text(desk, "/1/0/1", "77"), CHANGED);
	assert_int_equal(send(desk, METHOD_POST, "/16", FORMAT_TLV, hex(desk, "8300410078")), CREATED);
	assert_int_equal(send(desk, METHOD_POST, "/30401/0", FORMAT_TLV, hex(desk, WRITE_SCRIPT)), CHANGED);
	reopen(desk, word);
	assert_reads(desk, "/1/0/1", "77");
	assert_reads(desk, "/16/0/0/0", "x");
	assert_reads(desk, "/30401/0/15", "2");
	assert_int_equal(execute(desk, "/3/0/5", NULL), CHANGED);
	assert_reads(desk, "/1/0/1", "86400");
	assert_int_equal(get(desk, "/16/0", FORMAT_TLV), NOT_FOUND);
	reopen(desk, NULL);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_as_the_table_of_codes_says),
		TEST(knows_no_senml_in_version_1_0),
		TEST(reads_on_every_level),
		TEST(writes_one_resource_in_every_format),
		TEST(writes_all_of_an_instance_or_nothing),
		TEST(a_replacing_write_takes_away_what_it_does_not_name),
		TEST(refuses_values_of_the_wrong_shape),
		TEST(sets_its_clock),
		TEST(reads_and_writes_composites),
		TEST(a_patch_removes_an_instance_but_not_the_last),
		TEST(creates_and_deletes_portfolios),
		TEST(a_replacing_write_replaces_the_whole_array),
		TEST(takes_no_more_instances_than_it_has_room_for),
		TEST(discovers_with_attributes),
		TEST(evaluates_no_more_often_than_it_shall),
		TEST(tells_one_edge_of_a_boolean),
		TEST(an_observation_has_attributes_of_its_own),
		TEST(discovers_as_deep_as_asked),
		TEST(refuses_attributes_that_make_no_sense),
		TEST(notifies_of_changes_and_of_nothing_else),
		TEST(notifies_of_changes_below),
		TEST(honours_the_shortest_and_the_longest_period),
		TEST(takes_the_periods_of_the_server_object),
		TEST(honours_thresholds_and_steps),
		TEST(tells_a_quiet_change_only_to_who_watches_it),
		TEST(cancels_by_token),
		TEST(observing_again_with_a_token_replaces),
		TEST(observes_composites),
		TEST(says_that_an_observed_instance_is_gone),
		TEST(updates_its_firmware_by_push),
		TEST(forgets_a_package_on_reset),
		TEST(says_what_is_wrong_with_a_package),
		TEST(wants_to_fetch_what_a_uri_names),
		TEST(goes_on_fetching_after_a_restart),
		TEST(runs_a_script_by_its_resources),
		TEST(never_shows_the_request),
		TEST(has_one_instance_per_secure_element),
		TEST(keeps_what_was_written_over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
