/* The endpoint against libcoap, which did not learn from us what blocks and observations are. */
#include "coap_lab.h"

#include <coap3/coap.h>
#include <string.h>

#include "endpoint.h"

#define LONG  5000
#define TOKEN UINT64_C(0x0102030405060708)

/* A device made of libcoap: a client of ours and a server for us. */
struct device {
	coap_context_t *context;
	coap_session_t *session;
	coap_resource_t *resource;
	struct coap_address address;
	uint8_t content[LONG]; /* of its resource */
	size_t content_len;
	unsigned code;      /* of the last answer to it */
	uint8_t body[LONG]; /* of the last answer, or of the last PUT */
	size_t body_len;
	unsigned puts;
};

static void fill(uint8_t *at, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(seed + i * 7 + i / 251);
}

static void keep_body(struct device *device, const coap_pdu_t *pdu)
{
	const uint8_t *data;
	size_t len, offset, total;

	device->body_len = 0;
	if (coap_get_data_large(pdu, &len, &data, &offset, &total) == 1) {
		assert_int_equal(offset, 0);
		assert_int_equal(len, total);
		assert_true(len <= sizeof(device->body));
		memcpy(device->body, data, len);
		device->body_len = len;
	}
}

static coap_response_t on_answer(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
				 const coap_mid_t mid)
{
	struct device *device = coap_get_app_data(coap_session_get_context(session));

	device->code = coap_pdu_get_code(received);
	keep_body(device, received);
	return COAP_RESPONSE_OK;
}

static void on_get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		   const coap_string_t *query, coap_pdu_t *response)
{
	struct device *device = coap_resource_get_userdata(resource);

	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
	coap_add_data_large_response(resource, session, request, response, query,
				     COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 0, device->content_len,
				     device->content, NULL, NULL);
}

static void on_put(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		   const coap_string_t *query, coap_pdu_t *response)
{
	struct device *device = coap_resource_get_userdata(resource);

	device->puts++;
	keep_body(device, request);
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

struct pair {
	struct lab *lab;
	struct device device;
};

static int open_pair(void **state)
{
	static struct pair pair;
	const struct endpoint_settings settings = lab_settings();
	struct device *device = &pair.device;
	coap_address_t server;

	memset(&pair, 0, sizeof(pair));
	pair.lab = lab_open(&settings);
	device->context = coap_new_context(NULL);
	coap_context_set_block_mode(device->context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
	coap_set_app_data(device->context, device);
	coap_register_response_handler(device->context, on_answer);
	device->resource = coap_resource_init(coap_make_str_const("3/0"), 0);
	coap_resource_set_userdata(device->resource, device);
	coap_resource_set_get_observable(device->resource, 1);
	coap_register_handler(device->resource, COAP_REQUEST_GET, on_get);
	coap_register_handler(device->resource, COAP_REQUEST_PUT, on_put);
	coap_add_resource(device->context, device->resource);
	coap_address_init(&server);
	server.size = sizeof(pair.lab->server.v4);
	server.addr.sin = pair.lab->server.v4;
	device->session = coap_new_client_session(device->context, NULL, &server, COAP_PROTO_UDP);
	assert_non_null(device->session);
	device->address.v4 = coap_session_get_addr_local(device->session)->addr.sin;
	*state = &pair;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *pair = *state;

	coap_session_release(pair->device.session);
	coap_free_context(pair->device.context);
	lab_close(pair->lab);
	return 0;
}

#define pair_until(pair, condition)                                                                          \
	do {                                                                                                 \
		for (int turn_ = 0; !(condition); turn_++) {                                                 \
			assert_true(turn_ < 3000);                                                           \
			coap_io_process((pair)->device.context, COAP_IO_NO_WAIT);                            \
			assert_int_equal(loop_turn((pair)->lab->loop, 1), ERR_NONE);                         \
		}                                                                                            \
	} while (0)

/* ---- the device asks ---- */

static void send_from_device(struct pair *pair, coap_pdu_code_t code, const uint8_t *body, size_t len)
{
	struct device *device = &pair->device;
	coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, code, device->session);
	uint8_t token[8];
	size_t token_len;

	coap_session_new_token(device->session, &token_len, token);
	coap_add_token(pdu, token_len, token);
	coap_add_option(pdu, COAP_OPTION_URI_PATH, 2, (const uint8_t *)"dp");
	if (len > 0)
		assert_int_equal(coap_add_data_large_request(device->session, pdu, len, body, NULL, NULL), 1);
	assert_int_not_equal(coap_send(device->session, pdu), COAP_INVALID_MID);
	pair_until(pair, device->code != 0);
}

static void long_request_of_libcoap_arrives_whole(void **state)
{
	struct pair *pair = *state;
	uint8_t body[LONG];

	fill(body, sizeof(body), 1);
	send_from_device(pair, COAP_REQUEST_CODE_POST, body, sizeof(body));
	assert_int_equal(pair->device.code, COAP_RESPONSE_CODE_CHANGED);
	assert_int_equal(pair->lab->request.count, 1);
	assert_int_equal(pair->lab->request.body_len, sizeof(body));
	assert_memory_equal(pair->lab->request.body, body, sizeof(body));
}

static void long_answer_reaches_libcoap_whole(void **state)
{
	struct pair *pair = *state;
	static uint8_t body[LONG];

	fill(body, sizeof(body), 2);
	pair->lab->answer.code = COAP_CODE(2, 5);
	pair->lab->answer.payload = bytes_of(body, sizeof(body));
	send_from_device(pair, COAP_REQUEST_CODE_GET, NULL, 0);
	assert_int_equal(pair->device.code, COAP_RESPONSE_CODE_CONTENT);
	assert_int_equal(pair->lab->request.count, 1);
	assert_int_equal(pair->device.body_len, sizeof(body));
	assert_memory_equal(pair->device.body, body, sizeof(body));
}

static void too_long_request_of_libcoap_is_refused(void **state)
{
	struct pair *pair = *state;
	static uint8_t body[40000];

	send_from_device(pair, COAP_REQUEST_CODE_POST, body, sizeof(body));
	assert_int_equal(pair->device.code, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
	assert_int_equal(pair->lab->request.count, 0);
}

/* ---- the device is asked ---- */

static void ask_device(struct pair *pair, uint8_t code, bool observes, struct bytes payload)
{
	const struct coap_message request = {
		.code = code,
		.path = { bytes_of_text("3"), bytes_of_text("0") },
		.path_count = 2,
		.content_format = code == COAP_PUT ? 42 : COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_observe = observes,
		.payload = payload,
	};

	assert_int_equal(exchange_start(pair->lab->endpoint, &pair->device.address, "", &request, TOKEN, lab_done,
					pair->lab, 1, NULL),
			 ERR_NONE);
	pair_until(pair, pair->lab->result.count == 1);
	assert_int_equal(pair->lab->result.err, ERR_NONE);
}

static void short_and_long_answers_of_libcoap_come_whole(void **state)
{
	static const size_t lengths[] = { 0, 1, 63, 64, 65, 128, 129, LONG };
	struct pair *pair = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair->lab->result.count = 0;
		pair->device.content_len = lengths[i];
		fill(pair->device.content, lengths[i], (unsigned)i);
		ask_device(pair, COAP_GET, false, bytes_of(NULL, 0));
		assert_int_equal(pair->lab->result.code, COAP_CODE(2, 5));
		assert_int_equal(pair->lab->result.body_len, lengths[i]);
		assert_memory_equal(pair->lab->result.body, pair->device.content, lengths[i]);
	}
}

static void short_and_long_requests_reach_libcoap_whole(void **state)
{
	static const size_t lengths[] = { 1, 64, 65, 128, LONG };
	struct pair *pair = *state;
	uint8_t body[LONG];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair->lab->result.count = 0;
		fill(body, lengths[i], (unsigned)i);
		ask_device(pair, COAP_PUT, false, bytes_of(body, lengths[i]));
		assert_int_equal(pair->lab->result.code, COAP_CODE(2, 4));
		assert_int_equal(pair->device.puts, i + 1);
		assert_int_equal(pair->device.body_len, lengths[i]);
		assert_memory_equal(pair->device.body, body, lengths[i]);
	}
}

static void notifications_of_libcoap_come_whole(void **state)
{
	static const size_t lengths[] = { 10, LONG, 64, 1000 };
	struct pair *pair = *state;

	pair->lab->observed_token = TOKEN;
	pair->device.content_len = 5;
	ask_device(pair, COAP_GET, true, bytes_of(NULL, 0));
	assert_true(pair->lab->result.has_observe);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair->device.content_len = lengths[i];
		fill(pair->device.content, lengths[i], i + 50);
		assert_int_equal(coap_resource_notify_observers(pair->device.resource, NULL), 1);
		pair_until(pair, pair->lab->notification.count == i + 1);
		assert_true(pair->lab->notification.has_observe);
		assert_int_equal(pair->lab->notification.body_len, lengths[i]);
		assert_memory_equal(pair->lab->notification.body, pair->device.content, lengths[i]);
	}
	assert_int_equal(pair->lab->result.count, 1);
}

static void long_first_answer_of_an_observation_comes_whole(void **state)
{
	struct pair *pair = *state;

	pair->lab->observed_token = TOKEN;
	pair->device.content_len = LONG;
	fill(pair->device.content, LONG, 3);
	ask_device(pair, COAP_GET, true, bytes_of(NULL, 0));
	assert_true(pair->lab->result.has_observe);
	assert_int_equal(pair->lab->result.body_len, LONG);
	pair->device.content_len = 20;
	assert_int_equal(coap_resource_notify_observers(pair->device.resource, NULL), 1);
	pair_until(pair, pair->lab->notification.count == 1);
	assert_int_equal(pair->lab->notification.body_len, 20);
}

static void observation_that_nobody_wants_ends(void **state)
{
	struct pair *pair = *state;

	pair->device.content_len = 5;
	ask_device(pair, COAP_GET, true, bytes_of(NULL, 0));
	assert_int_equal(coap_resource_notify_observers(pair->device.resource, NULL), 1);
	const uint64_t sent = endpoint_counts(pair->lab->endpoint).sent;
	pair_until(pair, endpoint_counts(pair->lab->endpoint).sent == sent + 1); /* RST */
	pair_until(pair, coap_resource_notify_observers(pair->device.resource, NULL) == 0);
	assert_int_equal(pair->lab->notification.count, 0);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(long_request_of_libcoap_arrives_whole),
		WITH_PAIR(long_answer_reaches_libcoap_whole),
		WITH_PAIR(too_long_request_of_libcoap_is_refused),
		WITH_PAIR(short_and_long_answers_of_libcoap_come_whole),
		WITH_PAIR(short_and_long_requests_reach_libcoap_whole),
		WITH_PAIR(notifications_of_libcoap_come_whole),
		WITH_PAIR(long_first_answer_of_an_observation_comes_whole),
		WITH_PAIR(observation_that_nobody_wants_ends),
	};

	coap_startup();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	coap_cleanup();
	return failed;
}
