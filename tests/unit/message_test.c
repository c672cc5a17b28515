#include "coap_lab.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"

static int open_lab(void **state)
{
	const struct endpoint_settings settings = lab_settings();

	*state = lab_open(&settings);
	return 0;
}

static int close_lab(void **state)
{
	lab_close(*state);
	return 0;
}

#define REQUEST "44 02 12 34 A1 A2 A3 A4 B2 \"rd\" 47 \"ep=dev1\" FF \"</1>\""
#define ANSWER  "64 44 12 34 A1 A2 A3 A4"

static void confirmable_request_is_answered_in_its_ack(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	const struct coap_address address = device_address(lab, device);

	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	assert_int_equal(lab->request.code, COAP_POST);
	assert_string_equal(lab->request.path, "rd");
	assert_string_equal(lab->request.query, "ep=dev1");
	assert_string_equal(lab->request.identity, "");
	assert_memory_equal(lab->request.body, "</1>", 4);
	assert_true(coap_address_equal(&lab->request.from, &address));
	close(device);
}

static void answer_carries_location_and_payload(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.code = COAP_CODE(2, 1);
	lab->answer.path[0] = bytes_of_text("rd");
	lab->answer.path[1] = bytes_of_text("5a3f");
	lab->answer.path_count = 2;
	lab->answer.content_format = 40;
	lab->answer.has_max_age = true;
	lab->answer.max_age_s = 300;
	lab->answer.payload = bytes_of_text("hello");
	device_send(device, REQUEST);
	device_expect(lab, device,
		      "64 41 12 34 A1 A2 A3 A4 82 \"rd\" 04 \"5a3f\" 41 28 22 01 2C FF \"hello\"");
	close(device);
}

static void non_confirmable_request_gets_a_non_confirmable_answer(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, "52 02 12 34 A1 A2 B2 \"rd\"");
	device_expect(lab, device, "52 44 ?? ?? A1 A2");
	device_send(device, "52 02 12 34 A1 A2 B2 \"rd\"");
	device_expect_nothing(lab, device, 30);
	assert_int_equal(lab->request.count, 1);
	close(device);
}

static void duplicate_gets_the_same_answer_and_is_not_seen_again(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	lab->answer.code = COAP_CODE(4, 0);
	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	assert_int_equal(lab->request.count, 1);
	assert_int_equal(endpoint_counts(lab->endpoint).duplicates, 1);
	close(device);
}

static void duplicate_of_a_long_answer_is_the_same_too(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.payload = bytes_of_text("longer than what fits into the peer itself");
	for (int i = 0; i < 2; i++) {
		device_send(device, REQUEST);
		device_expect(lab, device, ANSWER " FF \"longer than what fits into the peer itself\"");
	}
	assert_int_equal(lab->request.count, 1);
	close(device);
}

static void same_message_id_of_another_peer_is_no_duplicate(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab), other = device_open(lab);

	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	device_send(other, REQUEST);
	device_expect(lab, other, ANSWER);
	assert_int_equal(lab->request.count, 2);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 2);
	close(device);
	close(other);
}

static void slow_answer_is_acknowledged_and_sent_separately(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->is_silent = true;
	device_send(device, REQUEST);
	device_expect(lab, device, "60 00 12 34");
	device_send(device, REQUEST);
	device_expect(lab, device, "60 00 12 34"); /* its duplicate */
	endpoint_reply(lab->endpoint, lab->request.reply, &lab->answer);
	struct bytes answer = device_expect(lab, device, "44 44 ?? ?? A1 A2 A3 A4");
	const uint8_t acknowledgement[] = { 0x60, 0, answer.at[2], answer.at[3] };
	device_expect(lab, device, "44 44 ?? ?? A1 A2 A3 A4"); /* until it is acknowledged */
	assert_int_equal(send(device, acknowledgement, sizeof(acknowledgement), 0), sizeof(acknowledgement));
	device_expect_nothing(lab, device, 250);
	assert_int_equal(endpoint_counts(lab->endpoint).retransmissions, 1);
	assert_int_equal(lab->request.count, 1);
	close(device);
}

static void second_reply_to_a_request_does_nothing(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	endpoint_reply(lab->endpoint, lab->request.reply, &lab->answer);
	endpoint_reply(lab->endpoint, 0, &lab->answer);
	endpoint_reply(lab->endpoint, UINT64_MAX, &lab->answer);
	device_expect_nothing(lab, device, 30);
	close(device);
}

static void ping_is_answered_without_a_peer(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, "40 00 12 34");
	device_expect(lab, device, "70 00 12 34");
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	close(device);
}

static void malformed_message_is_reset_without_a_peer(void **state)
{
	static const char *const messages[] = {
		"49 01 12 34 01 02 03 04 05 06 07 08 09", /* token of 9 */
		"44 01 12 34 A1 A2",                      /* token past the end */
		"40 01 12 34 B5 \"rd\"",                  /* option past the end */
		"40 01 12 34 F0",                         /* reserved delta */
		"40 01 12 34 BF",                         /* reserved length */
		"40 01 12 34 B2 \"rd\" FF",               /* marker without payload */
		"40 00 12 34 FF",                         /* empty message with something */
		"41 00 12 34 A1",
		"40 20 12 34",                   /* class 1 */
		"40 E1 12 34",                   /* class 7: signalling of TCP */
		"40 01 12 34 E0 FF 00 E0 FF 00", /* option number past 65535 */
	};
	struct lab *lab = *state;
	int device = device_open(lab);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		device_send(device, messages[i]);
		device_expect(lab, device, "70 00 12 34");
	}
	assert_int_equal(endpoint_counts(lab->endpoint).malformed, sizeof(messages) / sizeof(messages[0]));
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	assert_int_equal(lab->request.count, 0);
	close(device);
}

static void what_is_no_coap_is_ignored(void **state)
{
	static const char *const messages[] = {
		"40",          "40 01 12",       "80 01 12 34",    "00 01 12 34",
		"C0 01 12 34", "16 FE FD 00 00", "50 01 12 34 FF", /* a malformed one that is not confirmable
								    */
		"50 00 12 34", "60 01 12 34",    "60 00 12 34",    "70 00 12 34",
		"70 01 12 34", "60 45 12 34",    "50 45 12 34",
	};
	struct lab *lab = *state;
	int device = device_open(lab);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		device_send(device, messages[i]);
	device_expect_nothing(lab, device, 30);
	assert_int_equal(endpoint_counts(lab->endpoint).received, sizeof(messages) / sizeof(messages[0]));
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	close(device);
}

static void critical_option_that_is_unknown_is_refused(void **state)
{
	static const char *const messages[] = {
		"40 01 12 34 D0 00",                /* 13 is critical */
		"40 01 12 35 10",                   /* If-Match */
		"40 01 12 36 B1 \"a\" 63 00 00 10", /* Accept of 3 bytes */
		"40 01 12 37 D1 04 32 01 32",       /* Accept twice */
		"40 02 12 38 D1 0E 07",             /* Block1 of size exponent 7 */
	};
	struct lab *lab = *state;
	int device = device_open(lab);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		device_send(device, messages[i]);
		device_expect(lab, device, "60 82 12 ??");
	}
	assert_int_equal(lab->request.count, 0);
	close(device);
}

static void elective_option_that_is_unknown_is_skipped(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, "40 01 12 34 21 00 91 \"a\" 13 00 00 01 D1 00 55"); /* 2, path, a long format, 25
										   is critical */
	device_expect(lab, device, "60 82 12 34");
	device_send(device, "40 01 12 35 21 00 91 \"a\" 13 00 00 01 D1 01 55"); /* 26 */
	device_expect(lab, device, "60 44 12 35");
	assert_string_equal(lab->request.path, "a");
	assert_int_equal(lab->request.content_format, COAP_NO_FORMAT);
	close(device);
}

static void we_are_no_proxy(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, "40 01 12 34 D7 16 \"coap://\"");
	device_expect(lab, device, "60 A5 12 34");
	device_send(device, "40 08 12 35");
	device_expect(lab, device, "60 85 12 35"); /* nor is there a method 8 */
	assert_int_equal(lab->request.count, 0);
	close(device);
}

static void too_many_peers_are_told_when_to_come_back(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.max_peers = 2;
	struct lab *lab = lab_open(&settings);
	int devices[3];

	for (int i = 0; i < 3; i++) {
		devices[i] = device_open(lab);
		device_send(devices[i], REQUEST);
		device_expect(lab, devices[i], i < 2 ? ANSWER : "64 A3 12 34 A1 A2 A3 A4 D1 01 1E");
	}
	device_send(devices[0], "40 02 77 77 B2 \"rd\"");
	device_expect(lab, devices[0], "60 44 77 77"); /* those who are there go on */
	assert_int_equal(endpoint_counts(lab->endpoint).refused, 1);
	for (int i = 0; i < 3; i++)
		close(devices[i]);
	lab_close(lab);
}

static void silent_peer_makes_room_for_a_new_one(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.max_peers = 2;
	struct lab *lab = lab_open(&settings);
	int busy = device_open(lab), silent = device_open(lab), device = device_open(lab);

	lab->endpoint->peer_spare_s = 1;
	device_send(silent, REQUEST);
	device_expect(lab, silent, ANSWER);
	lab->is_silent = true;
	device_send(busy, REQUEST);
	device_expect(lab, busy, "60 00 12 34");
	lab->is_silent = false;
	device_send(device, REQUEST);
	device_expect(lab, device, "64 A3 12 34 A1 A2 A3 A4 D1 01 1E"); /* not yet */
	lab_turn_for(lab, 2000);
	device_send(device, "40 02 77 77 B2 \"rd\"");
	device_expect(lab, device, "60 44 77 77");
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 2);
	device_send(busy, REQUEST);
	device_expect(lab, busy, "60 00 12 34"); /* one with an open request stays */
	close(busy);
	close(silent);
	close(device);
	lab_close(lab);
}

static void too_many_open_requests_are_refused(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	unsigned busy = 0;

	lab->is_silent = true;
	for (char digit = '0'; digit <= '9'; digit++) {
		char request[] = "40 02 12 0? B2 \"rd\"";
		request[10] = digit;
		device_send(device, request);
	}
	lab_until(lab, lab->request.count + endpoint_counts(lab->endpoint).refused == 10);
	busy = (unsigned)endpoint_counts(lab->endpoint).refused;
	assert_int_equal(busy, 2);
	close(device);
}

static void silent_peer_is_forgotten(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->endpoint->peer_idle_s = 1;
	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	lab_until(lab, endpoint_counts(lab->endpoint).peers == 0);
	close(device);
}

static void datagram_that_is_too_long_is_counted(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	uint8_t datagram[3000] = { 0x40, 1, 0x12, 0x34, 0xFF };

	assert_int_equal(send(device, datagram, sizeof(datagram), 0), sizeof(datagram));
	lab_until(lab, endpoint_counts(lab->endpoint).malformed == 1);
	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	close(device);
}

static void port_that_is_taken_is_a_conflict(void **state)
{
	struct lab *lab = *state;
	struct endpoint_settings settings = lab_settings();
	const struct endpoint_handlers handlers = { 0 };
	struct endpoint *second = NULL;
	struct fault fault = { 0 };
	char listen[COAP_ADDRESS_TEXT_SIZE], list[2 * COAP_ADDRESS_TEXT_SIZE];

	snprintf(list, sizeof(list), "127.0.0.1:0,%s", coap_address_print(&lab->server, listen));
	settings.coap_listen = list;
	assert_int_equal(endpoint_create(lab->loop, &settings, &handlers, &second, &fault), ERR_CONFLICT);
	assert_null(second);
	assert_non_null(strstr(fault.text, listen));
}

static void one_socket_serves_both_families_from_the_address_spoken_to(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.coap_listen = "[::]:0";
	struct lab *lab = lab_open(&settings);
	if (lab->server.any.sa_family == AF_INET) {
		print_message("SKIPPED: this system has no IPv6\n");
		lab_close(lab);
		skip();
	}
	const in_port_t port = lab->server.v6.sin6_port;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = port,
				  .sin_addr.s_addr = htonl(0x7F000005) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_port = port,
				    .sin6_addr = in6addr_loopback };
	int device = socket(AF_INET, SOCK_DGRAM, 0), device6 = socket(AF_INET6, SOCK_DGRAM, 0);

	/* A connected socket hears only from 127.0.0.5. */
	assert_int_equal(connect(device, (void *)&to, sizeof(to)), 0);
	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	const struct coap_address address = device_address(lab, device);
	assert_true(coap_address_equal(&lab->request.from, &address));

	assert_int_equal(connect(device6, (void *)&to6, sizeof(to6)), 0);
	device_send(device6, REQUEST);
	device_expect(lab, device6, ANSWER);
	const struct coap_address address6 = device_address(lab, device6);
	assert_true(coap_address_equal(&lab->request.from, &address6));
	close(device);
	close(device6);
	lab_close(lab);
}

static void answer_to_nobody_disturbs_nobody(void **state)
{
	struct lab *lab = *state;
	int gone = device_open(lab), device = device_open(lab);

	lab->is_silent = true;
	device_send(gone, REQUEST);
	lab_until(lab, lab->request.count == 1);
	close(gone);
	for (int i = 0; i < 3; i++) {
		endpoint_reply(lab->endpoint, lab->request.reply,
			       &lab->answer); /* the kernel says: port unreachable */
		lab_turn_for(lab, 5);
	}
	lab->is_silent = false;
	device_send(device, REQUEST);
	device_expect(lab, device, ANSWER);
	close(device);
}

static void more_than_a_batch_is_answered(void **state)
{
	struct lab *lab = *state;
	int devices[60];

	for (int i = 0; i < 60; i++) {
		devices[i] = device_open(lab);
		device_send(devices[i], REQUEST);
		device_send(devices[i], "40 02 77 77 B2 \"rd\"");
		device_send(devices[i], "40 00 77 78");
	}
	for (int i = 0; i < 60; i++) {
		device_expect(lab, devices[i], ANSWER);
		device_expect(lab, devices[i], "60 44 77 77");
		device_expect(lab, devices[i], "70 00 77 78");
		close(devices[i]);
	}
	assert_int_equal(endpoint_counts(lab->endpoint).sent, 180);
}

static void bad_settings_are_named(void **state)
{
	static const struct {
		const char *listen;
		uint32_t block_size;
		const char *reason;
	} rows[] = {
		{ "127.0.0.1", 64, "'127.0.0.1'" }, { "127.0.0.1:0,,127.0.0.1:0", 64, "''" },
		{ "127.0.0.1:70000", 64, "70000" }, { "", 100, "block size 100" },
		{ "", 8, "block size 8" },          { "", 2048, "block size 2048" },
	};
	struct lab *lab = *state;
	const struct endpoint_handlers handlers = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint_settings settings = lab_settings();
		struct endpoint *endpoint = NULL;
		struct fault fault = { 0 };
		settings.coap_listen = rows[i].listen;
		settings.block_size = rows[i].block_size;
		assert_int_equal(endpoint_create(lab->loop, &settings, &handlers, &endpoint, &fault),
				 ERR_MALFORMED);
		assert_non_null(strstr(fault.text, rows[i].reason));
	}
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(confirmable_request_is_answered_in_its_ack),
		IN_LAB(answer_carries_location_and_payload),
		IN_LAB(non_confirmable_request_gets_a_non_confirmable_answer),
		IN_LAB(duplicate_gets_the_same_answer_and_is_not_seen_again),
		IN_LAB(duplicate_of_a_long_answer_is_the_same_too),
		IN_LAB(same_message_id_of_another_peer_is_no_duplicate),
		IN_LAB(slow_answer_is_acknowledged_and_sent_separately),
		IN_LAB(second_reply_to_a_request_does_nothing),
		IN_LAB(ping_is_answered_without_a_peer),
		IN_LAB(malformed_message_is_reset_without_a_peer),
		IN_LAB(what_is_no_coap_is_ignored),
		IN_LAB(critical_option_that_is_unknown_is_refused),
		IN_LAB(elective_option_that_is_unknown_is_skipped),
		IN_LAB(we_are_no_proxy),
		cmocka_unit_test(too_many_peers_are_told_when_to_come_back),
		cmocka_unit_test(silent_peer_makes_room_for_a_new_one),
		IN_LAB(too_many_open_requests_are_refused),
		IN_LAB(silent_peer_is_forgotten),
		IN_LAB(datagram_that_is_too_long_is_counted),
		IN_LAB(port_that_is_taken_is_a_conflict),
		cmocka_unit_test(one_socket_serves_both_families_from_the_address_spoken_to),
		IN_LAB(answer_to_nobody_disturbs_nobody),
		IN_LAB(more_than_a_batch_is_answered),
		IN_LAB(bad_settings_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
