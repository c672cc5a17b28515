#include "coap_lab.h"

#include <coap3/coap.h>
#include <stdlib.h>
#include <string.h>

#include "pdu.h"

static struct bytes bytes_from_text(const char *hex)
{
	static uint8_t bytes[2048];

	return bytes_of(bytes, lab_bytes(hex, bytes, sizeof(bytes)));
}

static enum pdu_verdict read_hex(const char *hex, struct pdu *ret_pdu, struct coap_message *ret_message)
{
	return pdu_read(bytes_from_text(hex), ret_pdu, ret_message);
}

static void reads_what_it_has_written(void **state)
{
	uint8_t datagram[512];
	struct pdu pdu = {
		.type = PDU_CON,
		.code = COAP_POST,
		.mid = 0xBEEF,
		.token_len = 8,
		.token = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.request_tag_len = 2,
		.request_tag = { 9, 10 },
		.block1 = { .is_present = true, .has_more = true, .size_exponent = 6, .number = 0xFFFFF },
		.block2 = { .is_present = true, .size_exponent = 0, .number = 1 },
		.has_size1 = true,
		.size1 = 70000,
	};
	struct coap_message message = {
		.code = COAP_POST,
		.path = { bytes_of_text("rd"), bytes_of_text(""), bytes_of_text("a path of some length") },
		.path_count = 3,
		.query = { bytes_of_text("ep=x"), bytes_of_text("lt=300") },
		.query_count = 2,
		.content_format = 11542,
		.accept = 0,
		.has_observe = true,
		.observe = 0xFFFFFF,
	};
	size_t len = pdu_write(&pdu, &message, bytes_of_text("payload"), datagram, sizeof(datagram));
	struct pdu again;
	struct coap_message message_again;

	assert_int_not_equal(len, 0);
	assert_int_equal(pdu_read(bytes_of(datagram, len), &again, &message_again), PDU_GOOD);
	assert_memory_equal(&again.block1, &pdu.block1, sizeof(pdu.block1));
	assert_memory_equal(&again.block2, &pdu.block2, sizeof(pdu.block2));
	assert_int_equal(again.mid, pdu.mid);
	assert_memory_equal(again.token, pdu.token, 8);
	assert_int_equal(again.request_tag_len, 2);
	assert_int_equal(again.size1, 70000);
	assert_false(again.has_size2);
	assert_int_equal(message_again.path_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(bytes_equal(message_again.path[i], message.path[i]));
	assert_true(bytes_equal_text(message_again.query[1], "lt=300"));
	assert_int_equal(message_again.content_format, 11542);
	assert_int_equal(message_again.accept, 0);
	assert_int_equal(message_again.observe, 0xFFFFFF);
	assert_true(bytes_equal_text(message_again.payload, "payload"));
}

static void libcoap_reads_what_we_write(void **state)
{
	uint8_t datagram[512];
	const struct pdu pdu = {
		.type = PDU_ACK,
		.code = COAP_CODE(2, 5),
		.mid = 0x1234,
		.token_len = 2,
		.token = { 0xA1, 0xA2 },
		.etag_len = 3,
		.etag = { 7, 8, 9 },
		.block2 = { .is_present = true, .has_more = true, .size_exponent = 2, .number = 5 },
	};
	const struct coap_message message = {
		.content_format = 40,
		.accept = COAP_NO_FORMAT,
		.path = { bytes_of_text("rd"), bytes_of_text("5a3f") },
		.path_count = 2,
		.has_max_age = true,
		.max_age_s = 0,
	};
	size_t len = pdu_write(&pdu, &message, bytes_of_text("x"), datagram, sizeof(datagram));
	coap_pdu_t *theirs = coap_pdu_init(0, 0, 0, sizeof(datagram));
	coap_opt_iterator_t iterator;
	static const uint16_t numbers[] = { 4, 8, 8, 12, 14, 23 };

	assert_int_equal(coap_pdu_parse(COAP_PROTO_UDP, datagram, len, theirs), 1);
	assert_int_equal(coap_pdu_get_code(theirs), COAP_RESPONSE_CODE_CONTENT);
	assert_int_equal(coap_pdu_get_mid(theirs), 0x1234);
	coap_option_iterator_init(theirs, &iterator, COAP_OPT_ALL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_non_null(coap_option_next(&iterator));
		assert_int_equal(iterator.number, numbers[i]);
	}
	assert_null(coap_option_next(&iterator));
	coap_delete_pdu(theirs);
}

static void writes_nothing_where_it_does_not_fit(void **state)
{
	uint8_t datagram[64];
	const struct pdu pdu = { .type = PDU_CON, .code = COAP_GET, .token_len = 8 };
	const struct coap_message message = {
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.path = { bytes_of_text("0123456789") },
		.path_count = 1,
	};
	/* 4 header, 8 token, 11 path, 1 marker, 7 payload */
	const size_t needed = 31;

	for (size_t size = 0; size < needed; size++) {
		memset(datagram, 0x55, sizeof(datagram));
		assert_int_equal(pdu_write(&pdu, &message, bytes_of_text("payload"), datagram, size), 0);
		assert_int_equal(datagram[size], 0x55);
	}
	assert_int_equal(pdu_write(&pdu, &message, bytes_of_text("payload"), datagram, needed), needed);
}

static void block_number_past_its_field_does_not_fit(void **state)
{
	uint8_t datagram[64];
	const struct pdu pdu = { .code = COAP_GET,
				 .block1 = { .is_present = true, .number = UINT32_C(1) << 20 } };

	assert_int_equal(pdu_write(&pdu, NULL, bytes_of(NULL, 0), datagram, sizeof(datagram)), 0);
}

static void too_many_segments_are_refused(void **state)
{
	struct pdu pdu;
	struct coap_message message;
	char hex[512] = "40 01 12 34 B1 \"s\"";

	for (int i = 1; i < COAP_MAX_SEGMENTS; i++)
		strcat(hex, " 01 \"s\"");
	assert_int_equal(read_hex(hex, &pdu, &message), PDU_GOOD);
	assert_int_equal(message.path_count, COAP_MAX_SEGMENTS);
	strcat(hex, " 01 \"s\"");
	assert_int_equal(read_hex(hex, &pdu, &message), PDU_BAD_OPTION);
}

static void too_many_queries_are_refused(void **state)
{
	struct pdu pdu;
	struct coap_message message;
	char hex[1024] = "40 01 12 34 D1 02 \"q\"";

	for (int i = 1; i < COAP_MAX_QUERIES; i++)
		strcat(hex, " 01 \"q\"");
	assert_int_equal(read_hex(hex, &pdu, &message), PDU_GOOD);
	assert_int_equal(message.query_count, COAP_MAX_QUERIES);
	strcat(hex, " 01 \"q\"");
	assert_int_equal(read_hex(hex, &pdu, &message), PDU_BAD_OPTION);
}

static void options_count_on_their_own_side_only(void **state)
{
	struct pdu pdu;
	struct coap_message message;

	/* Location-Path of a request is elective and skipped; Uri-Path of a response is critical. */
	assert_int_equal(read_hex("40 01 12 34 81 \"a\"", &pdu, &message), PDU_GOOD);
	assert_int_equal(message.path_count, 0);
	assert_int_equal(read_hex("60 41 12 34 81 \"a\"", &pdu, &message), PDU_GOOD);
	assert_int_equal(message.path_count, 1);
	assert_int_equal(read_hex("60 41 12 34 B1 \"a\"", &pdu, &message), PDU_BAD_OPTION);
	assert_int_equal(read_hex("60 45 12 34 D1 04 32", &pdu, &message), PDU_BAD_OPTION); /* Accept */
}

static void absent_options_read_as_absent(void **state)
{
	struct pdu pdu;
	struct coap_message message;

	memset(&message, 0xFF, sizeof(message));
	assert_int_equal(read_hex("40 01 12 34", &pdu, &message), PDU_GOOD);
	assert_int_equal(message.code, COAP_GET);
	assert_int_equal(message.path_count, 0);
	assert_int_equal(message.query_count, 0);
	assert_int_equal(message.content_format, COAP_NO_FORMAT);
	assert_int_equal(message.accept, COAP_NO_FORMAT);
	assert_false(message.has_observe || message.has_max_age);
	assert_int_equal(message.payload.len, 0);
	assert_false(pdu.block1.is_present || pdu.block2.is_present || pdu.has_size1 || pdu.has_size2);
	assert_int_equal(pdu.etag_len + pdu.echo_len + pdu.request_tag_len, 0);
}

static void header_of_a_bad_message_is_known_for_its_reset(void **state)
{
	struct pdu pdu;
	struct coap_message message;

	assert_int_equal(read_hex("40 01 BE EF F0", &pdu, &message), PDU_FORMAT_ERROR);
	assert_int_equal(pdu.type, PDU_CON);
	assert_int_equal(pdu.mid, 0xBEEF);
	assert_int_equal(read_hex("4F 01 BE EF", &pdu, &message), PDU_FORMAT_ERROR);
	assert_int_equal(pdu.mid, 0xBEEF);
	assert_int_equal(read_hex("41 01 BE EF AA D0 00", &pdu, &message), PDU_BAD_OPTION);
	assert_int_equal(pdu.token_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_has_written),
		cmocka_unit_test(libcoap_reads_what_we_write),
		cmocka_unit_test(writes_nothing_where_it_does_not_fit),
		cmocka_unit_test(block_number_past_its_field_does_not_fit),
		cmocka_unit_test(too_many_segments_are_refused),
		cmocka_unit_test(too_many_queries_are_refused),
		cmocka_unit_test(options_count_on_their_own_side_only),
		cmocka_unit_test(absent_options_read_as_absent),
		cmocka_unit_test(header_of_a_bad_message_is_known_for_its_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
