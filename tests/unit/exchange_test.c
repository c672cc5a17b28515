#include "coap_lab.h"

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

static struct coap_message get_3_0(void)
{
	return (struct coap_message){
		.code = COAP_GET,
		.path = { bytes_of_text("3"), bytes_of_text("0") },
		.path_count = 2,
		.content_format = COAP_NO_FORMAT,
		.accept = 11542,
	};
}

/* A request with token 0102030405060708, or the number given. */
static void ask(struct lab *lab, int device, uint64_t token, uint64_t id)
{
	const struct coap_address to = device_address(lab, device);
	const struct coap_message request = get_3_0();
	uint64_t used = 0;

	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, token, lab_done, lab, id, &used),
			 ERR_NONE);
	assert_int_equal(used, token);
}

#define TOKEN_A        UINT64_C(0x0102030405060708)
#define TOKEN_B        UINT64_C(0x1112131415161718)
#define A              "01 02 03 04 05 06 07 08"
#define B              "11 12 13 14 15 16 17 18"
#define GET_3_0(token) "48 01 ?? ?? " token " B1 \"3\" 01 \"0\" 62 2D 16 61 02"

static uint16_t mid_of(struct bytes datagram)
{
	return (uint16_t)(datagram.at[2] << 8 | datagram.at[3]);
}

static void answer(int device, const char *type_and_code, uint16_t mid, const char *rest)
{
	char hex[1024];

	snprintf(hex, sizeof(hex), "%s %02X %02X %s", type_and_code, mid >> 8, mid & 0xFF, rest);
	device_send(device, hex);
}

static void piggybacked_answer_ends_the_exchange(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	assert_int_equal(lab->result.count, 0);
	answer(device, "68 45", mid, A " C2 2D 16 FF \"abc\"");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_int_equal(lab->result.id, 7);
	assert_int_equal(lab->result.token, TOKEN_A);
	assert_int_equal(lab->result.code, COAP_CODE(2, 5));
	assert_int_equal(lab->result.body_len, 3);
	assert_memory_equal(lab->result.body, "abc", 3);
	device_expect_nothing(lab, device, 200);
	close(device);
}

static void separate_answer_is_acknowledged_once_per_copy(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	answer(device, "60 00", mid, "");
	device_expect_nothing(lab, device, 150); /* no retransmission any more */
	for (int i = 0; i < 2; i++) {
		device_send(device, "48 45 77 01 " A);
		device_expect(lab, device, "60 00 77 01");
	}
	assert_int_equal(lab->result.count, 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	close(device);
}

static void answer_before_the_acknowledgement_counts(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	device_expect(lab, device, GET_3_0(A));
	device_send(device, "58 44 77 01 " A);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	device_expect_nothing(lab, device, 200);
	close(device);
}

static void request_is_repeated_then_given_up(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	for (int i = 0; i < 2; i++)
		assert_int_equal(mid_of(device_expect(lab, device, GET_3_0(A))), mid);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_TIMEOUT);
	assert_false(lab->result.was_acknowledged);
	assert_int_equal(endpoint_counts(lab->endpoint).retransmissions, 2);
	close(device);
}

static void missing_separate_answer_is_a_timeout(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	answer(device, "60 00", mid_of(device_expect(lab, device, GET_3_0(A))), "");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_TIMEOUT);
	assert_true(lab->result.was_acknowledged);
	/* What comes after that is rejected. */
	device_send(device, "48 45 77 01 " A);
	device_expect(lab, device, "70 00 77 01");
	assert_int_equal(lab->result.count, 1);
	close(device);
}

static void reset_ends_the_exchange(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	answer(device, "70 00", mid_of(device_expect(lab, device, GET_3_0(A))), "");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_UNAVAILABLE);
	close(device);
}

static void answer_with_another_token_is_not_taken(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab), other = device_open(lab);

	ask(lab, device, TOKEN_A, 7);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	device_send(device, "48 45 77 01 " B);
	device_expect(lab, device, "70 00 77 01");
	device_send(other, "48 45 77 02 " A); /* nor one from another peer */
	device_expect(lab, other, "70 00 77 02");
	answer(other, "68 45", mid, A);
	lab_turn_for(lab, 10);
	assert_int_equal(lab->result.count, 0);
	answer(device, "68 45", mid, A);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	close(device);
	close(other);
}

static void one_request_is_under_way_the_others_wait_in_order(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	const struct coap_address to = device_address(lab, device);
	const struct coap_message request = get_3_0();

	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(
			exchange_start(lab->endpoint, &to, "", &request, TOKEN_A + i, lab_done, lab, i, NULL),
			ERR_NONE);
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, 0, lab_done, lab, 17, NULL),
			 ERR_UNAVAILABLE);
	for (unsigned i = 0; i < 17; i++) {
		struct bytes datagram = device_expect(lab, device, "48 01 ...");
		const uint16_t mid = mid_of(datagram);
		char token[32];
		snprintf(token, sizeof(token), "01 02 03 04 05 06 07 %02X", 8 + i);
		assert_int_equal(datagram.at[11], 8 + i);
		answer(device, "68 45", mid, token);
		lab_until(lab, lab->result.count == i + 1);
		assert_int_equal(lab->order[i], i);
	}
	device_expect_nothing(lab, device, 50);
	close(device);
}

static void token_in_use_is_a_conflict(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	const struct coap_address to = device_address(lab, device);
	const struct coap_message request = get_3_0();
	uint64_t token = 0, other = 0;

	ask(lab, device, TOKEN_A, 1);
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, TOKEN_A, lab_done, lab, 2, NULL),
			 ERR_CONFLICT);
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, 0, lab_done, lab, 3, &token), ERR_NONE);
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, 0, lab_done, lab, 4, &other), ERR_NONE);
	assert_true(token != 0 && other != 0 && token != other);
	close(device);
}

static void cancelled_exchange_is_silent_and_lets_the_next_begin(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 1);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	ask(lab, device, TOKEN_B, 2);
	exchange_cancel(lab->endpoint, TOKEN_A);
	exchange_cancel(lab->endpoint, TOKEN_A);
	uint16_t next = mid_of(device_expect(lab, device, GET_3_0(B)));
	answer(device, "68 45", mid, A);
	device_send(device, "48 45 77 01 " A); /* a late answer */
	device_expect(lab, device, "70 00 77 01");
	assert_int_equal(lab->result.count, 0);
	answer(device, "68 45", next, B);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.id, 2);
	close(device);
}

static void echo_of_a_device_is_returned_once(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 1);
	answer(device, "68 81", mid_of(device_expect(lab, device, GET_3_0(A))), A " D3 EF AA BB CC");
	/* Echo is 252, Accept was 17 */
	uint16_t mid = mid_of(device_expect(
		lab, device, "48 01 ?? ?? " A " B1 \"3\" 01 \"0\" 62 2D 16 61 02 D3 D8 AA BB CC"));
	assert_int_equal(lab->result.count, 0);
	answer(device, "68 81", mid, A " D3 EF AA BB DD");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.code, COAP_CODE(4, 1));
	device_expect_nothing(lab, device, 100);
	close(device);
}

static void answer_with_a_critical_option_that_is_unknown_is_malformed(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 1);
	answer(device, "68 45", mid_of(device_expect(lab, device, GET_3_0(A))), A " D0 00");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_MALFORMED);
	ask(lab, device, TOKEN_B, 2);
	answer(device, "60 00", mid_of(device_expect(lab, device, GET_3_0(B))), "");
	device_send(device, "48 45 77 01 " B " D0 00");
	device_expect(lab, device, "70 00 77 01");
	assert_int_equal(lab->result.count, 2);
	assert_int_equal(lab->result.err, ERR_MALFORMED);
	close(device);
}

/* ---- notifications ---- */

static void notification_goes_to_its_owner(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	const struct coap_address from = device_address(lab, device);

	lab->observed_token = TOKEN_A;
	for (int i = 0; i < 2; i++) { /* the second one is a duplicate */
		device_send(device, "48 45 77 01 " A " 61 05 FF \"21.5\"");
		device_expect(lab, device, "60 00 77 01");
	}
	assert_int_equal(lab->notification.count, 1);
	assert_int_equal(lab->notification.token, TOKEN_A);
	assert_true(lab->notification.has_observe);
	assert_int_equal(lab->notification.observe, 5);
	assert_memory_equal(lab->notification.body, "21.5", 4);
	assert_true(coap_address_equal(&lab->notification.from, &from));
	device_send(device, "58 45 77 02 " A " 61 06 FF \"21.6\"");
	device_expect_nothing(lab, device, 30);
	assert_int_equal(lab->notification.count, 2);
	close(device);
}

static void notification_that_nobody_wants_is_reset_and_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->observed_token = TOKEN_A;
	device_send(device, "48 45 77 01 " B " 61 05 FF \"21.5\"");
	device_expect(lab, device, "70 00 77 01");
	device_send(device, "58 45 77 02 " B " 61 06 FF \"21.6\"");
	device_expect(lab, device, "70 00 77 02");
	device_send(device, "44 45 77 03 01 02 03 04 61 06 FF \"21.6\""); /* no token of ours has 4 bytes */
	device_expect(lab, device, "70 00 77 03");
	assert_int_equal(lab->notification.count, 0);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	close(device);
}

static void observe_request_keeps_its_token_for_notifications(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	const struct coap_address to = device_address(lab, device);
	struct coap_message request = get_3_0();

	request.has_observe = true;
	lab->observed_token = TOKEN_A;
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, TOKEN_A, lab_done, lab, 1, NULL),
			 ERR_NONE);
	uint16_t mid =
		mid_of(device_expect(lab, device, "48 01 ?? ?? " A " 60 51 \"3\" 01 \"0\" 62 2D 16 61 02"));
	answer(device, "68 45", mid, A " 61 01 FF \"1\"");
	lab_until(lab, lab->result.count == 1);
	assert_true(lab->result.has_observe);
	device_send(device, "48 45 77 01 " A " 61 02 FF \"2\"");
	device_expect(lab, device, "60 00 77 01");
	assert_int_equal(lab->result.count, 1);
	assert_int_equal(lab->notification.count, 1);
	close(device);
}

/* ---- the end ---- */

static void closing_ends_every_exchange_once(void **state)
{
	const struct endpoint_settings settings = lab_settings();
	struct lab *lab = lab_open(&settings);
	int device = device_open(lab);

	ask(lab, device, TOKEN_A, 1);
	ask(lab, device, TOKEN_B, 2);
	endpoint_free(lab->endpoint);
	lab->endpoint = NULL;
	assert_int_equal(lab->result.count, 2);
	assert_int_equal(lab->result.err, ERR_UNAVAILABLE);
	close(device);
	lab_close(lab);
}

static void peer_with_an_open_exchange_is_not_forgotten(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->endpoint->peer_idle_s = 1;
	lab->endpoint->settings.ack_timeout_ms = 2000;
	ask(lab, device, TOKEN_A, 1);
	uint16_t mid = mid_of(device_expect(lab, device, GET_3_0(A)));
	lab_turn_for(lab, 1500);
	answer(device, "68 45", mid, A);
	lab_until(lab, lab->result.count == 1);
	close(device);
}

static void nobody_is_reached_through_coaps_without_a_session(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	struct coap_address to = device_address(lab, device);
	const struct coap_message request = get_3_0();

	to.is_secure = true;
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, 0, lab_done, lab, 1, NULL),
			 ERR_UNAVAILABLE);
	to.is_secure = false;
	to.socket = 5;
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, 0, lab_done, lab, 1, NULL),
			 ERR_UNAVAILABLE);
	lab_turn_for(lab, 50);
	assert_int_equal(lab->result.count, 0);
	close(device);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(piggybacked_answer_ends_the_exchange),
		IN_LAB(separate_answer_is_acknowledged_once_per_copy),
		IN_LAB(answer_before_the_acknowledgement_counts),
		IN_LAB(request_is_repeated_then_given_up),
		IN_LAB(missing_separate_answer_is_a_timeout),
		IN_LAB(reset_ends_the_exchange),
		IN_LAB(answer_with_another_token_is_not_taken),
		IN_LAB(one_request_is_under_way_the_others_wait_in_order),
		IN_LAB(token_in_use_is_a_conflict),
		IN_LAB(cancelled_exchange_is_silent_and_lets_the_next_begin),
		IN_LAB(echo_of_a_device_is_returned_once),
		IN_LAB(answer_with_a_critical_option_that_is_unknown_is_malformed),
		IN_LAB(notification_goes_to_its_owner),
		IN_LAB(notification_that_nobody_wants_is_reset_and_leaves_nothing),
		IN_LAB(observe_request_keeps_its_token_for_notifications),
		cmocka_unit_test(closing_ends_every_exchange_once),
		IN_LAB(peer_with_an_open_exchange_is_not_forgotten),
		IN_LAB(nobody_is_reached_through_coaps_without_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
