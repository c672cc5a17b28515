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

/* Bodies are letters in order, so that a block shows where it belongs. */
static char letter(size_t i)
{
	return (char)('a' + i % 26);
}

static struct bytes letters(size_t len)
{
	static char body[LAB_BODY];

	assert_true(len <= sizeof(body));
	for (size_t i = 0; i < len; i++)
		body[i] = letter(i);
	return bytes_of(body, len);
}

static bool is_letters(const uint8_t *at, size_t len, size_t wanted)
{
	return bytes_equal(bytes_of(at, len), letters(wanted));
}

/* A message: `head`, then the letters of a block. */
static const char *with_block(const char *head, size_t from, size_t len)
{
	static char hex[4096];
	size_t at = (size_t)snprintf(hex, sizeof(hex), "%s FF \"", head);

	for (size_t i = from; i < from + len; i++)
		hex[at++] = letter(i);
	hex[at++] = '"';
	hex[at] = 0;
	return hex;
}

static uint16_t mid_of(struct bytes datagram)
{
	return (uint16_t)(datagram.at[2] << 8 | datagram.at[3]);
}

static void answer(int device, const char *code, uint16_t mid, const char *rest)
{
	char hex[8192];

	snprintf(hex, sizeof(hex), "68 %s %02X %02X %s", code, mid >> 8, mid & 0xFF, rest);
	device_send(device, hex);
}

/* ---- requests of devices in Block1 ---- */

#define POST_RD(mid, block) "41 02 12 " mid " 55 B2 \"rd\" D1 03 " block /* Block1 is 27 */

static void blocks_of_a_request_become_one(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("02", "1A"), 64, 64));
	device_expect(lab, device, "61 5F 12 02 55 D1 0E 1A");
	assert_int_equal(lab->request.count, 0);
	device_send(device, with_block(POST_RD("03", "22"), 128, 10));
	device_expect(lab, device, "61 44 12 03 55 D1 0E 22");
	assert_int_equal(lab->request.count, 1);
	assert_true(is_letters(lab->request.body, lab->request.body_len, 138));
	device_send(device, with_block(POST_RD("03", "22"), 128, 10)); /* its answer was lost */
	device_expect(lab, device, "61 44 12 03 55 D1 0E 22");
	assert_int_equal(lab->request.count, 1);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
}

static void larger_blocks_are_negotiated_down(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "0C"), 0, 256));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("02", "42"), 256, 64));
	device_expect(lab, device, "61 44 12 02 55 D1 0E 42");
	assert_true(is_letters(lab->request.body, lab->request.body_len, 320));
	close(device);
}

static void single_block_is_a_whole_request(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "02"), 0, 20));
	device_expect(lab, device, "61 44 12 01 55 D1 0E 02");
	assert_true(is_letters(lab->request.body, lab->request.body_len, 20));
	close(device);
}

static void missing_block_is_incomplete(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "1A"), 64, 64)); /* never began */
	device_expect(lab, device, "61 88 12 01 55 ...");
	device_send(device, with_block(POST_RD("02", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 02 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("03", "2A"), 128, 64)); /* without the second */
	device_expect(lab, device, "61 88 12 03 55 ...");
	device_send(device, with_block(POST_RD("04", "12"), 64, 10)); /* what had come is gone */
	device_expect(lab, device, "61 88 12 04 55 ...");
	assert_int_equal(lab->request.count, 0);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
}

static void block_sent_twice_counts_once(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("02", "1A"), 64, 64));
	device_expect(lab, device, "61 5F 12 02 55 D1 0E 1A");
	device_send(device, with_block(POST_RD("03", "1A"), 64, 64));
	device_expect(lab, device, "61 5F 12 03 55 D1 0E 1A");
	device_send(device, with_block(POST_RD("04", "22"), 128, 1));
	device_expect(lab, device, "61 44 12 04 55 D1 0E 22");
	assert_true(is_letters(lab->request.body, lab->request.body_len, 129));
	close(device);
}

static void first_block_begins_anew(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "0A"), 30, 64));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("02", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 02 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("03", "12"), 64, 1));
	device_expect(lab, device, "61 44 12 03 55 D1 0E 12");
	assert_true(is_letters(lab->request.body, lab->request.body_len, 65));
	close(device);
}

static void block_of_the_wrong_length_is_bad(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block(POST_RD("01", "0A"), 0, 63));
	device_expect(lab, device, "61 80 12 01 55 ...");
	device_send(device, with_block(POST_RD("02", "0A"), 0, 65));
	device_expect(lab, device, "61 80 12 02 55 ...");
	device_send(device, with_block(POST_RD("03", "02"), 0, 65));
	device_expect(lab, device, "61 80 12 03 55 ...");
	assert_int_equal(lab->request.count, 0);
	close(device);
}

static void body_that_is_too_large_is_refused_as_soon_as_it_shows(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.max_body_bytes = 100;
	struct lab *lab = lab_open(&settings);
	int device = device_open(lab);

	/* Size1 of 101 says so at once; the answer says what would do. */
	device_send(device, with_block(POST_RD("01", "0A") " D1 14 65", 0, 64));
	device_expect(lab, device, "61 8D 12 01 55 D1 0E 0A D1 14 64");
	device_send(device, with_block(POST_RD("02", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 02 55 D1 0E 0A");
	device_send(device, with_block(POST_RD("03", "12"), 64, 37));
	device_expect(lab, device, "61 8D 12 03 55 D1 0E 12 D1 14 64");
	assert_int_equal(lab->request.count, 0);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
	lab_close(lab);
}

static void bodies_of_other_paths_tags_and_peers_are_apart(void **state)
{
	static const struct {
		const char *path, *tag;
	} bodies[] = {
		{ "rd", "" }, { "re", "" }, { "rd", "D1 FC 01" }, /* Request-Tag, 292 */
	};
	struct lab *lab = *state;
	int devices[2] = { device_open(lab), device_open(lab) };
	char head[128], expected[128];
	unsigned mid = 0;

	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < 3; i++)
			for (size_t j = 0; j < 2; j++) {
				snprintf(head, sizeof(head), "41 02 12 %02X 55 B2 \"%s\" D1 03 %s %s", ++mid,
					 bodies[i].path, last ? "12" : "0A", bodies[i].tag);
				snprintf(expected, sizeof(expected), "61 %s 12 %02X 55 D1 0E %s",
					 last ? "44" : "5F", mid, last ? "12" : "0A");
				device_send(devices[j],
					    with_block(head, last ? 64 : 0, last ? 5 + i + 3 * j : 64));
				device_expect(lab, devices[j], expected);
				if (last)
					assert_true(is_letters(lab->request.body, lab->request.body_len,
							       69 + i + 3 * j));
			}
	assert_int_equal(lab->request.count, 6);
	close(devices[0]);
	close(devices[1]);
}

static void body_that_stops_coming_is_forgotten(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->endpoint->peer_idle_s = 1;
	device_send(device, with_block(POST_RD("01", "0A"), 0, 64));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	assert_true(lab->endpoint->body_bytes > 0);
	lab_until(lab, endpoint_counts(lab->endpoint).peers == 0);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
}

static void peer_has_at_most_four_bodies(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);
	char head[128], expected[128];

	for (unsigned i = 0; i < 6; i++) {
		snprintf(head, sizeof(head), "41 02 12 %02X 55 B1 \"%c\" D1 03 0A", i, 'a' + i);
		snprintf(expected, sizeof(expected), "61 5F 12 %02X 55 D1 0E 0A", i);
		device_send(device, with_block(head, 0, 64));
		device_expect(lab, device, expected);
	}
	assert_int_equal(lab->endpoint->body_bytes, 4 * 1024);
	device_send(device, with_block("41 02 12 70 55 B1 \"a\" D1 03 12", 64, 1)); /* the oldest has gone */
	device_expect(lab, device, "61 88 12 70 55 ...");
	device_send(device, with_block("41 02 12 71 55 B1 \"f\" D1 03 12", 64, 1));
	device_expect(lab, device, "61 44 12 71 55 ...");
	close(device);
}

/* ---- answers in Block2 ---- */

#define GET_X(mid, rest) "41 01 12 " mid " 55 B1 \"x\" " rest

static void long_answer_is_cut_and_fetched(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.content_format = 40;
	lab->answer.payload = letters(150);
	device_send(device, GET_X("01", ""));
	/* ETag, Content-Format, Block2, Size2 */
	struct bytes first = device_expect(
		lab, device,
		with_block("61 45 12 01 55 48 ?? ?? ?? ?? ?? ?? ?? ?? 81 28 B1 0A 51 96", 0, 64));
	uint8_t etag[8];
	memcpy(etag, first.at + 6, sizeof(etag));
	lab->answer.payload = letters(10); /* what has begun goes on as it began */
	device_send(device, GET_X("02", "C1 1A"));
	struct bytes second = device_expect(
		lab, device, with_block("61 45 12 02 55 48 ?? ?? ?? ?? ?? ?? ?? ?? 81 28 B1 1A", 64, 64));
	assert_memory_equal(second.at + 6, etag, sizeof(etag));
	device_send(device, GET_X("03", "C1 22"));
	device_expect(lab, device,
		      with_block("61 45 12 03 55 48 ?? ?? ?? ?? ?? ?? ?? ?? 81 28 B1 22", 128, 22));
	assert_int_equal(lab->request.count, 1);
	lab_turn_for(lab, 50);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
}

static void smaller_blocks_are_sent_as_asked(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.payload = letters(40);
	device_send(device, GET_X("01", "C0")); /* Block2 of 16 */
	device_expect(lab, device,
		      with_block("61 44 12 01 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 08 51 28", 0, 16));
	device_send(device, GET_X("02", "C1 10"));
	device_expect(lab, device, with_block("61 44 12 02 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 18", 16, 16));
	device_send(device, GET_X("03", "C1 20"));
	device_expect(lab, device, with_block("61 44 12 03 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 20", 32, 8));
	close(device);
}

static void later_block_of_a_get_may_be_asked_for_alone(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.payload = letters(100);
	device_send(device, GET_X("01", "C1 12"));
	device_expect(lab, device, with_block("61 44 12 01 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 12", 64, 36));
	device_send(device, GET_X("02", "C1 22")); /* past the end */
	device_expect(lab, device, "61 80 12 02 55");
	device_send(device, "41 02 12 03 55 B1 \"x\" C1 12"); /* a POST would act again */
	device_expect(lab, device, "61 88 12 03 55");
	assert_int_equal(lab->request.count, 2);
	close(device);
}

/* ETag, Block2 of 64, Size2 600, Echo */
#define SMALL_WITH_ECHO                                                                                      \
	"61 44 12 01 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 0A 52 02 58 D8 D3 ?? ?? ?? ?? ?? ?? ?? ??"

static void echo_shows_that_a_peer_has_its_address(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.block_size = 1024;
	struct lab *lab = lab_open(&settings);
	int device = device_open(lab), other = device_open(lab);
	char request[256] = "41 01 12 02 55 B1 \"x\" D8 E4", stolen[256] = "41 01 12 01 55 B1 \"x\" D8 E4";

	lab->answer.payload = letters(600);
	device_send(device, GET_X("01", ""));
	struct bytes answer = device_expect(lab, device, with_block(SMALL_WITH_ECHO, 0, 64));
	for (size_t i = 0; i < 8; i++) {
		snprintf(request + strlen(request), 4, " %02X", answer.at[22 + i]);
		snprintf(stolen + strlen(stolen), 4, " %02X", answer.at[22 + i]);
	}
	device_send(other, stolen);
	device_expect(lab, other, with_block(SMALL_WITH_ECHO, 0, 64));
	device_send(device, request);
	device_expect(lab, device, with_block("61 44 12 02 55", 0, 600));
	close(device);
	close(other);
	lab_close(lab);
}

static void unverified_peer_gets_small_blocks_only(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.block_size = 1024;
	struct lab *lab = lab_open(&settings);
	int device = device_open(lab);
	const struct coap_address to = device_address(lab, device);
	const struct coap_message request = {
		.code = COAP_GET,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};

	lab->answer.payload = letters(600);
	device_send(device, GET_X("01", ""));
	device_expect(lab, device, with_block(SMALL_WITH_ECHO, 0, 64));
	/* Whoever answers a request of ours with its token does receive at its address. */
	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, UINT64_C(0x0102030405060708), lab_done,
					lab, 1, NULL),
			 ERR_NONE);
	answer(device, "45", mid_of(device_expect(lab, device, "48 01 ?? ?? 01 02 03 04 05 06 07 08")),
	       "01 02 03 04 05 06 07 08");
	lab_until(lab, lab->result.count == 1);
	device_send(device, GET_X("02", ""));
	device_expect(lab, device, with_block("61 44 12 02 55", 0, 600));
	close(device);
	lab_close(lab);
}

static void request_and_answer_may_both_be_long(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.payload = letters(70);
	device_send(device, with_block("41 05 12 01 55 B1 \"x\" D1 03 0A", 0, 64));
	device_expect(lab, device, "61 5F 12 01 55 D1 0E 0A");
	device_send(device, with_block("41 05 12 02 55 B1 \"x\" D1 03 12", 64, 6));
	device_expect(lab, device,
		      with_block("61 45 12 02 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 0A 41 12 11 46", 0, 64));
	device_send(device, "41 05 12 03 55 B1 \"x\" C1 12");
	device_expect(lab, device, with_block("61 45 12 03 55 48 ?? ?? ?? ?? ?? ?? ?? ?? D1 06 12", 64, 6));
	assert_int_equal(lab->request.count, 1);
	close(device);
}

/* ---- requests to devices ---- */

#define TOKEN     UINT64_C(0x0102030405060708)
#define T         "01 02 03 04 05 06 07 08"
#define ANY_TOKEN "?? ?? ?? ?? ?? ?? ?? ??"

static void start(struct lab *lab, int device, uint8_t code, size_t payload_len)
{
	const struct coap_address to = device_address(lab, device);
	const struct coap_message request = {
		.code = code,
		.path = { bytes_of_text("5") },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.payload = letters(payload_len),
	};

	assert_int_equal(exchange_start(lab->endpoint, &to, "", &request, TOKEN, lab_done, lab, 1, NULL),
			 ERR_NONE);
}

/* Answers the datagram with its own token. */
static void answer_to(int device, struct bytes datagram, const char *code, const char *rest)
{
	char text[4096], token[32] = "";

	for (size_t i = 4; i < 12; i++)
		snprintf(token + 3 * (i - 4), sizeof(token) - 3 * (i - 4), "%02X ", datagram.at[i]);
	snprintf(text, sizeof(text), "%s %s", token, rest);
	answer(device, code, mid_of(datagram), text);
}

static void long_request_is_sent_in_blocks(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 150);
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " T " B1 \"5\" D1 03 0A D1 14 96", 0, 64)),
		"5F", "D1 0E 0A");
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 1A", 64, 64)),
		"5F", "D1 0E 1A");
	answer_to(device,
		  device_expect(lab, device,
				with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 22", 128, 22)),
		  "44", "D1 0E 22");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_int_equal(lab->result.code, COAP_CODE(2, 4));
	assert_int_equal(lab->result.token, TOKEN);
	close(device);
}

static void device_may_ask_for_smaller_blocks(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 100);
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " T " B1 \"5\" D1 03 0A D1 14 64", 0, 64)),
		"5F", "D1 0E 09");
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 29", 64, 32)),
		"5F", "D1 0E 29");
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 31", 96, 4)),
		"44", "");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	close(device);
}

static void device_that_refuses_the_size_gets_smaller_blocks(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 50);
	answer_to(device, device_expect(lab, device, with_block("48 03 ?? ?? " T " B1 \"5\"", 0, 50)), "8D",
		  "D1 0E 01");
	answer_to(device,
		  device_expect(lab, device,
				with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 09 D1 14 32", 0, 32)),
		  "5F", "D1 0E 09");
	answer_to(
		device,
		device_expect(lab, device, with_block("48 03 ?? ?? " ANY_TOKEN " B1 \"5\" D1 03 11", 32, 18)),
		"44", "D1 0E 11");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.code, COAP_CODE(2, 4));
	close(device);
}

static void error_ends_a_long_request(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 150);
	answer_to(device, device_expect(lab, device, "48 03 ..."), "5F", "D1 0E 0A");
	answer_to(device, device_expect(lab, device, "48 03 ..."), "88", "");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_int_equal(lab->result.code, COAP_CODE(4, 8));
	device_expect_nothing(lab, device, 100);
	close(device);
}

static void answer_to_another_block_is_malformed(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 150);
	answer_to(device, device_expect(lab, device, "48 03 ..."), "5F", "D1 0E 1A");
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_MALFORMED);
	close(device);
}

static void body_after_a_broken_one_has_a_request_tag(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_PUT, 150);
	answer_to(device, device_expect(lab, device, "48 03 ..."), "5F", "D1 0E 0A");
	device_expect(lab, device, with_block("48 03 ?? ?? " T " B1 \"5\" D1 03 1A", 64, 64));
	exchange_cancel(lab->endpoint, TOKEN);
	start(lab, device, COAP_PUT, 150);
	answer_to(device,
		  device_expect(lab, device,
				with_block("48 03 ?? ?? " T " B1 \"5\" D1 03 0A D1 14 96 D1 DB 01", 0, 64)),
		  "5F", "D1 0E 0A");
	answer_to(device,
		  device_expect(lab, device,
				with_block("48 03 ?? ?? " T " B1 \"5\" D1 03 1A D1 FC 01", 64, 64)),
		  "88", "");
	lab_until(lab, lab->result.count == 1);
	start(lab, device, COAP_PUT, 10);
	device_expect(lab, device, with_block("48 03 ?? ?? " T " B1 \"5\"", 0, 10));
	close(device);
}

static void long_answer_of_a_device_is_put_together(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	/* Our blocks of 64 are asked for at once. */
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " T " B1 \"5\" C1 02"), "45",
		  with_block("41 E1 D1 06 0A", 0, 64));
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"5\" C1 12"), "45",
		  with_block("41 E1 D1 06 1A", 64, 64));
	assert_int_equal(lab->result.count, 0);
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"5\" C1 22"), "45",
		  with_block("41 E1 D1 06 22", 128, 5));
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_int_equal(lab->result.token, TOKEN);
	assert_true(is_letters(lab->result.body, lab->result.body_len, 133));
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
}

static void answer_that_changes_on_the_way_is_fetched_again(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " T " B1 \"5\" C1 02"), "45",
		  with_block("41 E1 D1 06 0A", 7, 64));
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"5\" C1 12"), "45",
		  with_block("41 E2 D1 06 12", 64, 2));
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"5\" C1 02"), "45",
		  with_block("41 E2 D1 06 0A", 0, 64));
	answer_to(device, device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"5\" C1 12"), "45",
		  with_block("41 E2 D1 06 12", 64, 2));
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_true(is_letters(lab->result.body, lab->result.body_len, 66));
	close(device);
}

static void answer_that_never_stays_the_same_is_malformed(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	for (int i = 0; i < 3; i++) {
		answer_to(device, device_expect(lab, device, "48 01 ..."), "45",
			  with_block("41 E1 D1 06 0A", 0, 64));
		answer_to(device, device_expect(lab, device, "48 01 ..."), "45",
			  with_block("41 E2 D1 06 12", 64, 2));
	}
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_MALFORMED);
	close(device);
}

static void answer_larger_than_the_limit_is_given_up(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.max_body_bytes = 100;
	struct lab *lab = lab_open(&settings);
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	answer_to(device, device_expect(lab, device, "48 01 ..."), "45", with_block("D1 0A 0A", 0, 64));
	answer_to(device, device_expect(lab, device, "48 01 ..."), "45", with_block("D1 0A 1A", 64, 64));
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_LIMIT);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	close(device);
	lab_close(lab);
}

static void wrong_block_of_an_answer_is_malformed(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	answer_to(device, device_expect(lab, device, "48 01 ..."), "45", with_block("D1 0A 0A", 0, 64));
	answer_to(device, device_expect(lab, device, "48 01 ..."), "45", with_block("D1 0A 22", 128, 4));
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_MALFORMED);
	close(device);
}

static void cancelled_transfer_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	start(lab, device, COAP_GET, 0);
	answer_to(device, device_expect(lab, device, "48 01 ..."), "45", with_block("D1 0A 0A", 0, 64));
	device_expect(lab, device, "48 01 ...");
	exchange_cancel(lab->endpoint, TOKEN);
	device_expect_nothing(lab, device, 100);
	assert_int_equal(lab->endpoint->body_bytes, 0);
	assert_int_equal(lab->endpoint->exchange_bytes, 0);
	assert_int_equal(lab->result.count, 0);
	close(device);
}

/* ---- notifications ---- */

static void rest_of_a_long_notification_is_fetched(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->observed_token = TOKEN;
	device_send(device, with_block("48 45 77 01 " T " 61 09 D1 04 0A", 0, 64));
	/* The request of the observation, without Observe and with a token of its own. */
	struct bytes request =
		device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"3\" 01 \"0\" 62 2D 16 61 12");
	assert_memory_not_equal(request.at + 4, "\1\2\3\4\5\6\7\10", 8);
	uint8_t copy[32];
	memcpy(copy, request.at, request.len);
	device_expect(lab, device, "60 00 77 01");
	assert_int_equal(lab->notification.count, 0);
	answer_to(device, bytes_of(copy, request.len), "45", with_block("D1 0A 12", 64, 8));
	lab_until(lab, lab->notification.count == 1);
	assert_int_equal(lab->notification.token, TOKEN);
	assert_true(lab->notification.has_observe);
	assert_int_equal(lab->notification.observe, 9);
	assert_true(is_letters(lab->notification.body, lab->notification.body_len, 72));
	assert_int_equal(lab->result.count, 0);
	close(device);
}

static void newer_notification_replaces_one_that_is_still_fetched(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	lab->observed_token = TOKEN;
	device_send(device, with_block("58 45 77 01 " T " 61 09 D1 04 0A", 5, 64));
	device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"3\" 01 \"0\" 62 2D 16 61 12");
	device_send(device, with_block("58 45 77 02 " T " 61 0A D1 04 0A", 0, 64));
	answer_to(device,
		  device_expect(lab, device, "48 01 ?? ?? " ANY_TOKEN " B1 \"3\" 01 \"0\" 62 2D 16 61 12"),
		  "45", with_block("D1 0A 12", 64, 8));
	lab_until(lab, lab->notification.count == 1);
	assert_int_equal(lab->notification.observe, 10);
	assert_true(is_letters(lab->notification.body, lab->notification.body_len, 72));
	device_expect_nothing(lab, device, 100);
	assert_int_equal(lab->endpoint->exchange_bytes, 0);
	close(device);
}

static void long_notification_that_nobody_wants_is_reset(void **state)
{
	struct lab *lab = *state;
	int device = device_open(lab);

	device_send(device, with_block("48 45 77 01 " T " 61 09 D1 04 0A", 0, 64));
	device_expect(lab, device, "70 00 77 01");
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	close(device);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(blocks_of_a_request_become_one),
		IN_LAB(larger_blocks_are_negotiated_down),
		IN_LAB(single_block_is_a_whole_request),
		IN_LAB(missing_block_is_incomplete),
		IN_LAB(block_sent_twice_counts_once),
		IN_LAB(first_block_begins_anew),
		IN_LAB(block_of_the_wrong_length_is_bad),
		cmocka_unit_test(body_that_is_too_large_is_refused_as_soon_as_it_shows),
		IN_LAB(bodies_of_other_paths_tags_and_peers_are_apart),
		IN_LAB(body_that_stops_coming_is_forgotten),
		IN_LAB(peer_has_at_most_four_bodies),
		IN_LAB(long_answer_is_cut_and_fetched),
		IN_LAB(smaller_blocks_are_sent_as_asked),
		IN_LAB(later_block_of_a_get_may_be_asked_for_alone),
		cmocka_unit_test(unverified_peer_gets_small_blocks_only),
		cmocka_unit_test(echo_shows_that_a_peer_has_its_address),
		IN_LAB(request_and_answer_may_both_be_long),
		IN_LAB(long_request_is_sent_in_blocks),
		IN_LAB(device_may_ask_for_smaller_blocks),
		IN_LAB(device_that_refuses_the_size_gets_smaller_blocks),
		IN_LAB(error_ends_a_long_request),
		IN_LAB(answer_to_another_block_is_malformed),
		IN_LAB(body_after_a_broken_one_has_a_request_tag),
		IN_LAB(long_answer_of_a_device_is_put_together),
		IN_LAB(answer_that_changes_on_the_way_is_fetched_again),
		IN_LAB(answer_that_never_stays_the_same_is_malformed),
		cmocka_unit_test(answer_larger_than_the_limit_is_given_up),
		IN_LAB(wrong_block_of_an_answer_is_malformed),
		IN_LAB(cancelled_transfer_leaves_nothing),
		IN_LAB(rest_of_a_long_notification_is_fetched),
		IN_LAB(newer_notification_replaces_one_that_is_still_fetched),
		IN_LAB(long_notification_that_nobody_wants_is_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
