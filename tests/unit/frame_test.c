#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signaling.h"

#define MAX_BYTES 200000

/* A message of a token of two bytes and `rest_len` bytes behind it. The caller frees it. */
static uint8_t *make_message(size_t rest_len, size_t *ret_len)
{
	uint8_t header[FRAME_HEADER_MAX];
	const size_t header_len = frame_write_header(COAP_POST, 2, rest_len, header);
	uint8_t *message = malloc(header_len + 2 + rest_len);

	assert_non_null(message);
	memcpy(message, header, header_len);
	memset(message + header_len, 0xA5, 2 + rest_len);
	*ret_len = header_len + 2 + rest_len;
	return message;
}

static void each_length_class_begins_where_the_last_one_ends(void **state)
{
	static const struct {
		size_t rest_len, header_len;
		uint8_t first;
	} rows[] = {
		{ 0, 2, 0x02 },   { 12, 2, 0xC2 },    { 13, 3, 0xD2 },    { 268, 3, 0xD2 },
		{ 269, 4, 0xE2 }, { 65804, 4, 0xE2 }, { 65805, 6, 0xF2 }, { 65806, 6, 0xF2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame;
		size_t len;
		uint8_t *message = make_message(rows[i].rest_len, &len);

		assert_int_equal(len, rows[i].header_len + 2 + rows[i].rest_len);
		assert_int_equal(message[0], rows[i].first);
		assert_int_equal(frame_read(bytes_of(message, len), MAX_BYTES, &frame), FRAME_WHOLE);
		assert_int_equal(frame.len, len);
		assert_int_equal(frame.code, COAP_POST);
		assert_int_equal(frame.token.len, 2);
		assert_int_equal(frame.rest.len, rows[i].rest_len);
		free(message);
	}
}

static void each_length_up_to_the_second_class_is_read_as_written(void **state)
{
	for (size_t rest_len = 0; rest_len <= 300; rest_len++) {
		struct frame frame;
		size_t len;
		uint8_t *message = make_message(rest_len, &len);

		assert_int_equal(frame_read(bytes_of(message, len), MAX_BYTES, &frame), FRAME_WHOLE);
		assert_int_equal(frame.rest.len, rest_len);
		free(message);
	}
}

static void a_message_is_incomplete_up_to_its_last_byte(void **state)
{
	static const size_t lengths[] = { 0, 12, 13, 269, 70000 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len;
		uint8_t *message = make_message(lengths[i], &len);
		const size_t step = len > 1000 ? 997 : 1;

		for (size_t part = 0; part < len; part += step) {
			struct frame frame;
			assert_int_equal(frame_read(bytes_of(message, part), MAX_BYTES, &frame),
					 FRAME_INCOMPLETE);
			assert_true(frame.len == 0 || frame.len == len);
		}
		free(message);
	}
}

static void token_lengths_above_eight_are_malformed(void **state)
{
	for (uint8_t token_len = 9; token_len < 16; token_len++) {
		const uint8_t message[] = { token_len, COAP_GET };
		struct frame frame;

		assert_int_equal(frame_read(bytes_of(message, sizeof(message)), MAX_BYTES, &frame),
				 FRAME_MALFORMED);
	}
}

static void the_longest_length_does_not_overflow(void **state)
{
	static const uint8_t message[] = { 0xF8, 0xFF, 0xFF, 0xFF, 0xFF, COAP_PUT };
	struct frame frame;

	assert_int_equal(frame_read(bytes_of(message, sizeof(message)), MAX_BYTES, &frame), FRAME_TOO_LONG);
	assert_int_equal(frame_read(bytes_of(message, sizeof(message)), SIZE_MAX, &frame), FRAME_INCOMPLETE);
	assert_true(frame.len == UINT64_C(0xFFFFFFFF) + 65805 + 6 + 8);
}

static void a_message_above_the_bound_is_refused_before_it_has_come(void **state)
{
	size_t len;
	uint8_t *message = make_message(100, &len);
	struct frame frame;

	assert_int_equal(frame_read(bytes_of(message, 3), len, &frame), FRAME_INCOMPLETE);
	assert_int_equal(frame_read(bytes_of(message, 3), len - 1, &frame), FRAME_TOO_LONG);
	free(message);
}

/* ---- signaling ---- */

static enum signal_verdict read_signal(const uint8_t *at, size_t len, struct signal *ret_signal,
				       uint16_t *ret_bad_option)
{
	struct frame frame;

	assert_int_equal(frame_read(bytes_of(at, len), MAX_BYTES, &frame), FRAME_WHOLE);
	return signal_read(&frame, ret_signal, ret_bad_option);
}

static void signals_are_read_as_written(void **state)
{
	static const uint8_t token[] = { 1, 2, 3 };
	const struct signal signals[] = {
		{ .code = SIGNAL_CSM, .has_max_bytes = true, .max_bytes = 1 << 20, .has_block_wise = true },
		{ .code = SIGNAL_PING, .has_custody = true, .token = bytes_of(token, 3) },
		{ .code = SIGNAL_PONG },
		{ .code = SIGNAL_RELEASE, .has_hold_off = true, .hold_off_s = 300 },
		{ .code = SIGNAL_ABORT,
		  .has_bad_option = true,
		  .bad_option = 7,
		  .text = bytes_of_text("why") },
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		const struct signal *wanted = &signals[i];
		uint8_t at[SIGNAL_BYTES_MAX];
		const size_t len = signal_write(wanted, at);
		struct signal got;
		uint16_t bad_option;

		assert_int_equal(read_signal(at, len, &got, &bad_option), SIGNAL_GOOD);
		assert_int_equal(got.code, wanted->code);
		assert_int_equal(got.has_max_bytes, wanted->has_max_bytes);
		assert_int_equal(got.max_bytes, wanted->max_bytes);
		assert_int_equal(got.has_block_wise, wanted->has_block_wise);
		assert_int_equal(got.has_custody, wanted->has_custody);
		assert_int_equal(got.hold_off_s, wanted->hold_off_s);
		assert_int_equal(got.bad_option, wanted->bad_option);
		assert_true(bytes_equal(got.text, wanted->text));
		assert_true(bytes_equal(got.token, wanted->token));
	}
}

static void a_long_text_is_cut(void **state)
{
	char text[500];
	uint8_t at[SIGNAL_BYTES_MAX];

	memset(text, 'x', sizeof(text));
	const struct signal signal = { .code = SIGNAL_ABORT, .text = bytes_of(text, sizeof(text)) };
	assert_true(signal_write(&signal, at) <= sizeof(at));
}

static void an_unknown_critical_option_is_bad_and_an_elective_one_is_not(void **state)
{
	static const uint8_t critical[] = { 0x10, SIGNAL_CSM, 0x30 }, elective[] = { 0x10, SIGNAL_CSM, 0x60 };
	struct signal signal;
	uint16_t bad_option = 0;

	assert_int_equal(read_signal(critical, sizeof(critical), &signal, &bad_option), SIGNAL_BAD_OPTION);
	assert_int_equal(bad_option, 3);
	assert_int_equal(read_signal(elective, sizeof(elective), &signal, &bad_option), SIGNAL_GOOD);
}

static void signals_that_make_no_sense_are_refused(void **state)
{
	static const uint8_t bad_option[] = { 0x10, SIGNAL_CSM, 0x25 }; /* says 5, holds none */
	static const uint8_t no_text[] = { 0x10, SIGNAL_ABORT, 0xFF };
	static const uint8_t unknown[] = { 0x00, COAP_CODE(7, 6) }, zero[] = { 0x00, COAP_CODE(7, 0) };
	struct signal signal;
	uint16_t number;

	assert_int_equal(read_signal(bad_option, sizeof(bad_option), &signal, &number), SIGNAL_MALFORMED);
	assert_int_equal(read_signal(no_text, sizeof(no_text), &signal, &number), SIGNAL_MALFORMED);
	assert_int_equal(read_signal(unknown, sizeof(unknown), &signal, &number), SIGNAL_UNKNOWN);
	assert_int_equal(read_signal(zero, sizeof(zero), &signal, &number), SIGNAL_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_length_class_begins_where_the_last_one_ends),
		cmocka_unit_test(each_length_up_to_the_second_class_is_read_as_written),
		cmocka_unit_test(a_message_is_incomplete_up_to_its_last_byte),
		cmocka_unit_test(token_lengths_above_eight_are_malformed),
		cmocka_unit_test(the_longest_length_does_not_overflow),
		cmocka_unit_test(a_message_above_the_bound_is_refused_before_it_has_come),
		cmocka_unit_test(signals_are_read_as_written),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(an_unknown_critical_option_is_bad_and_an_elective_one_is_not),
		cmocka_unit_test(signals_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
