/* The bootstrap server against devices that speak CoAP themselves: the sequence, the pack, and what goes
 * wrong. */
#include "registry_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "bootstrap_session.h"
#include "format.h"
#include "vault.h"
#include "work.h"

#define KEK     "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define NOTHING bytes_of(NULL, 0)
#define ONE     "{\"servers\":[{\"shortServerId\":101,\"uri\":\"coap://a\",\"security\":{\"mode\":\"nosec\"}}]"
#define KEYED                                                                                                \
	"{\"servers\":[{\"shortServerId\":101,\"uri\":\"coaps://a\",\"security\":{\"mode\":\"psk\","         \
	"\"generate\":true}}]}"

struct bench {
	struct registry_lab *lab; /* devices speak to the bootstrap server instead of the registry */
	struct vault *vault;
	struct work_pool *workers;
	struct credentials *credentials;
	struct bootstrap *bootstrap;
	struct endpoint *endpoint;
	struct arena *arena;
	struct lab_device device;
};

static int open_with(void **state, uint32_t deadline_ms, size_t max_at_once)
{
	static struct bench bench;
	const struct endpoint_settings settings = {
		.coap_listen = "127.0.0.1:0",
		.coaps_listen = "",
		.ack_timeout_ms = 50,
		.max_retransmit = 1,
		.block_size = 1024,
		.max_body_bytes = 65536,
		.max_peers = 64,
	};
	struct bootstrap_parts parts = { .deadline_ms = deadline_ms, .max_at_once = max_at_once };
	struct endpoint_handlers handlers;
	struct fault fault = { 0 };

	bench = (struct bench){ .arena = arena_create(0) };
	assert_int_equal(registry_lab_open((void **)&bench.lab), 0);
	assert_int_equal(vault_open("", KEK, &bench.vault, NULL), ERR_NONE);
	assert_int_equal(work_pool_create(bench.lab->loop, 1, 16, NULL, &bench.workers), ERR_NONE);
	assert_int_equal(credentials_create(&bench.credentials), ERR_NONE);
	parts.loop = bench.lab->loop;
	parts.store = bench.lab->store;
	parts.vault = bench.vault;
	parts.workers = bench.workers;
	parts.model = bench.lab->model;
	parts.events = bench.lab->events;
	parts.credentials = bench.lab->credentials;
	parts.bootstrap_credentials = bench.credentials;
	assert_int_equal(bootstrap_create(&parts, &bench.bootstrap), ERR_NONE);
	handlers = bootstrap_handlers(bench.bootstrap);
	if (endpoint_create(bench.lab->loop, &settings, &handlers, &bench.endpoint, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	bootstrap_attach(bench.bootstrap, bench.endpoint);
	assert_int_equal(coap_address_parse(strstr(endpoint_listening(bench.endpoint, 0), "//") + 2,
					    &bench.lab->server),
			 ERR_NONE);
	bench.device = device_open(bench.lab);
	*state = &bench;
	return 0;
}

static int open_bench(void **state)
{
	return open_with(state, BOOTSTRAP_DEADLINE_MS, 4);
}

static int open_hasty_bench(void **state)
{
	return open_with(state, 60, 1);
}

static int close_bench(void **state)
{
	struct bench *bench = *state;
	void *lab = bench->lab;

	device_close(&bench->device);
	bootstrap_attach(bench->bootstrap, NULL);
	endpoint_free(bench->endpoint);
	work_pool_free(bench->workers);
	bootstrap_free(bench->bootstrap);
	credentials_free(bench->credentials);
	vault_close(bench->vault);
	arena_free(bench->arena);
	return registry_lab_close(&lab);
}

static void configure(struct bench *bench, const char *endpoint, const char *document)
{
	struct bootstrap_row row = { .endpoint = endpoint, .document = "{}" };

	assert_int_equal(
		bootstrap_seal(bench->vault, bench->arena, endpoint, bytes_of_text(document), &row.sealed),
		ERR_NONE);
	assert_int_equal(store_put_bootstrap(bench->lab->store, &row, (struct store_done){ 0 }), ERR_NONE);
}

static uint8_t ask(struct bench *bench, uint8_t method, const char *target)
{
	return device_ask(bench->lab, &bench->device, method, target, COAP_NO_FORMAT, NOTHING);
}

static void await(struct bench *bench, uint8_t method, const char *path)
{
	device_await(bench->lab, &bench->device);
	assert_int_equal(bench->device.message.code, method);
	assert_string_equal(device_path(&bench->device), path);
}

static void answer(struct bench *bench, uint8_t code)
{
	device_answer(&bench->device, code, -1, COAP_NO_FORMAT, NOTHING);
}

static void answer_discover(struct bench *bench, const char *links)
{
	await(bench, COAP_GET, "");
	assert_int_equal(bench->device.message.accept, FORMAT_LINK);
	device_answer(&bench->device, COAP_CODE(2, 5), -1, FORMAT_LINK, bytes_of_text(links));
}

/* The records of the write that came last. */
static struct lwm2m_records written(struct bench *bench, struct lwm2m_path path)
{
	const struct coap_message *message = &bench->device.message;
	const struct format *format = format_find(message->content_format);
	struct lwm2m_records records = { .count = 0 };
	struct fault fault = { 0 };

	assert_non_null(format);
	if (format->read(bench->arena, bench->lab->model, path, message->payload, &records, &fault) !=
	    ERR_NONE)
		fail_msg("%s", fault.text);
	return records;
}

static void await_event(struct bench *bench, const char *type)
{
	lab_until(bench->lab, bench->lab->event_count > 0);
	assert_string_equal(bench->lab->event_type, type);
}

static void expect_in_event(const struct bench *bench, const char *text)
{
	if (strstr(bench->lab->event_json, text) == NULL)
		fail_msg("%s is not in %s", text, bench->lab->event_json);
}

/* ---- the sequence ---- */

static void writes_accounts_beside_the_bootstrap_servers(void **state)
{
	struct bench *bench = *state;
	struct lwm2m_records records;

	configure(bench, "a", ONE ",\"objects\":[{\"path\":\"/11/3\",\"resources\":{\"0\":\"apn\"}}]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=7;uri=\"coap://x\",</1/0>;ssid=7,</3/0>");
	await(bench, COAP_DELETE, "");
	answer(bench, COAP_CODE(2, 2));
	await(bench, COAP_PUT, "0/1");
	assert_int_equal(bench->device.message.content_format, FORMAT_TLV);
	records = written(bench, LWM2M_INSTANCE(0, 1));
	assert_int_equal(records.count, 7);
	assert_true(bytes_equal_text(lwm2m_bytes(records, LWM2M_RESOURCE(0, 1, 0)), "coap://a"));
	assert_false(lwm2m_boolean(records, LWM2M_RESOURCE(0, 1, 1), true));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(0, 1, 2), -1), 3);
	assert_int_equal(lwm2m_bytes(records, LWM2M_RESOURCE(0, 1, 5)).len, 0);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(0, 1, 10), -1), 101);
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/0");
	records = written(bench, LWM2M_INSTANCE(1, 0));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(1, 0, 0), -1), 101);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(1, 0, 1), -1), 86400);
	assert_true(bytes_equal_text(lwm2m_bytes(records, LWM2M_RESOURCE(1, 0, 7)), "U"));
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "11/3");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_POST, "bs");
	assert_int_equal(bench->device.message.payload.len, 0);
	assert_int_equal(bench->lab->event_count, 0);
	answer(bench, COAP_CODE(2, 4));
	await_event(bench, "bootstrap.finished");
	expect_in_event(bench, "\"endpoint\":\"a\"");
}

/* Nothing is deleted here: the account of the same server is written over, another one's instance left alone.
 */
static void a_repeated_bootstrap_writes_to_the_same_instances(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE ",\"delete\":[]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench,
			"lwm2m=\"1.0\",</0/2>,</0/0>;ssid=7,</0/4>;ssid=101,</1/0>;ssid=7,</1/1>;ssid=8");
	await(bench, COAP_PUT, "0/4");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/2");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_POST, "bs");
}

static void a_device_without_discover_keeps_its_instance_0(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE ",\"delete\":[\"/0\",\"/1\"]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	await(bench, COAP_GET, "");
	answer(bench, COAP_CODE(5, 1));
	await(bench, COAP_DELETE, "0");
	answer(bench, COAP_CODE(2, 2));
	await(bench, COAP_DELETE, "1");
	answer(bench, COAP_CODE(4, 4)); /* there is none */
	await(bench, COAP_PUT, "0/1");
}

static void writes_access_control_and_reads_it_back(void **state)
{
	struct bench *bench = *state;
	struct lwm2m_path right = LWM2M_RESOURCE(2, 0, 2);
	static const uint8_t tlv[] = { 0xC1, 0x00, 0x03 };
	struct lwm2m_records records;

	right.resource_instance = 101;
	right.depth = 4;
	configure(bench, "a",
		  ONE ",\"delete\":[],\"read\":[\"/2/0\",\"/"
		      "1\"],\"acl\":[{\"object\":3,\"instance\":0,\"owner\":101,"
		      "\"rights\":{\"101\":15}}]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</>;lwm2m=1.1,</0/0>");
	await(bench, COAP_PUT, "0/1");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/0");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "2/0");
	records = written(bench, LWM2M_INSTANCE(2, 0));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(2, 0, 0), -1), 3);
	assert_int_equal(lwm2m_integer(records, right, -1), 15);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(2, 0, 3), -1), 101);
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_GET, "2/0");
	device_answer(&bench->device, COAP_CODE(2, 5), -1, FORMAT_TLV, bytes_of(tlv, sizeof(tlv)));
	await(bench, COAP_GET, "1");
	answer(bench, COAP_CODE(4, 5)); /* that is no reason to fail */
	await(bench, COAP_POST, "bs");
	answer(bench, COAP_CODE(2, 4));
	await_event(bench, "bootstrap.finished");
	expect_in_event(bench, "{\"path\":\"/2/0\",\"code\":\"2.05\",\"resources\":[{\"path\":\"/2/0/0\"");
	expect_in_event(bench, "{\"path\":\"/1\",\"code\":\"4.05\",\"resources\":[]}");
}

static void discovers_afterwards_when_told_to(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE ",\"delete\":[],\"read\":[\"/\"]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</>;lwm2m=1.1,</0/0>");
	await(bench, COAP_PUT, "0/1");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/0");
	answer(bench, COAP_CODE(2, 4));
	answer_discover(bench, "</0/1>;ssid=101;uri=\"coap://a\"");
	await(bench, COAP_POST, "bs");
	answer(bench, COAP_CODE(2, 4));
	await_event(bench, "bootstrap.finished");
	expect_in_event(bench, "\"read\":[{\"path\":\"/\",\"code\":\"2.05\","
			       "\"links\":\"</0/1>;ssid=101;uri=\\\"coap://a\\\"\"}]");
}

static void the_default_is_for_those_without_their_own(void **state)
{
	struct bench *bench = *state;

	configure(bench, "", ONE ",\"delete\":[]}");
	configure(bench, "b", ONE ",\"delete\":[\"/5\"]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_PUT, "0/1");
	answer(bench, COAP_CODE(4, 0));
	await_event(bench, "bootstrap.failed");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=b"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_DELETE, "5");
}

/* ---- formats ---- */

static void the_preferred_format_comes_first(void **state)
{
	struct bench *bench = *state;
	struct lwm2m_records records;

	configure(bench, "a", ONE ",\"delete\":[]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a&pct=112"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_PUT, "0/1");
	assert_int_equal(bench->device.message.content_format, FORMAT_SENML_CBOR);
	records = written(bench, LWM2M_INSTANCE(0, 1));
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(0, 1, 10), -1), 101);
	/* Then what others take, and the one that was taken first from now on. */
	answer(bench, COAP_CODE(4, 15));
	await(bench, COAP_PUT, "0/1");
	assert_int_equal(bench->device.message.content_format, FORMAT_TLV);
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/0");
	assert_int_equal(bench->device.message.content_format, FORMAT_TLV);
}

static void other_formats_are_refused(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE "}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a&pct=0"), COAP_CODE(4, 15));
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a&pct=99999"), COAP_CODE(4, 15));
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a&pct=cbor"), COAP_CODE(4, 0));
}

/* ---- requests that are refused ---- */

static void a_request_needs_a_device_that_is_known(void **state)
{
	struct bench *bench = *state;
	const struct secret key = { .len = 16 };

	assert_int_equal(ask(bench, COAP_POST, "/bs"), COAP_CODE(4, 0));
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a&ep=b"), COAP_CODE(4, 0));
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(4, 0));
	assert_true(
		bytes_equal_text(bench->device.message.payload, "there is no configuration for this device"));
	assert_int_equal(ask(bench, COAP_GET, "/bs?ep=a"), COAP_CODE(4, 5));
	assert_int_equal(ask(bench, COAP_POST, "/rd?ep=a"), COAP_CODE(4, 4));
	configure(bench, "a", ONE "}");
	assert_int_equal(credentials_put_psk(bench->credentials, "a", "id", &key), ERR_NONE);
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(4, 0));
	device_expect_nothing(bench->lab, &bench->device, 50);
	assert_int_equal(bench->lab->event_count, 0);
}

static void no_key_leaves_without_security(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", KEYED);
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(4, 0));
	assert_int_equal(ask(bench, COAP_GET, "/bspack?ep=a"), COAP_CODE(4, 1));
	assert_false(credentials_has(bench->lab->credentials, "a"));
}

static void a_configuration_of_another_row_is_refused(void **state)
{
	struct bench *bench = *state;
	struct bootstrap_row row = { .endpoint = "a", .document = "{}" };

	assert_int_equal(bootstrap_seal(bench->vault, bench->arena, "b", bytes_of_text(ONE "}"), &row.sealed),
			 ERR_NONE);
	assert_int_equal(store_put_bootstrap(bench->lab->store, &row, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(4, 0));
}

/* ---- what goes wrong ---- */

static void a_refused_write_fails_with_its_reason(void **state)
{
	struct bench *bench = *state;
	struct bootstrap_outcome_row outcome;

	configure(bench, "a", ONE ",\"delete\":[]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_PUT, "0/1");
	device_answer(&bench->device, COAP_CODE(4, 0), -1, COAP_NO_FORMAT, bytes_of_text("no room"));
	await_event(bench, "bootstrap.failed");
	expect_in_event(bench, "\"step\":\"write\",\"path\":\"/0/1\",\"code\":\"4.00\"");
	expect_in_event(bench, "\"reason\":\"the device refused: no room\"");
	assert_int_equal(store_read_bootstrap_outcome(bench->lab->store, bench->arena, "a", &outcome),
			 ERR_NONE);
	assert_string_equal(outcome.json, bench->lab->event_json);
	device_expect_nothing(bench->lab, &bench->device, 50);
}

static void an_inconsistent_configuration_fails_at_the_finish(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE ",\"delete\":[]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_PUT, "0/1");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_PUT, "1/0");
	answer(bench, COAP_CODE(2, 4));
	await(bench, COAP_POST, "bs");
	answer(bench, COAP_CODE(4, 6));
	await_event(bench, "bootstrap.failed");
	expect_in_event(bench, "\"step\":\"finish\"");
	expect_in_event(bench, "inconsistent");
}

static void a_silent_device_fails_at_the_step_it_was_at(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE "}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await_event(bench, "bootstrap.failed");
	expect_in_event(bench, "\"step\":\"delete\",\"path\":\"/\"");
	expect_in_event(bench, "the device did not answer");
	assert_null(strstr(bench->lab->event_json, "\"code\""));
}

static void a_device_that_begins_anew_gets_everything_anew(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE ",\"delete\":[]}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	await(bench, COAP_GET, "");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	assert_string_equal(bench->lab->event_type, "bootstrap.failed");
	expect_in_event(bench, "began anew");
	do
		device_await(bench->lab, &bench->device);
	while (strcmp(device_path(&bench->device), "") != 0);
	device_answer(&bench->device, COAP_CODE(2, 5), -1, FORMAT_LINK, bytes_of_text("</0/0>"));
	await(bench, COAP_PUT, "0/1");
}

static void the_whole_has_a_deadline(void **state)
{
	struct bench *bench = *state;

	configure(bench, "a", ONE "}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	await_event(bench, "bootstrap.failed");
	expect_in_event(bench, "\"step\":\"deadline\"");
}

static void too_many_at_once_are_told_to_wait(void **state)
{
	struct bench *bench = *state;
	struct lab_device other = device_open(bench->lab);

	configure(bench, "", ONE "}");
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	assert_int_equal(device_ask(bench->lab, &other, COAP_POST, "/bs?ep=b", COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(5, 3));
	assert_true(other.message.has_max_age);
	device_close(&other);
}

/* ---- the pack ---- */

/* An address that has answered is no forged one: it gets more than a few bytes at once. */
static void answer_once(struct bench *bench)
{
	assert_int_equal(ask(bench, COAP_POST, "/bs?ep=a"), COAP_CODE(2, 4));
	answer_discover(bench, "</0/0>");
	await(bench, COAP_DELETE, "");
	answer(bench, COAP_CODE(4, 0));
	await_event(bench, "bootstrap.failed");
	bench->lab->event_count = 0;
}

static void a_pack_holds_it_all(void **state)
{
	struct bench *bench = *state;
	const struct lwm2m_path root = { .depth = 0 };
	struct lwm2m_records records;

	configure(bench, "a", ONE "}");
	answer_once(bench);
	assert_int_equal(ask(bench, COAP_GET, "/bspack?ep=a&acc=</0/0>,</0/1>"), COAP_CODE(2, 5));
	assert_int_equal(bench->device.message.content_format, FORMAT_SENML_CBOR);
	records = written(bench, root);
	assert_int_equal(records.count, 11);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(0, 2, 10), -1), 101);
	assert_int_equal(lwm2m_integer(records, LWM2M_RESOURCE(1, 0, 0), -1), 101);
	await_event(bench, "bootstrap.finished");
	expect_in_event(bench, "\"interface\":\"pack\"");
	device_expect_nothing(bench->lab, &bench->device, 50);
}

static void a_pack_that_cannot_be_had_has_its_code(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(ask(bench, COAP_GET, "/bspack"), COAP_CODE(4, 0));
	assert_int_equal(ask(bench, COAP_GET, "/bspack?ep=a"), COAP_CODE(4, 4));
	assert_int_equal(ask(bench, COAP_POST, "/bspack?ep=a"), COAP_CODE(4, 5));
	configure(bench, "a", ONE "}");
	assert_int_equal(ask(bench, COAP_GET, "/bspack?ep=a&acc=x"), COAP_CODE(4, 0));
}

/* As it would come over DTLS; the answer goes nowhere, but the key is the server's before that. */
static void a_pack_with_a_new_key_makes_it_the_servers(void **state)
{
	struct bench *bench = *state;
	const struct coap_address from = { .is_secure = true };
	struct coap_message message = {
		.code = COAP_GET,
		.path = { bytes_of_text("bspack") },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};
	const struct coap_request request = {
		.message = &message, .from = &from, .identity = "a", .arena = bench->arena
	};
	struct secret first;

	configure(bench, "a", KEYED);
	bootstrap_serve(bench->bootstrap, &request);
	await_event(bench, "bootstrap.finished");
	assert_true(credentials_has(bench->lab->credentials, "a"));
	first = *credentials_key(bench->lab->credentials, "a");
	assert_int_equal(first.len, 16);

	/* Another time, another key. */
	bench->lab->event_count = 0;
	bootstrap_serve(bench->bootstrap, &request);
	await_event(bench, "bootstrap.finished");
	assert_false(bytes_equal(secret_bytes(&first),
				 secret_bytes(credentials_key(bench->lab->credentials, "a"))));
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(writes_accounts_beside_the_bootstrap_servers),
		IN_BENCH(a_repeated_bootstrap_writes_to_the_same_instances),
		IN_BENCH(a_device_without_discover_keeps_its_instance_0),
		IN_BENCH(writes_access_control_and_reads_it_back),
		IN_BENCH(discovers_afterwards_when_told_to),
		IN_BENCH(the_default_is_for_those_without_their_own),
		IN_BENCH(the_preferred_format_comes_first),
		IN_BENCH(other_formats_are_refused),
		IN_BENCH(a_request_needs_a_device_that_is_known),
		IN_BENCH(no_key_leaves_without_security),
		IN_BENCH(a_configuration_of_another_row_is_refused),
		IN_BENCH(a_refused_write_fails_with_its_reason),
		IN_BENCH(an_inconsistent_configuration_fails_at_the_finish),
		IN_BENCH(a_silent_device_fails_at_the_step_it_was_at),
		IN_BENCH(a_device_that_begins_anew_gets_everything_anew),
		cmocka_unit_test_setup_teardown(the_whole_has_a_deadline, open_hasty_bench, close_bench),
		cmocka_unit_test_setup_teardown(too_many_at_once_are_told_to_wait, open_hasty_bench,
						close_bench),
		IN_BENCH(a_pack_holds_it_all),
		IN_BENCH(a_pack_that_cannot_be_had_has_its_code),
		IN_BENCH(a_pack_with_a_new_key_makes_it_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
