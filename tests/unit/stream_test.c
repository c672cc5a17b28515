/* Connections, byte by byte: what a device may say, and what it is told when it may not. */
#include "coap_lab.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "stream.h"

/* Max-Message-Size 32768, Block-Wise-Transfer */
#define OUR_CSM "40 E1 22 80 00 20"
#define CSM     "00 E1"

static int open_lab(void **state)
{
	struct endpoint_settings settings = lab_settings();

	settings.coap_listen = "";
	settings.tcp_listen = "127.0.0.1:0";
	*state = lab_open(&settings);
	return 0;
}

static int close_lab(void **state)
{
	lab_close(*state);
	return 0;
}

/* A connection, of which the server has accepted nothing yet. */
static int connect_device(const struct lab *lab)
{
	int device = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(device >= 0);
	assert_int_equal(connect(device, &lab->server.any, sizeof(lab->server.v4)), 0);
	return device;
}

/* As many bytes as the text says, and those. */
static void expect(struct lab *lab, int device, const char *hex)
{
	uint8_t wanted[4096], got[4096];
	const size_t len = lab_bytes(hex, wanted, sizeof(wanted));
	size_t at = 0;

	while (at < len) {
		struct pollfd poll_fd = { .fd = device, .events = POLLIN };
		lab_until(lab, poll(&poll_fd, 1, 0) == 1);
		ssize_t count = recv(device, got + at, len - at, 0);
		if (count <= 0)
			fail_msg("closed after %zu of %s", at, hex);
		at += (size_t)count;
	}
	for (size_t i = 0; i < len; i++)
		if (got[i] != wanted[i])
			fail_msg("byte %zu is %02X, not as in %s", i, got[i], hex);
}

static void expect_end(struct lab *lab, int device)
{
	struct pollfd poll_fd = { .fd = device, .events = POLLIN };
	uint8_t byte;

	lab_until(lab, poll(&poll_fd, 1, 0) == 1);
	assert_true(recv(device, &byte, 1, 0) <= 0);
}

/* Abort with a text, then the end. */
static void expect_abort(struct lab *lab, int device, const char *text)
{
	char hex[300];
	const size_t len = strlen(text) + 1;

	if (len < 13)
		snprintf(hex, sizeof(hex), "%zX0 E5 FF \"%s\"", len, text);
	else
		snprintf(hex, sizeof(hex), "D0 %02zX E5 FF \"%s\"", len - 13, text);
	expect(lab, device, hex);
	expect_end(lab, device);
	close(device);
	lab_until(lab, endpoint_counts(lab->endpoint).connections == 0);
}

static int open_device(struct lab *lab)
{
	int device = connect_device(lab);

	expect(lab, device, OUR_CSM);
	device_send(device, CSM);
	return device;
}

#define REGISTER "D4 01 02 A1 A2 A3 A4 B2 \"rd\" 47 \"ep=dev1\" FF \"</\""
#define ANSWER   "04 44 A1 A2 A3 A4"

static void a_request_is_answered_under_its_token(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, REGISTER);
	expect(lab, device, ANSWER);
	assert_int_equal(lab->request.code, COAP_POST);
	assert_string_equal(lab->request.path, "rd");
	assert_string_equal(lab->request.query, "ep=dev1");
	assert_memory_equal(lab->request.body, "</", 2);
	assert_true(lab->request.from.is_stream);
	assert_string_equal(coap_address_scheme(&lab->request.from), "coap+tcp");
	close(device);
}

static void an_answer_may_come_late_and_in_any_order(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);
	uint64_t first;

	lab->is_silent = true;
	device_send(device, "01 01 A1 01 01 A2");
	lab_until(lab, lab->request.count == 2);
	first = lab->request.reply;
	endpoint_reply(lab->endpoint, first, &lab->answer);
	expect(lab, device, "01 44 A2");
	close(device);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct lab *lab = *state;
	int device = connect_device(lab);
	uint8_t bytes[64];
	const size_t len = lab_bytes(CSM REGISTER "01 01 A9", bytes, sizeof(bytes));

	expect(lab, device, OUR_CSM);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(send(device, bytes + i, 1, 0), 1);
		lab_turn_for(lab, 1);
	}
	expect(lab, device, ANSWER "01 44 A9");
	close(device);
}

static void bytes_may_be_split_anywhere(void **state)
{
	struct lab *lab = *state;
	uint8_t bytes[64];
	const size_t len = lab_bytes(CSM REGISTER "01 01 A9", bytes, sizeof(bytes));

	for (size_t split = 1; split < len; split++) {
		int device = connect_device(lab);

		expect(lab, device, OUR_CSM);
		assert_int_equal(send(device, bytes, split, 0), split);
		lab_turn_for(lab, 1);
		assert_int_equal(send(device, bytes + split, len - split, 0), len - split);
		expect(lab, device, ANSWER "01 44 A9");
		close(device);
		lab_until(lab, endpoint_counts(lab->endpoint).connections == 0);
	}
}

static void pipelined_requests_wait_until_some_are_answered(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);
	uint64_t replies[20];

	lab->is_silent = true;
	for (int i = 0; i < 20; i++)
		device_send(device, "01 01 A1");
	for (unsigned i = 0; i < 20; i++) {
		if (i < 8)
			lab_until(lab, lab->request.count == 8);
		else
			lab_until(lab, lab->request.count == i + 1);
		replies[i] = lab->request.reply;
		if (i < 7)
			continue;
		endpoint_reply(lab->endpoint, replies[i], &lab->answer);
		expect(lab, device, "01 44 A1");
	}
	assert_int_equal(endpoint_counts(lab->endpoint).refused, 0);
	close(device);
}

static void the_csm_comes_first(void **state)
{
	struct lab *lab = *state;
	int device = connect_device(lab);

	expect(lab, device, OUR_CSM);
	device_send(device, REGISTER);
	expect_abort(lab, device, "the first message is not a CSM");
	assert_int_equal(lab->request.count, 0);
}

static void a_message_above_our_maximum_aborts(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, "F0 00 00 00 00 02");
	expect_abort(lab, device, "a message is longer than Max-Message-Size");
}

static void a_token_that_is_too_long_aborts(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, "09 01 01 02 03 04 05 06 07 08 09");
	expect_abort(lab, device, "a token is longer than 8 bytes");
}

static void a_malformed_message_aborts(void **state)
{
	struct lab *lab = *state;
	static const char *const messages[] = {
		"10 01 F0",    /* an option of a reserved length */
		"10 01 FF",    /* a marker without a payload */
		"20 01 15 61", /* says 5, holds 1 */
		"00 20",       /* class 1 */
		"00 C0",       /* class 6 */
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		int device = open_device(lab);
		device_send(device, messages[i]);
		expect_abort(lab, device, "a message is malformed");
	}
}

static void a_bad_csm_option_is_named(void **state)
{
	struct lab *lab = *state;
	int device = connect_device(lab);

	expect(lab, device, OUR_CSM);
	device_send(device, "10 E1 70");
	expect(lab, device, "D0 2B E5 21 07 FF \"a critical option of a signaling message is not known\"");
	expect_end(lab, device);
	close(device);
}

static void an_empty_message_is_passed_over(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, "00 00");
	device_send(device, REGISTER);
	expect(lab, device, ANSWER);
	close(device);
}

static void ping_is_answered_with_its_token(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, "02 E2 A1 A2");
	expect(lab, device, "02 E3 A1 A2");
	device_send(device, "10 E2 20");
	expect(lab, device, "10 E3 20");
	close(device);
}

static void pong_with_custody_waits_for_the_answers(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	lab->is_silent = true;
	device_send(device, "01 01 A1 11 E2 B1 20 01 01 A2");
	lab_until(lab, lab->request.count == 1);
	device_expect_nothing(lab, device, 20);
	endpoint_reply(lab->endpoint, lab->request.reply, &lab->answer);
	expect(lab, device, "01 44 A1 11 E3 B1 20");
	lab_until(lab, lab->request.count == 2);
	close(device);
}

static void release_ends_after_the_answers(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	lab->is_silent = true;
	device_send(device, "01 01 A1 00 E4");
	lab_until(lab, lab->request.count == 1);
	device_expect_nothing(lab, device, 20);
	endpoint_reply(lab->endpoint, lab->request.reply, &lab->answer);
	expect(lab, device, "01 44 A1");
	expect_end(lab, device);
	close(device);
	lab_until(lab, lab->lost.count == 1);
}

static void abort_of_the_device_ends_at_once(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);

	device_send(device, "00 E5");
	expect_end(lab, device);
	assert_int_equal(lab->lost.count, 1);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	close(device);
}

/* ---- our requests ---- */

static const struct coap_message read_3_0 = {
	.code = COAP_GET,
	.path = { { (const uint8_t *)"3", 1 }, { (const uint8_t *)"0", 1 } },
	.path_count = 2,
	.content_format = COAP_NO_FORMAT,
	.accept = COAP_NO_FORMAT,
};

static enum err ask(struct lab *lab, const struct coap_message *request)
{
	return exchange_start(lab->endpoint, &lab->request.from, "", request, 0x0102030405060708, lab_done,
			      lab, 1, NULL);
}

#define TOKEN "01 02 03 04 05 06 07 08"

static int registered_device(struct lab *lab)
{
	int device = open_device(lab);

	device_send(device, REGISTER);
	expect(lab, device, ANSWER);
	return device;
}

static void a_request_to_a_device_is_answered_by_token(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);

	assert_int_equal(ask(lab, &read_3_0), ERR_NONE);
	expect(lab, device, "48 01 " TOKEN " B1 \"3\" 01 \"0\"");
	device_send(device, "68 45 " TOKEN " FF \"hello\"");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_memory_equal(lab->result.body, "hello", 5);
	close(device);
}

static void a_long_payload_goes_in_one_message_when_the_device_takes_it(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);
	struct coap_message write = read_3_0;
	static uint8_t payload[2000], got[2000 + 32];

	memset(payload, 'x', sizeof(payload));
	device_send(device, "40 E1 23 01 00 00"); /* 65536 */
	lab_turn_for(lab, 5);
	write.code = COAP_PUT;
	write.payload = bytes_of(payload, sizeof(payload));
	assert_int_equal(ask(lab, &write), ERR_NONE);
	/* 269 + 0x06C8 = 2005: two options of 2 bytes, the marker, the payload */
	expect(lab, device, "E8 06 C8 03 " TOKEN " B1 \"3\" 01 \"0\" FF");
	size_t len = 0;
	while (len < sizeof(payload)) {
		struct pollfd poll_fd = { .fd = device, .events = POLLIN };
		lab_until(lab, poll(&poll_fd, 1, 0) == 1);
		len += (size_t)recv(device, got, sizeof(payload) - len, 0);
	}
	device_send(device, "08 44 " TOKEN);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.code, COAP_CODE(2, 4));
	close(device);
}

static void a_long_answer_is_cut_for_a_device_that_takes_no_more(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);
	static uint8_t payload[1100];

	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.payload = bytes_of(payload, sizeof(payload));
	device_send(device, "01 01 A1"); /* blocks of 64: ETag, Block2, Size2 */
	expect(lab, device, "D1 43 45 A1 48");
	close(device);
}

static void notifications_come_in_order_whatever_their_number(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);
	struct coap_message observe = read_3_0;
	uint32_t last = 0;

	observe.has_observe = true;
	lab->observed_token = 0x0102030405060708;
	assert_int_equal(ask(lab, &observe), ERR_NONE);
	expect(lab, device, "58 01 " TOKEN " 60 51 \"3\" 01 \"0\"");
	device_send(device, "48 45 " TOKEN " 60 FF \"ab\"");
	lab_until(lab, lab->result.count == 1);
	for (unsigned i = 1; i <= 3; i++) {
		device_send(device, "48 45 " TOKEN " 60 FF \"cd\"");
		lab_until(lab, lab->notification.count == i);
		assert_true(lab->notification.observe > last);
		last = lab->notification.observe;
	}
	close(device);
}

static void nobody_answers_a_notification_that_is_not_wanted(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);

	device_send(device, "38 45 " TOKEN " 60 FF 01");
	device_expect_nothing(lab, device, 20);
	close(device);
}

static void what_is_under_way_fails_with_the_connection(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);

	assert_int_equal(ask(lab, &read_3_0), ERR_NONE);
	close(device);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_UNAVAILABLE);
	assert_int_equal(lab->lost.count, 1);
	assert_true(coap_address_equal(&lab->lost.from, &lab->request.from));
	assert_int_equal(ask(lab, &read_3_0), ERR_UNAVAILABLE);
}

static void a_device_that_takes_but_does_not_answer_is_told_apart(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);

	assert_int_equal(ask(lab, &read_3_0), ERR_NONE);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_TIMEOUT);
	assert_true(lab->result.was_acknowledged);
	close(device);
}

static void release_is_said_when_the_server_stops(void **state)
{
	struct lab *lab = *state;
	int device = registered_device(lab);

	lab_restart(lab);
	expect(lab, device, "00 E4");
	expect_end(lab, device);
	close(device);
}

/* ---- blocks ---- */

static void blocks_of_any_number_of_kilobytes_are_put_together(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);
	uint8_t message[2200];
	size_t len;

	/* PUT, Block1 number 0, more, exponent 7, with two blocks; then number 2, the last, with one byte */
	len = lab_bytes("E1 06 F8 03 A1 D1 0E 0F FF", message, sizeof(message));
	memset(message + len, 'x', 2048);
	message[1] = (uint8_t)((3 + 1 + 2048 - 269) >> 8);
	message[2] = (uint8_t)(3 + 1 + 2048 - 269);
	assert_int_equal(send(device, message, len + 2048, 0), len + 2048);
	expect(lab, device, "31 5F A1 D1 0E 0F");
	device_send(device, "51 03 A1 D1 0E 27 FF 79");
	expect(lab, device, "31 44 A1 D1 0E 27");
	assert_int_equal(lab->request.body_len, 2049);
	assert_int_equal(lab->request.body[2048], 'y');
	close(device);
}

/* ---- bounds ---- */

static void connections_are_bounded(void **state)
{
	struct lab *lab = *state;
	int devices[9];

	for (size_t i = 0; i < 8; i++)
		devices[i] = open_device(lab);
	devices[8] = connect_device(lab);
	expect_end(lab, devices[8]);
	assert_int_equal(endpoint_counts(lab->endpoint).connections, 8);
	assert_int_equal(endpoint_counts(lab->endpoint).refused, 1);
	for (size_t i = 0; i < 9; i++)
		close(devices[i]);
}

static void who_says_nothing_makes_room(void **state)
{
	struct lab *lab = *state;
	int silent, device;

	lab->endpoint->handshakes_max = 1;
	silent = connect_device(lab);
	expect(lab, silent, OUR_CSM);
	device = open_device(lab);
	expect_end(lab, silent);
	device_send(device, REGISTER);
	expect(lab, device, ANSWER);
	close(silent);
	close(device);
}

static void a_device_that_does_not_read_is_not_read_from(void **state)
{
	struct lab *lab = *state;
	int device = open_device(lab);
	static uint8_t payload[30000];
	int small = 65536;
	unsigned served;

	setsockopt(device, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	device_send(device, "40 E1 23 80 00 00"); /* takes 8 MB */
	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.payload = bytes_of(payload, sizeof(payload));
	for (int i = 0; i < 300; i++)
		device_send(device, "01 01 A1");
	do { /* what the kernel takes on the way grows for a while */
		served = lab->request.count;
		lab_turn_for(lab, 50);
	} while (lab->request.count != served);
	assert_true(served < 300);
	assert_true(lab->endpoint->body_bytes < 1 << 20);
	for (size_t len = 0; lab->request.count < 300 || len < 300 * sizeof(payload);) {
		static uint8_t got[65536];
		ssize_t count = recv(device, got, sizeof(got), MSG_DONTWAIT);
		len += count > 0 ? (size_t)count : 0;
		assert_int_equal(loop_turn(lab->loop, 0), ERR_NONE);
	}
	close(device);
}

static void who_does_not_begin_is_told_and_left(void **state)
{
	struct lab *lab = *state;
	int device;

	lab->endpoint->stream_begin_ms = 20;
	device = connect_device(lab);
	expect(lab, device, OUR_CSM);
	expect_abort(lab, device, "no CSM has come");
}

static void a_message_that_does_not_end_is_not_waited_for(void **state)
{
	struct lab *lab = *state;
	int device;

	lab->endpoint->stream_message_ms = 30;
	device = open_device(lab);
	device_send(device, "D4 01 02 A1"); /* as long as nothing is begun it may be silent */
	expect_abort(lab, device, "a message takes too long");
}

static void a_device_between_its_messages_is_left_alone(void **state)
{
	struct lab *lab = *state;
	int device;

	lab->endpoint->stream_begin_ms = lab->endpoint->stream_message_ms = 20;
	device = registered_device(lab);
	device_expect_nothing(lab, device, 60);
	device_send(device, REGISTER);
	expect(lab, device, ANSWER);
	close(device);
}

static void who_takes_nothing_for_long_is_left(void **state)
{
	struct lab *lab = *state;
	static uint8_t payload[30000];
	int device, small = 65536;

	lab->endpoint->stream_stalled_ms = 60;
	device = open_device(lab);
	setsockopt(device, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	device_send(device, "40 E1 23 80 00 00");
	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.payload = bytes_of(payload, sizeof(payload));
	for (int i = 0; i < 300; i++)
		device_send(device, "01 01 A1");
	lab_until(lab, lab->lost.count == 1);
	assert_int_equal(endpoint_counts(lab->endpoint).connections, 0);
	assert_true(lab->endpoint->body_bytes == 0);
	close(device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lab, close_lab)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_under_its_token),
		TEST(an_answer_may_come_late_and_in_any_order),
		TEST(bytes_may_come_one_by_one),
		TEST(bytes_may_be_split_anywhere),
		TEST(pipelined_requests_wait_until_some_are_answered),
		TEST(the_csm_comes_first),
		TEST(a_message_above_our_maximum_aborts),
		TEST(a_token_that_is_too_long_aborts),
		TEST(a_malformed_message_aborts),
		TEST(a_bad_csm_option_is_named),
		TEST(an_empty_message_is_passed_over),
		TEST(ping_is_answered_with_its_token),
		TEST(pong_with_custody_waits_for_the_answers),
		TEST(release_ends_after_the_answers),
		TEST(abort_of_the_device_ends_at_once),
		TEST(a_request_to_a_device_is_answered_by_token),
		TEST(a_long_payload_goes_in_one_message_when_the_device_takes_it),
		TEST(a_long_answer_is_cut_for_a_device_that_takes_no_more),
		TEST(notifications_come_in_order_whatever_their_number),
		TEST(nobody_answers_a_notification_that_is_not_wanted),
		TEST(what_is_under_way_fails_with_the_connection),
		TEST(a_device_that_takes_but_does_not_answer_is_told_apart),
		TEST(release_is_said_when_the_server_stops),
		TEST(blocks_of_any_number_of_kilobytes_are_put_together),
		TEST(connections_are_bounded),
		TEST(who_says_nothing_makes_room),
		TEST(a_device_that_does_not_read_is_not_read_from),
		TEST(who_does_not_begin_is_told_and_left),
		TEST(a_message_that_does_not_end_is_not_waited_for),
		TEST(a_device_between_its_messages_is_left_alone),
		TEST(who_takes_nothing_for_long_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
