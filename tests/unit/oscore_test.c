/* A device with OSCORE: the same keys with the sides exchanged, and raw datagrams. */
#include "oscore.h"

#include "coap_lab.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oscore_message.h"
#include "oscore_numbers.h"
#include "oscore_renewal.h"

#define ENDPOINT "urn:dev:1"
#define TOKEN    UINT64_C(0x0102030405060708)
#define GET_RD   "40010000B27264" /* with Uri-Path "rd"; the message id is put in */

struct device {
	struct lab *lab;
	struct arena *arena;
	int socket;
	struct oscore_keys keys;
	uint64_t next_number;
	uint16_t next_mid;
	uint8_t bytes[2048]; /* of the last datagram, opened */
	struct oscore_option option;
};

static struct device device;

static struct bytes hex(const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(device.arena, text, &bytes), ERR_NONE);
	return bytes;
}

static struct oscore_keys derive(const char *secret, const char *sender, const char *recipient)
{
	const struct oscore_parameters parameters = {
		.master_secret = hex(secret),
		.master_salt = hex("9E7CA92223786340"),
		.sender_id = hex(sender),
		.recipient_id = hex(recipient),
	};
	struct oscore_keys keys;

	assert_int_equal(oscore_derive(device.arena, &parameters, &keys), ERR_NONE);
	return keys;
}

#define SECRET "0102030405060708090A0B0C0D0E0F10"
#define OTHER  "1112131415161718191A1B1C1D1E1F20"

static void put_credential(const char *secret)
{
	const struct oscore_keys keys = derive(secret, "", "01");

	assert_int_equal(credentials_put_oscore(device.lab->credentials, ENDPOINT, &keys), ERR_NONE);
	assert_int_equal(oscore_numbers_expect(device.lab->oscore_numbers, keys.print), ERR_NONE);
	device.keys = derive(secret, "01", "");
}

static int begin(void **state)
{
	const struct endpoint_settings settings = lab_settings();

	device = (struct device){ .lab = lab_open(&settings), .arena = arena_create(0) };
	put_credential(SECRET);
	device.socket = device_open(device.lab);
	return 0;
}

static int end(void **state)
{
	close(device.socket);
	lab_close(device.lab);
	arena_free(device.arena);
	return 0;
}

/* ---- the device's side ---- */

static void send_bytes(struct bytes datagram)
{
	assert_int_equal(send(device.socket, datagram.at, datagram.len, 0), datagram.len);
}

/* A request of the device as a protected datagram, with the next message id. */
static struct bytes protect_request(const char *plain_hex, uint64_t number)
{
	const struct oscore_message message = { .keys = &device.keys,
						.is_request = true,
						.request_number = number };
	const struct bytes plain = hex(plain_hex);
	uint8_t *at = arena_alloc(device.arena, 2048), *copy = arena_alloc(device.arena, plain.len);
	size_t len;

	memcpy(copy, plain.at, plain.len);
	copy[2] = (uint8_t)(++device.next_mid >> 8);
	copy[3] = (uint8_t)device.next_mid;
	assert_int_equal(oscore_protect(device.arena, &message, bytes_of(copy, plain.len), at, 2048, &len),
			 ERR_NONE);
	return bytes_of(at, len);
}

static uint64_t send_request(const char *plain_hex)
{
	send_bytes(protect_request(plain_hex, device.next_number));
	return device.next_number++;
}

/* The next datagram has an OSCORE option; opened it is returned. `request_number` is of the device's request
 * that it answers; of a request of the server it is in device.option. */
static struct bytes expect_opened(bool is_request, uint64_t request_number)
{
	const struct bytes datagram = device_expect(device.lab, device.socket, "...");
	struct coap_message outer;
	struct pdu pdu;
	size_t len;

	assert_int_equal(pdu_read(datagram, &pdu, &outer), PDU_GOOD);
	assert_true(pdu.has_oscore);
	assert_true(oscore_option_read(pdu.oscore, &device.option));
	const struct oscore_message message = {
		.keys = &device.keys,
		.is_request = is_request,
		.request_number = is_request ? device.option.number : request_number,
		.has_own_number = !is_request && device.option.has_number,
		.own_number = device.option.number,
	};
	assert_int_equal(oscore_unprotect(device.arena, &message, datagram, device.bytes, &len), ERR_NONE);
	return bytes_of(device.bytes, len);
}

static void assert_code(struct bytes datagram, uint8_t code)
{
	assert_true(datagram.len >= 4);
	assert_int_equal(datagram.at[1], code);
}

/* An answer of the device in an ACK; `own_number` goes with it. */
static void send_answer(struct bytes request, const char *rest_hex, uint8_t type_and_token_len,
			bool has_own_number)
{
	const struct oscore_message message = {
		.keys = &device.keys,
		.request_number = device.option.number,
		.has_own_number = has_own_number,
		.own_number = has_own_number ? device.next_number++ : 0,
	};
	const struct bytes rest = hex(rest_hex);
	uint8_t plain[512], out[1024];
	size_t len;

	plain[0] = type_and_token_len;
	plain[1] = rest.at[0];
	memcpy(plain + 2, request.at + 2, 2 + 8); /* message id and token */
	memcpy(plain + 12, rest.at + 1, rest.len - 1);
	assert_int_equal(oscore_protect(device.arena, &message, bytes_of(plain, 11 + rest.len), out,
					sizeof(out), &len),
			 ERR_NONE);
	send_bytes(bytes_of(out, len));
}

static enum err start(const char *identity, bool has_observe)
{
	const struct coap_address to = device_address(device.lab, device.socket);
	const struct coap_message request = {
		.code = COAP_GET,
		.path = { bytes_of_text("3") },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_observe = has_observe,
	};

	return exchange_start(device.lab->endpoint, &to, identity, &request, TOKEN, lab_done, device.lab, 1,
			      NULL);
}

/* ---- requests of the device ---- */

static void request_is_opened_and_its_answer_protected(void **state)
{
	const uint64_t number = send_request(GET_RD);
	const struct bytes answer = expect_opened(false, number);

	assert_code(answer, COAP_CODE(2, 4));
	assert_false(device.option.has_number); /* the nonce of the request, once */
	assert_string_equal(device.lab->request.path, "rd");
	assert_int_equal(device.lab->request.code, COAP_GET);
	assert_string_equal(device.lab->request.identity, ENDPOINT);
}

static void duplicate_gets_the_same_bytes(void **state)
{
	const struct bytes request = protect_request(GET_RD, 0);
	uint8_t first[256];

	send_bytes(request);
	const struct bytes answer = device_expect(device.lab, device.socket, "...");
	memcpy(first, answer.at, answer.len);
	send_bytes(request);
	assert_true(
		bytes_equal(device_expect(device.lab, device.socket, "..."), bytes_of(first, answer.len)));
	assert_int_equal(device.lab->request.count, 1);
}

static void replay_is_refused_in_the_clear(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	send_bytes(protect_request(GET_RD, 0)); /* another message id, the same number */
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
	assert_int_equal(device.lab->request.count, 1);
}

static void unknown_context_and_wrong_key_are_refused(void **state)
{
	device_send(device.socket, "40 02 10 01 93 09 00 77 FF 01 02 03 04 05 06 07 08 09 0A");
	device_expect(device.lab, device.socket, "60 81 10 01 D0 01 FF \"Security context not found\"");
	device_send(device.socket, "40 02 10 02 93 09 00 01 FF 01 02 03 04 05 06 07 08 09 0A");
	device_expect(device.lab, device.socket, "60 80 10 02 D0 01 FF \"Decryption failed\"");
	device_send(device.socket, "40 02 10 03 92 01 00 FF 01 02 03 04 05 06 07 08 09 0A"); /* no kid */
	device_expect(device.lab, device.socket, "60 82 10 03 D0 01 FF \"Failed to decode COSE\"");
	assert_int_equal(device.lab->request.count, 0);
}

static void a_forged_number_does_not_close_the_window(void **state)
{
	device_send(device.socket, "40 02 10 02 97 0D FF FF FF FF FF 01 FF 01 02 03 04 05 06 07 08 09 0A");
	device_expect(device.lab, device.socket, "60 80 ...");
	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4));
}

static void plain_block_is_no_part_of_a_protected_body(void **state)
{
	send_request("40030000B27264D10309FF000102030405060708090A0B0C0D0E0F1011121314151617"
		     "18191A1B1C1D1E1F");
	assert_code(expect_opened(false, 0), COAP_CODE(2, 31));
	/* the second block from the same address, in the clear */
	device_send(device.socket, "40 03 70 01 B2 \"rd\" D1 03 11 FF 20");
	device_expect(device.lab, device.socket, "60 88 70 01 ...");
	send_request("40030000B27264D10311FF20");
	assert_code(expect_opened(false, 1), COAP_CODE(2, 4));
	assert_int_equal(device.lab->request.body_len, 33);
	assert_string_equal(device.lab->request.identity, ENDPOINT);
}

static void plain_request_has_no_identity(void **state)
{
	device_send(device.socket, "40 01 00 09 B2 \"rd\"");
	device_expect(device.lab, device.socket, "60 44 00 09");
	assert_string_equal(device.lab->request.identity, "");
}

/* ---- requests to the device ---- */

static void request_is_protected(void **state)
{
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	const struct bytes request = expect_opened(true, 0);
	assert_code(request, COAP_GET);
	assert_true(device.option.has_kid);
	send_answer(request, "45FF616263", 0x68, false);
	lab_until(device.lab, device.lab->result.count == 1);
	assert_int_equal(device.lab->result.err, ERR_NONE);
	assert_int_equal(device.lab->result.code, COAP_CODE(2, 5));
	assert_memory_equal(device.lab->result.body, "abc", 3);
}

static void each_request_has_a_number_of_its_own(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(start(ENDPOINT, false), ERR_NONE);
		const struct bytes request = expect_opened(true, 0);
		assert_int_equal(device.option.number, i);
		send_answer(request, "44", 0x68, false);
		lab_until(device.lab, device.lab->result.count == i + 1);
	}
}

static void answer_in_the_clear_is_no_answer(void **state)
{
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	const struct bytes request = expect_opened(true, 0);
	uint8_t forged[12];

	memcpy(forged, request.at, 12);
	forged[0] = 0x68;
	forged[1] = COAP_CODE(2, 4);
	send_bytes(bytes_of(forged, sizeof(forged)));
	lab_turn_for(device.lab, 10);
	assert_int_equal(device.lab->result.count, 0);
	send_answer(request, "44", 0x68, false); /* it still waits for the true one */
	lab_until(device.lab, device.lab->result.count == 1);
	assert_int_equal(device.lab->result.err, ERR_NONE);
}

static void a_device_that_lost_its_context_is_unavailable(void **state)
{
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	const struct bytes request = expect_opened(true, 0);
	uint8_t refusal[12];

	memcpy(refusal, request.at, 12);
	refusal[0] = 0x68;
	refusal[1] = COAP_CODE(4, 1);
	send_bytes(bytes_of(refusal, sizeof(refusal)));
	lab_until(device.lab, device.lab->result.count == 1);
	assert_int_equal(device.lab->result.err, ERR_UNAVAILABLE);
}

static void nothing_goes_in_the_clear_to_who_came_protected(void **state)
{
	credentials_remove(device.lab->credentials, CREDENTIAL_KIND_OSCORE, ENDPOINT);
	assert_int_equal(start(ENDPOINT, false), ERR_UNAVAILABLE);
	device_expect_nothing(device.lab, device.socket, 10);
}

static void protected_answer_to_a_plain_request_is_refused(void **state)
{
	assert_int_equal(start("", false), ERR_NONE);
	const struct bytes request = device_expect(device.lab, device.socket, "...");
	memcpy(device.bytes, request.at, request.len);
	device.option.number = 0;
	send_answer(bytes_of(device.bytes, request.len), "44", 0x68, false);
	lab_until(device.lab, device.lab->result.count == 1);
	assert_int_equal(device.lab->result.err, ERR_MALFORMED);
}

/* ---- observations ---- */

/* The server observes; *ret_request is its request. */
static void observe(uint8_t *ret_request)
{
	assert_int_equal(start(ENDPOINT, true), ERR_NONE);
	const struct bytes request = expect_opened(true, 0);
	memcpy(ret_request, request.at, 12);
	send_answer(request, "4560FF30", 0x68, false);
	lab_until(device.lab, device.lab->result.count == 1);
	assert_true(device.lab->result.has_observe);
	device.lab->observed_token = TOKEN;
	device.next_number = 10;
}

static void notify(uint8_t *request)
{
	request[2]++; /* its message id */
	send_answer(bytes_of(request, 12), "4560FF31", 0x48, true);
}

static void notifications_are_opened(void **state)
{
	uint8_t request[12];

	observe(request);
	notify(request);
	lab_until(device.lab, device.lab->notification.count == 1);
	assert_string_equal(device.lab->notification.identity, ENDPOINT);
	assert_int_equal(device.lab->notification.observe, 10); /* their order is that of the numbers */
	device_expect(device.lab, device.socket, "60 00 ?? ??");
}

static void an_older_notification_is_passed_over(void **state)
{
	uint8_t request[12];

	observe(request);
	notify(request);
	device_expect(device.lab, device.socket, "60 00 ?? ??");
	device.next_number = 5;
	notify(request);
	device_expect_nothing(device.lab, device.socket, 10);
	assert_int_equal(device.lab->notification.count, 1);
}

static void a_notification_in_the_clear_has_no_identity(void **state)
{
	uint8_t request[12];

	observe(request);
	device_send(device.socket, "48 45 77 77 01 02 03 04 05 06 07 08 60 FF 31");
	lab_until(device.lab, device.lab->notification.count == 1);
	assert_string_equal(device.lab->notification.identity, ""); /* by which its owner refuses it */
}

static void a_notification_that_nobody_awaits_is_reset(void **state)
{
	uint8_t request[12];

	observe(request);
	device.lab->observed_token = 0;
	notify(request);
	device_expect(device.lab, device.socket, "70 00 ?? ??");
	notify(request); /* forgotten: not even opened */
	device_expect(device.lab, device.socket, "70 00 ?? ??");
}

/* ---- restarts ---- */

static void restart(void)
{
	close(device.socket);
	lab_restart(device.lab);
	device.socket = device_open(device.lab);
}

/* The Echo of a 4.01 that was opened. */
static struct bytes echo_of(struct bytes datagram)
{
	struct coap_message message;
	static struct pdu pdu;

	assert_int_equal(pdu_read(datagram, &pdu, &message), PDU_GOOD);
	assert_int_equal(pdu.code, COAP_CODE(4, 1));
	assert_true(pdu.echo_len > 0);
	return bytes_of(pdu.echo, pdu.echo_len);
}

static void after_a_restart_a_request_has_to_show_that_it_is_new(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	restart();
	send_bytes(protect_request(GET_RD, 0)); /* a replay, which nobody remembers */
	const struct bytes challenge = expect_opened(false, 0);
	assert_true(device.option.has_number); /* not the nonce of the request: that was used */
	const struct bytes echo = echo_of(challenge);
	assert_int_equal(echo.len, 8);
	assert_int_equal(device.lab->request.count, 1);

	char with_echo[128];
	snprintf(with_echo, sizeof(with_echo), GET_RD "D8E4%s", bytes_to_hex(device.arena, echo));
	device.next_number = 7;
	assert_code(expect_opened(false, send_request(with_echo)), COAP_CODE(2, 4));
	assert_int_equal(device.lab->request.count, 2);
	assert_int_equal(device.lab->renewed.count, 1);
	assert_string_equal(device.lab->renewed.identity, ENDPOINT);

	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4)); /* from now on without */
	send_bytes(protect_request(GET_RD, 3));
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
}

static void a_wrong_echo_is_not_believed(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	restart();
	const uint64_t number = send_request(GET_RD "D8E40000000000000000");
	(void)echo_of(expect_opened(false, number));
	assert_int_equal(device.lab->request.count, 1);
}

static void after_a_restart_no_number_is_used_again(void **state)
{
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	(void)expect_opened(true, 0);
	const uint64_t before = device.option.number;
	restart();
	device.lab->result.count = 0;
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	(void)expect_opened(true, 0);
	assert_true(device.option.number > before);
}

static void a_key_that_comes_back_has_no_second_window(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	put_credential(OTHER);
	(void)expect_opened(false, send_request(GET_RD));
	put_credential(SECRET);
	send_bytes(protect_request(GET_RD, 0));
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
	send_bytes(protect_request(GET_RD, 1)); /* the other key had this number */
	(void)echo_of(expect_opened(false, 1));
	assert_int_equal(device.lab->request.count, 2);
}

static void the_window_outlives_an_orderly_restart(void **state)
{
	device.next_number = 5;
	(void)expect_opened(false, send_request(GET_RD));
	oscore_numbers_flush(device.lab->oscore_numbers);
	restart();
	for (uint64_t number = 0; number <= 5; number++) {
		send_bytes(protect_request(GET_RD, number));
		device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
	}
	(void)echo_of(expect_opened(false, send_request(GET_RD)));
	assert_int_equal(device.lab->request.count, 1);
}

static void the_window_is_written_behind(void **state)
{
	device.next_number = OSCORE_RECEIVED_STEP - 1;
	(void)expect_opened(false, send_request(GET_RD));
	(void)expect_opened(false, send_request(GET_RD)); /* not written */
	restart();
	send_bytes(protect_request(GET_RD, OSCORE_RECEIVED_STEP - 1));
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
	send_bytes(protect_request(GET_RD, OSCORE_RECEIVED_STEP));
	(void)echo_of(expect_opened(false, OSCORE_RECEIVED_STEP));
	assert_int_equal(device.lab->request.count, 2);
}

static void old_key_is_refused_once_replaced(void **state)
{
	const struct bytes old = protect_request(GET_RD, 0);

	put_credential(OTHER);
	send_bytes(old);
	device_expect(device.lab, device.socket, "60 80 ?? ?? D0 01 FF \"Decryption failed\"");
	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4));
}

/* ---- a device without its state (appendix B.2) ---- */

/* The device has its credential alone; `id_context_hex` is R1, or what it still knows. */
static void lose_state(const char *id_context_hex)
{
	const struct oscore_keys base = derive(SECRET, "01", "");

	assert_int_equal(oscore_derive_renewed(device.arena, &base, hex(id_context_hex), &device.keys),
			 ERR_NONE);
	device.next_number = 0;
}

/* A request that says its ID context, as a byte string of CBOR. */
static struct bytes protect_with_context(const char *plain_hex, uint64_t number)
{
	const struct bytes id_context = bytes_of(device.keys.id_context, device.keys.id_context_len);
	struct bytes kid_context;
	struct oscore_keys keys = device.keys;
	const struct oscore_keys before = device.keys;

	assert_int_equal(oscore_renewal_write(id_context, device.arena, &kid_context), ERR_NONE);
	keys.is_renewed = false; /* so that it is written, as it is there */
	keys.id_context_len = (uint8_t)kid_context.len;
	memcpy(keys.id_context, kid_context.at, kid_context.len);
	device.keys = keys;
	const struct bytes datagram = protect_request(plain_hex, number);
	device.keys = before;
	return datagram;
}

/* Response #1 opened in R2 || ID1; *ret_r2 is what it says. */
static struct bytes expect_offer(uint64_t request_number, uint8_t ret_r2[OSCORE_R2_SIZE])
{
	const struct bytes datagram = device_expect(device.lab, device.socket, "...");
	const struct oscore_keys base = device.keys;
	struct coap_message outer;
	struct bytes r2, id_context;
	struct oscore_keys second;
	struct pdu pdu;
	size_t len;

	assert_int_equal(pdu_read(datagram, &pdu, &outer), PDU_GOOD);
	assert_true(pdu.has_oscore && oscore_option_read(pdu.oscore, &device.option));
	assert_false(device.option.has_number || device.option.has_kid);
	assert_true(oscore_renewal_read(device.option.kid_context, device.arena, &r2));
	assert_int_equal(r2.len, OSCORE_R2_SIZE);
	memcpy(ret_r2, r2.at, r2.len);
	struct builder b = builder_in(device.arena);
	build_bytes(&b, r2);
	build_bytes(&b, bytes_of(base.id_context, base.id_context_len));
	assert_int_equal(builder_bytes(&b, &id_context), ERR_NONE);
	assert_int_equal(oscore_derive_renewed(device.arena, &base, id_context, &second), ERR_NONE);
	const struct oscore_message message = { .keys = &second, .request_number = request_number };
	assert_int_equal(oscore_unprotect(device.arena, &message, datagram, device.bytes, &len), ERR_NONE);
	return bytes_of(device.bytes, len);
}

/* The device goes on in R2 || R3. */
static void take_offer(const uint8_t r2[OSCORE_R2_SIZE], const char *r3_hex)
{
	struct builder b = builder_in(device.arena);
	struct bytes id_context;
	const struct oscore_keys base = device.keys;

	build_bytes(&b, bytes_of(r2, OSCORE_R2_SIZE));
	build_bytes(&b, hex(r3_hex));
	assert_int_equal(builder_bytes(&b, &id_context), ERR_NONE);
	assert_int_equal(oscore_derive_renewed(device.arena, &base, id_context, &device.keys), ERR_NONE);
	device.next_number = 0;
}

/* The whole run, up to the answer to request #2. */
static void renew(const char *r1_hex, const char *r3_hex)
{
	uint8_t r2[OSCORE_R2_SIZE];

	lose_state(r1_hex);
	send_bytes(protect_with_context(GET_RD, 0));
	assert_code(expect_offer(0, r2), COAP_CODE(4, 1));
	take_offer(r2, r3_hex);
	const struct bytes second = protect_with_context(GET_RD, device.next_number++);
	send_bytes(second); /* no answer: it is written down first */
	device_expect_nothing(device.lab, device.socket, 10);
	send_bytes(second);
	assert_code(expect_opened(false, 0), COAP_CODE(2, 4));
}

#define R1 "A0A1A2A3A4A5A6A7"
#define R3 "C0C1C2C3C4C5C6C7"

static void a_device_that_lost_its_state_gets_a_new_context(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	const struct oscore_keys old = device.keys;
	renew(R1, R3);
	assert_int_equal(device.lab->request.count, 2);
	assert_string_equal(device.lab->request.identity, ENDPOINT);
	assert_int_equal(device.lab->renewed.count, 1);

	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4)); /* without a kid context */
	send_bytes(protect_with_context(GET_RD, device.next_number));
	assert_code(expect_opened(false, device.next_number++), COAP_CODE(2, 4));
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	const struct bytes request = expect_opened(true, 0);
	assert_int_equal(device.option.number, 0);
	assert_false(device.option.has_kid_context);
	send_answer(request, "44", 0x68, false);
	lab_until(device.lab, device.lab->result.count == 1);
	assert_int_equal(device.lab->result.err, ERR_NONE);

	device.keys = old; /* has gone */
	send_bytes(protect_request(GET_RD, 50));
	device_expect(device.lab, device.socket, "60 80 ?? ?? D0 01 FF \"Decryption failed\"");
}

static void the_first_message_alone_changes_nothing(void **state)
{
	uint8_t r2[OSCORE_R2_SIZE], other_r2[OSCORE_R2_SIZE];
	const struct oscore_keys old = device.keys;

	lose_state(R1);
	for (unsigned i = 0; i < 200; i++) { /* far more than could be remembered */
		send_bytes(protect_with_context(GET_RD, 0));
		assert_code(expect_offer(0, i == 0 ? r2 : other_r2), COAP_CODE(4, 1));
		assert_true(i == 0 || memcmp(r2, other_r2, sizeof(r2)) != 0);
	}
	assert_int_equal(device.lab->request.count, 0);
	device.keys = old;
	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4));
	lose_state(R1); /* and the first offer still stands */
	take_offer(r2, R3);
	const struct bytes second = protect_with_context(GET_RD, 0);
	send_bytes(second);
	send_bytes(second);
	assert_code(expect_opened(false, 0), COAP_CODE(2, 4));
}

static void an_offer_is_taken_once(void **state)
{
	uint8_t r2[OSCORE_R2_SIZE], again[OSCORE_R2_SIZE];

	lose_state(R1);
	send_bytes(protect_with_context(GET_RD, 0));
	assert_code(expect_offer(0, r2), COAP_CODE(4, 1));
	take_offer(r2, R3);
	const struct bytes old_second = protect_with_context(GET_RD, 0);
	send_bytes(old_second);
	renew("B0B1B2B3B4B5B6B7", R3);
	const unsigned count = device.lab->request.count;
	const struct oscore_keys current = device.keys;
	lose_state(R1);
	take_offer(r2, R3);
	send_bytes(protect_with_context(GET_RD,
					0)); /* a replay: not a request #2 any more, at most a first one */
	assert_code(expect_offer(0, again), COAP_CODE(4, 1));
	assert_int_equal(device.lab->request.count, count);
	device.keys = current;
	device.next_number = 1;
	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4));
}

static void a_replayed_second_message_is_refused(void **state)
{
	renew(R1, R3);
	send_bytes(protect_with_context(GET_RD, 0));
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Replay detected\"");
}

static void what_we_did_not_offer_is_not_taken(void **state)
{
	uint8_t r2[OSCORE_R2_SIZE] = "made by a device", ours[OSCORE_R2_SIZE];
	const struct oscore_keys old = device.keys;

	lose_state(R1);
	take_offer(r2, R3);
	send_bytes(protect_with_context(GET_RD, 0));
	assert_code(expect_offer(0, ours), COAP_CODE(4, 1)); /* as good as any R1 */
	assert_int_equal(device.lab->request.count, 0);
	device.keys = old;
	assert_code(expect_opened(false, send_request(GET_RD)), COAP_CODE(2, 4));
}

static void a_first_message_of_another_key_is_refused(void **state)
{
	const struct oscore_keys base = derive(OTHER, "01", "");

	assert_int_equal(oscore_derive_renewed(device.arena, &base, hex(R1), &device.keys), ERR_NONE);
	send_bytes(protect_with_context(GET_RD, 0));
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Security context not found\"");
}

static void a_new_context_outlives_a_restart(void **state)
{
	renew(R1, R3);
	restart();
	const struct bytes echo = echo_of(expect_opened(false, send_request(GET_RD)));
	char with_echo[128];
	snprintf(with_echo, sizeof(with_echo), GET_RD "D8E4%s", bytes_to_hex(device.arena, echo));
	assert_code(expect_opened(false, send_request(with_echo)), COAP_CODE(2, 4));
	device.lab->result.count = 0;
	assert_int_equal(start(ENDPOINT, false), ERR_NONE);
	(void)expect_opened(true, 0);
	assert_true(device.option.number >= OSCORE_RESERVE);
}

static void an_offer_does_not_outlive_a_restart(void **state)
{
	uint8_t r2[OSCORE_R2_SIZE], again[OSCORE_R2_SIZE];

	lose_state(R1);
	send_bytes(protect_with_context(GET_RD, 0));
	assert_code(expect_offer(0, r2), COAP_CODE(4, 1));
	take_offer(r2, R3);
	restart();
	send_bytes(protect_with_context(GET_RD, 0));
	assert_code(expect_offer(0, again), COAP_CODE(4, 1));
}

/* As the manual says to do after a restore: no number is left. */
static void spend_all_numbers(void)
{
	const struct oscore_number_row row = {
		.print = bytes_of(derive(SECRET, "", "01").print, OSCORE_PRINT_SIZE),
		.reserved = OSCORE_NUMBER_MAX + 1,
	};
	assert_int_equal(store_put_oscore_number(device.lab->store, &row, (struct store_done){ 0 }),
			 ERR_NONE);
	restart();
}

static void without_numbers_a_device_has_to_renew(void **state)
{
	(void)expect_opened(false, send_request(GET_RD));
	spend_all_numbers();
	(void)start(ENDPOINT, false);
	device_expect_nothing(device.lab, device.socket,
			      10); /* nothing is sent with a number that may have been used */
	send_request(GET_RD);
	device_expect(device.lab, device.socket, "60 81 ?? ?? D0 01 FF \"Security context not found\"");
	renew(R1, R3);
}

/* The store is older than the device's context: its ID context is an ID1 like another. */
static void an_id_context_that_we_lost_is_a_first_message(void **state)
{
	uint8_t r2[OSCORE_R2_SIZE];

	lose_state("000102030405060708090A0B0C0D0E0FC0C1C2C3C4C5C6C7");
	send_bytes(protect_with_context(GET_RD, 300));
	assert_code(expect_offer(300, r2), COAP_CODE(4, 1));
	take_offer(r2, R3);
	const struct bytes second = protect_with_context(GET_RD, 0);
	send_bytes(second);
	send_bytes(second);
	assert_code(expect_opened(false, 0), COAP_CODE(2, 4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_is_opened_and_its_answer_protected),
		TEST(duplicate_gets_the_same_bytes),
		TEST(replay_is_refused_in_the_clear),
		TEST(unknown_context_and_wrong_key_are_refused),
		TEST(a_forged_number_does_not_close_the_window),
		TEST(plain_block_is_no_part_of_a_protected_body),
		TEST(plain_request_has_no_identity),
		TEST(request_is_protected),
		TEST(each_request_has_a_number_of_its_own),
		TEST(answer_in_the_clear_is_no_answer),
		TEST(a_device_that_lost_its_context_is_unavailable),
		TEST(nothing_goes_in_the_clear_to_who_came_protected),
		TEST(protected_answer_to_a_plain_request_is_refused),
		TEST(notifications_are_opened),
		TEST(an_older_notification_is_passed_over),
		TEST(a_notification_in_the_clear_has_no_identity),
		TEST(a_notification_that_nobody_awaits_is_reset),
		TEST(after_a_restart_a_request_has_to_show_that_it_is_new),
		TEST(a_wrong_echo_is_not_believed),
		TEST(after_a_restart_no_number_is_used_again),
		TEST(the_window_outlives_an_orderly_restart),
		TEST(the_window_is_written_behind),
		TEST(a_key_that_comes_back_has_no_second_window),
		TEST(old_key_is_refused_once_replaced),
		TEST(a_device_that_lost_its_state_gets_a_new_context),
		TEST(the_first_message_alone_changes_nothing),
		TEST(an_offer_is_taken_once),
		TEST(a_replayed_second_message_is_refused),
		TEST(what_we_did_not_offer_is_not_taken),
		TEST(a_first_message_of_another_key_is_refused),
		TEST(a_new_context_outlives_a_restart),
		TEST(an_offer_does_not_outlive_a_restart),
		TEST(without_numbers_a_device_has_to_renew),
		TEST(an_id_context_that_we_lost_is_a_first_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
