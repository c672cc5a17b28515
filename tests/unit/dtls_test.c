#include "dtls_client.h"

#include <coap3/coap.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint.h"
#include "oscore_message.h"
#include "pdu.h"

#define POST_RD(mid) "44 02 12 " mid " A1 A2 A3 A4 B2 \"rd\""

#define IDENTITY "urn:imei:1"
#define ENDPOINT "dev1"
#define KEY      "0123456789abcdef"

static void put_key(struct lab *lab, const char *endpoint, const char *identity, const char *key)
{
	struct secret secret;

	assert_int_equal(secret_from(bytes_of_text(key), &secret), ERR_NONE);
	assert_int_equal(credentials_put_psk(lab->credentials, endpoint, identity, &secret), ERR_NONE);
}

static int open_lab(void **state)
{
	struct endpoint_settings settings = lab_settings();

	settings.coap_listen = "";
	settings.coaps_listen = "127.0.0.1:0";
	struct lab *lab = lab_open(&settings);
	lab->server.is_secure = true;
	put_key(lab, ENDPOINT, IDENTITY, KEY);
	*state = lab;
	return 0;
}

static int close_lab(void **state)
{
	lab_close(*state);
	return 0;
}

static struct client *connected(struct lab *lab)
{
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, -1);

	client_connect(lab, client);
	return client;
}

/* ---- handshakes ---- */

static void request_comes_with_the_endpoint_name_of_its_key(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);

	client_registers(lab, client, 1);
	assert_string_equal(lab->request.identity, ENDPOINT);
	assert_true(lab->request.from.is_secure);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);
	assert_int_equal(lab->moved.count, 1);
	assert_string_equal(lab->moved.identity, ENDPOINT);
	client_close(client);
}

static void every_suite_that_we_promise_works(void **state)
{
	static const char *const suites[] = {
		"PSK-AES128-CCM8",
		"PSK-AES128-CCM",
		"PSK-AES128-GCM-SHA256",
		"PSK-AES128-CBC-SHA256",
	};
	struct lab *lab = *state;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct client *client = client_open(lab, IDENTITY, KEY, suites[i], NULL, -1);
		client_connect(lab, client);
		assert_string_equal(SSL_get_cipher(client->ssl), suites[i]);
		for (uint8_t mid = 1; mid < 6;
		     mid++) /* OpenSSL serves the first, record.c the others except CBC */
			client_registers(lab, client, mid);
		client_close(client);
	}
	assert_int_equal(lab->request.count, 20);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1); /* each one replaced the one before */
}

static void other_suites_are_refused(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-NULL-SHA256", NULL, -1);
	int result = 0;

	lab_until(lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 0);
	client_close(client);
}

static void nothing_is_kept_before_the_cookie_returns(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, -1);

	assert_int_equal(client_step(client), 0);
	lab_until(lab, endpoint_counts(lab->endpoint).sent == 1);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	uint8_t answer[256];
	ssize_t len = recv(client->socket, answer, sizeof(answer), MSG_PEEK);
	assert_true(len > 14 && len < 64);
	assert_int_equal(answer[13], 3); /* HelloVerifyRequest */
	client_connect(lab, client);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	client_close(client);
}

/* What the client has to say, sent from whichever socket. */
static void send_flight(BIO *flight, int socket)
{
	char *at;
	long len = BIO_get_mem_data(flight, &at);

	assert_true(len > 0);
	assert_int_equal(send(socket, at, (size_t)len, 0), len);
}

static void cookie_of_another_address_is_no_good(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, -1);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	int spoofer = device_open(lab);

	BIO_set_mem_eof_return(in, -1);
	SSL_set_options(client->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(client->ssl, 1200);
	SSL_set_bio(client->ssl, in, out);
	assert_int_equal(client_step(client), 0);
	send_flight(out, client->socket);
	assert_int_equal(BIO_reset(out), 1);
	struct bytes verify =
		device_expect(lab, client->socket, "16 FE ?? 00 00 ?? ?? ?? ?? ?? ?? ?? ?? 03 ...");
	assert_int_equal(BIO_write(in, verify.at, (int)verify.len), verify.len);
	assert_int_equal(client_step(client), 0);
	send_flight(out, spoofer);
	device_expect(lab, spoofer, "16 FE ?? 00 00 ?? ?? ?? ?? ?? ?? ?? ?? 03 ...");
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	send_flight(out, client->socket);
	device_expect(lab, client->socket, "16 FE FD 00 00 ?? ?? ?? ?? ?? ?? ?? ?? 02 ..."); /* ServerHello */
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	close(spoofer);
	client_close(client);
}

static void new_handshake_pushes_out_the_oldest(void **state)
{
	struct lab *lab = *state;
	struct client *clients[3];

	lab->endpoint->handshakes_max = 2;
	for (int i = 0; i < 3; i++) {
		clients[i] = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, -1);
		for (int step = 0; step < 2; step++) {
			assert_int_equal(client_step(clients[i]), 0);
			lab_turn_for(lab, 5);
		}
	}
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 2);
	client_connect(lab, clients[2]);
	client_connect(lab, clients[1]);
	for (int i = 0; i < 20; i++) {
		assert_int_not_equal(client_step(clients[0]), 1);
		lab_turn_for(lab, 2);
	}
	for (int i = 0; i < 3; i++)
		client_close(clients[i]);
}

static void wrong_key_gets_no_session(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, "fedcba9876543210", "PSK-AES128-CCM8", NULL, -1);

	for (int i = 0; i < 50; i++) {
		assert_int_not_equal(client_step(client), 1);
		lab_turn_for(lab, 2);
	}
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 0);
	assert_int_equal(lab->request.count, 0);
	assert_int_equal(lab->moved.count, 0);
	client_close(client);
}

static void unknown_identity_is_told_so_and_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, "nobody", KEY, "PSK-AES128-CCM8", NULL, -1);
	int result = 0;

	lab_until(lab, (result = client_step(client)) != 0);
	assert_int_equal(result, -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	client_close(client);
}

static void plain_bytes_on_the_secure_port_are_dropped(void **state)
{
	static const char *const datagrams[] = {
		POST_RD("01"),
		"16",
		"16 FE FD 00 00 00 00 00 00 00 00 00 05 01",
		"17 FE FD 00 01 00 00 00 00 00 01 00 01 00",
		"15 FE FD 00 00 00 00 00 00 00 00 00 02 02 28",
		"16 FE FD 00 00 00 00 00 00 00 00 00 00",
		"16 03 03 00 00 00 00 00 00 00 00 00 01 01",
	};
	struct lab *lab = *state;
	int device = device_open(lab);

	for (size_t i = 0; i < sizeof(datagrams) / sizeof(datagrams[0]); i++)
		device_send(device, datagrams[i]);
	device_expect_nothing(lab, device, 50);
	assert_int_equal(endpoint_counts(lab->endpoint).received, sizeof(datagrams) / sizeof(datagrams[0]));
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 0);
	assert_int_equal(lab->request.count, 0);
	close(device);
}

static void plain_bytes_do_not_disturb_a_session(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);

	device_send(client->socket, POST_RD("01"));
	device_send(client->socket,
		    "15 FE FD 00 00 00 00 00 00 00 99 00 02 02 28"); /* a fatal alert in the clear */
	device_send(client->socket, "15 FE FD 00 01 00 00 00 00 00 99 00 02 02 28");
	device_send(client->socket,
		    "17 FE FD 00 01 00 00 00 00 00 98 00 20 \"12345678901234567890123456789012\"");
	lab_turn_for(lab, 20);
	assert_int_equal(lab->request.count, 0);
	client_registers(lab, client, 2);
	client_close(client);
}

/* ---- records ---- */

/* What the client would send, unsent. */
static size_t capture(struct client *client, const char *hex, uint8_t *ret_datagram)
{
	BIO *network = SSL_get_wbio(client->ssl), *kept = BIO_new(BIO_s_mem());
	char *at;

	BIO_up_ref(network);
	SSL_set0_wbio(client->ssl, kept);
	client_send(client, hex);
	size_t len = (size_t)BIO_get_mem_data(kept, &at);
	assert_in_range(len, 1, 256);
	memcpy(ret_datagram, at, len);
	SSL_set0_wbio(client->ssl, network);
	return len;
}

static void record_is_taken_once_in_any_order(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	uint8_t first[256], second[256], third[256];

	client_registers(lab, client, 1);
	client_registers(lab, client, 2);
	const size_t first_len = capture(client, POST_RD("03"), first);
	const size_t second_len = capture(client, POST_RD("04"), second);
	const size_t third_len = capture(client, POST_RD("05"), third);
	third[third_len - 1] ^= 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(client->socket, third, third_len, 0), third_len);
		assert_int_equal(send(client->socket, second, second_len, 0), second_len);
		assert_int_equal(send(client->socket, first, first_len, 0), first_len);
		lab_turn_for(lab, 10);
		assert_int_equal(lab->request.count, 4);
	}
	assert_int_equal(endpoint_counts(lab->endpoint).duplicates, 0); /* of the message layer */
	third[third_len - 1] ^= 1;
	assert_int_equal(send(client->socket, third, third_len, 0), third_len);
	lab_until(lab, lab->request.count == 5);
	client_close(client);
}

static void record_of_long_ago_is_dropped(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	uint8_t early[256], late[256];

	client_registers(lab, client, 1);
	client_registers(lab, client, 2);
	const size_t early_len = capture(client, POST_RD("F0"), early);
	const size_t late_len = capture(client, POST_RD("F1"), late);
	for (uint8_t mid = 3; mid < 3 + 63; mid++)
		client_registers(lab, client, mid);
	assert_int_equal(lab->request.count, 65);
	assert_int_equal(send(client->socket, early, early_len, 0), early_len); /* 64 before the newest */
	lab_turn_for(lab, 10);
	assert_int_equal(lab->request.count, 65);
	assert_int_equal(send(client->socket, late, late_len, 0), late_len);
	lab_until(lab, lab->request.count == 66);
	client_close(client);
}

static void several_records_of_one_datagram_are_taken(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	uint8_t datagram[512];

	client_registers(lab, client, 1);
	size_t len = capture(client, POST_RD("02"), datagram);
	len += capture(client, POST_RD("03"), datagram + len);
	memset(datagram + len, 0x55, 5); /* and something that is no record */
	assert_int_equal(send(client->socket, datagram, len + 5, 0), len + 5);
	lab_until(lab, lab->request.count == 3);
	client_close(client);
}

static void renegotiation_is_not_offered(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);

	client_registers(lab, client, 1);
	client_registers(lab, client, 2);
	assert_int_equal(SSL_renegotiate(client->ssl), 1);
	(void)SSL_do_handshake(client->ssl);
	lab_turn_for(lab, 20);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);
	client_close(client);
}

/* ---- resumption ---- */

static void session_is_resumed(struct lab *lab, bool with_ticket)
{
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, -1);

	if (!with_ticket)
		SSL_set_options(client->ssl, SSL_OP_NO_TICKET);
	client_connect(lab, client);
	client_registers(lab, client, 1);
	SSL_SESSION *ticket = SSL_get1_session(client->ssl);
	assert_int_equal(SSL_SESSION_has_ticket(ticket), with_ticket);
	client_ends(lab, client);

	client = client_open(lab, IDENTITY, "not needed", "PSK-AES128-CCM8", ticket, -1);
	client_connect(lab, client);
	assert_true(SSL_session_reused(client->ssl));
	client_registers(lab, client, 2);
	assert_string_equal(lab->request.identity, ENDPOINT);
	client_ends(lab, client);

	/* With another key the session of the old one is worth nothing. */
	put_key(lab, ENDPOINT, IDENTITY, "fedcba9876543210");
	client = client_open(lab, IDENTITY, "fedcba9876543210", "PSK-AES128-CCM8", ticket, -1);
	int result = 0;
	lab_until(lab, (result = client_step(client)) != 0);
	if (with_ticket) {
		assert_int_equal(result, 1);
		assert_false(SSL_session_reused(client->ssl));
		client_registers(lab, client, 3);
	} else {
		lab_turn_for(lab, 20);
		assert_int_equal(endpoint_counts(lab->endpoint).sessions, 0);
	}
	SSL_SESSION_free(ticket);
	client_close(client);
}

static void message_may_come_with_the_last_flight(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	SSL_SESSION *ticket = SSL_get1_session(client->ssl);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	client_ends(lab, client);
	client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", ticket, -1);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_options(client->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(client->ssl, 1200);
	SSL_set_bio(client->ssl, in, out);
	while (client_step(client) == 0) {
		send_flight(out, client->socket);
		assert_int_equal(BIO_reset(out), 1);
		struct bytes answer = device_expect(lab, client->socket, "16 FE ...");
		assert_int_equal(BIO_write(in, answer.at, (int)answer.len), answer.len);
	}
	assert_true(SSL_session_reused(client->ssl));
	client_send(client, POST_RD("01")); /* behind ChangeCipherSpec and Finished */
	send_flight(out, client->socket);
	lab_until(lab, lab->request.count == 1);
	assert_string_equal(lab->request.identity, ENDPOINT);
	SSL_SESSION_free(ticket);
	client_close(client);
}

static void session_is_resumed_by_ticket(void **state)
{
	session_is_resumed(*state, true);
}

static void session_is_resumed_by_its_id(void **state)
{
	session_is_resumed(*state, false);
}

/* ---- addresses ---- */

static void known_identity_may_come_from_a_new_address(void **state)
{
	struct lab *lab = *state;
	struct client *old = connected(lab);
	client_registers(lab, old, 1);
	const struct coap_address old_address = lab->request.from;
	const struct coap_message request = { .code = COAP_GET,
					      .content_format = COAP_NO_FORMAT,
					      .accept = COAP_NO_FORMAT };
	assert_int_equal(exchange_start(lab->endpoint, &old_address, "", &request, 0, lab_done, lab, 1, NULL),
			 ERR_NONE);

	struct client *client = connected(lab);
	client_registers(lab, client, 1);
	assert_int_equal(lab->moved.count, 2);
	assert_true(coap_address_equal(&lab->moved.from, &lab->request.from));
	assert_false(coap_address_equal(&lab->moved.from, &old_address));
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_UNAVAILABLE);
	client_close(old);
	client_close(client);
}

static void handshake_at_the_same_address_replaces_the_session_when_it_completes(void **state)
{
	struct lab *lab = *state;
	struct client *old = connected(lab);
	int socket = old->socket;
	client_registers(lab, old, 1);

	/* The device has lost its session and begins anew; until then the old one goes on. */
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK-AES128-CCM8", NULL, socket);
	assert_int_equal(client_step(client), 0);
	lab_turn_for(lab, 5);
	assert_int_equal(client_step(client), 0); /* with the cookie */
	lab_turn_for(lab, 5);
	client_send(old, POST_RD("02"));
	lab_until(lab, lab->request.count == 2);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);

	client_connect(lab, client);
	client_registers(lab, client, 1); /* the message id of the old session is no duplicate */
	assert_int_equal(lab->request.count, 3);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);
	assert_int_equal(endpoint_counts(lab->endpoint).peers, 1);
	assert_int_equal(lab->moved.count, 1);
	client_leave(old);
	client_close(client);
}

static void another_device_at_the_same_address_is_another(void **state)
{
	struct lab *lab = *state;
	struct client *old = connected(lab);
	client_registers(lab, old, 1);
	put_key(lab, "dev2", "urn:imei:2", KEY);

	struct client *client = client_open(lab, "urn:imei:2", KEY, "PSK-AES128-CCM8", NULL, old->socket);
	client_connect(lab, client);
	client_registers(lab, client, 1);
	assert_string_equal(lab->request.identity, "dev2");
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 1);
	client_leave(old);
	client_close(client);
}

/* ---- ends ---- */

static void close_notify_ends_session_and_exchanges(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	client_registers(lab, client, 1);
	const struct coap_message request = { .code = COAP_GET,
					      .content_format = COAP_NO_FORMAT,
					      .accept = COAP_NO_FORMAT };

	assert_int_equal(
		exchange_start(lab->endpoint, &lab->request.from, "", &request, 0, lab_done, lab, 1, NULL),
		ERR_NONE);
	(void)SSL_shutdown(client->ssl);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_UNAVAILABLE);
	assert_int_equal(endpoint_counts(lab->endpoint).sessions, 0);
	assert_int_equal(
		exchange_start(lab->endpoint, &lab->request.from, "", &request, 0, lab_done, lab, 2, NULL),
		ERR_UNAVAILABLE);
	client_close(client);
}

static void late_reply_to_a_closed_session_goes_nowhere(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);

	lab->is_silent = true;
	client_send(client, POST_RD("01"));
	lab_until(lab, lab->request.count == 1);
	(void)SSL_shutdown(client->ssl);
	lab_until(lab, endpoint_counts(lab->endpoint).peers == 0);
	endpoint_reply(lab->endpoint, lab->request.reply, &lab->answer);
	lab_turn_for(lab, 10);
	client_close(client);
}

static void closing_says_close_notify(void **state)
{
	struct endpoint_settings settings = lab_settings();
	settings.coap_listen = "";
	settings.coaps_listen = "127.0.0.1:0";
	struct lab *lab = lab_open(&settings);
	put_key(lab, ENDPOINT, IDENTITY, KEY);
	struct client *client = connected(lab);
	uint8_t byte;

	endpoint_free(lab->endpoint);
	lab->endpoint = NULL;
	int result = SSL_read(client->ssl, &byte, 1);
	assert_int_equal(SSL_get_error(client->ssl, result), SSL_ERROR_ZERO_RETURN);
	client_close(client);
	lab_close(lab);
}

static void session_ends_with_its_credential(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);

	client_registers(lab, client, 1);
	put_key(lab, "dev2", "urn:imei:2", KEY); /* another's does not matter */
	client_registers(lab, client, 2);
	credentials_remove(lab->credentials, CREDENTIAL_KIND_PSK, ENDPOINT);
	client_send(client, POST_RD("03"));
	lab_until(lab, endpoint_counts(lab->endpoint).sessions == 0);
	assert_int_equal(lab->request.count, 2);
	client_close(client);
}

static void device_is_asked_through_its_session(void **state)
{
	struct lab *lab = *state;
	struct client *client = connected(lab);
	client_registers(lab, client, 1);
	const struct coap_message request = {
		.code = COAP_GET,
		.path = { bytes_of_text("3") },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};

	lab->endpoint->settings.block_size = 1024;
	assert_int_equal(
		exchange_start(lab->endpoint, &lab->request.from, "", &request, 0, lab_done, lab, 1, NULL),
		ERR_NONE);
	uint8_t first[64], answer[14] = { 0x68, 0x45 };
	struct bytes message = client_expect(lab, client);
	assert_int_equal(message.len, 14);
	memcpy(first, message.at, message.len);
	message = client_expect(lab, client); /* again, encrypted anew */
	assert_memory_equal(first, message.at, message.len);
	memcpy(answer + 2, message.at + 2, 10);
	assert_int_equal(SSL_write(client->ssl, answer, 12), 12);
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	client_close(client);
}

/* ---- other implementations ---- */

static coap_response_t on_coap_response(coap_session_t *session, const coap_pdu_t *sent,
					const coap_pdu_t *received, const coap_mid_t mid)
{
	unsigned *codes = coap_get_app_data(coap_session_get_context(session));

	*codes = coap_pdu_get_code(received);
	return COAP_RESPONSE_OK;
}

static void libcoap_client_is_served(void **state)
{
	struct lab *lab = *state;
	coap_context_t *context = coap_new_context(NULL);
	coap_address_t address;
	unsigned code = 0;
	coap_dtls_cpsk_t psk = {
		.version = COAP_DTLS_CPSK_SETUP_VERSION,
		.psk_info.identity = { strlen(IDENTITY), (const uint8_t *)IDENTITY },
		.psk_info.key = { strlen(KEY), (const uint8_t *)KEY },
	};

	coap_address_init(&address);
	address.size = sizeof(lab->server.v4);
	address.addr.sin = lab->server.v4;
	coap_set_app_data(context, &code);
	coap_register_response_handler(context, on_coap_response);
	coap_session_t *session =
		coap_new_client_session_psk2(context, NULL, &address, COAP_PROTO_DTLS, &psk);
	assert_non_null(session);
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, coap_new_message_id(session), 64);
	coap_add_option(pdu, COAP_OPTION_URI_PATH, 2, (const uint8_t *)"rd");
	assert_int_not_equal(coap_send(session, pdu), COAP_INVALID_MID);
	for (int i = 0; i < 1000 && code == 0; i++) {
		coap_io_process(context, COAP_IO_NO_WAIT);
		lab_turn_for(lab, 1);
	}
	assert_int_equal(code, COAP_RESPONSE_CODE_CHANGED);
	assert_string_equal(lab->request.identity, ENDPOINT);
	coap_session_release(session);
	coap_free_context(context);
	lab_until(lab, endpoint_counts(lab->endpoint).sessions == 0); /* it has said close_notify */
}

static void coap_client_program_is_served(void **state)
{
	struct lab *lab = *state;
	char command[256], answer[64] = "";

	if (system("command -v coap-client-openssl >/dev/null") != 0) {
		print_message("SKIPPED: coap-client-openssl (package libcoap3-bin) is not here\n");
		skip();
	}
	lab->answer.code = COAP_CODE(2, 5);
	lab->answer.payload = bytes_of_text("hello from cardea");
	snprintf(command, sizeof(command),
		 "coap-client-openssl -v 0 -B 5 -m get -u %s -k %s coaps://127.0.0.1:%u/x", IDENTITY, KEY,
		 ntohs(lab->server.v4.sin_port));
	FILE *output = popen(command, "r");
	assert_non_null(output);
	lab_until(lab, lab->request.count == 1);
	lab_turn_for(lab, 50);
	assert_non_null(fgets(answer, sizeof(answer), output));
	assert_string_equal(strtok(answer, "\n"), "hello from cardea");
	assert_int_equal(pclose(output), 0);
}

/* ---- OSCORE inside of DTLS (RFC 8613 1.1 and 8: they need nothing of each other) ---- */

struct inner { /* the device's side of the context */
	struct arena *arena;
	struct oscore_keys keys;
	uint8_t bytes[2048];
	struct oscore_option option;
};

static struct bytes inner_hex(struct inner *inner, const char *digits)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(inner->arena, digits, &bytes), ERR_NONE);
	return bytes;
}

static void inner_open(struct inner *inner, struct lab *lab, const char *endpoint)
{
	struct oscore_parameters parameters;
	struct oscore_keys keys;

	*inner = (struct inner){ .arena = arena_create(0) };
	parameters = (struct oscore_parameters){
		.master_secret = inner_hex(inner, "0102030405060708090A0B0C0D0E0F10"),
		.recipient_id = inner_hex(inner, "01"),
	};
	assert_int_equal(oscore_derive(inner->arena, &parameters, &keys), ERR_NONE);
	assert_int_equal(credentials_put_oscore(lab->credentials, endpoint, &keys), ERR_NONE);
	assert_int_equal(oscore_numbers_expect(lab->oscore_numbers, keys.print), ERR_NONE);
	parameters.sender_id = parameters.recipient_id;
	parameters.recipient_id = bytes_of(NULL, 0);
	assert_int_equal(oscore_derive(inner->arena, &parameters, &inner->keys), ERR_NONE);
}

static void inner_send(struct inner *inner, struct client *client, const struct oscore_message *message,
		       struct bytes plain)
{
	uint8_t out[1024];
	size_t len;

	assert_int_equal(oscore_protect(inner->arena, message, plain, out, sizeof(out), &len), ERR_NONE);
	assert_int_equal(SSL_write(client->ssl, out, (int)len), (int)len);
}

static struct bytes inner_expect(struct inner *inner, struct lab *lab, struct client *client, bool is_request)
{
	const struct bytes datagram = client_expect(lab, client);
	struct coap_message outer;
	struct pdu pdu;
	size_t len;

	assert_int_equal(pdu_read(datagram, &pdu, &outer), PDU_GOOD);
	assert_true(pdu.has_oscore && oscore_option_read(pdu.oscore, &inner->option));
	const struct oscore_message message = {
		.keys = &inner->keys,
		.is_request = is_request,
		.request_number = is_request ? inner->option.number : 0,
	};
	assert_int_equal(oscore_unprotect(inner->arena, &message, datagram, inner->bytes, &len), ERR_NONE);
	return bytes_of(inner->bytes, len);
}

static void oscore_inside_of_dtls_goes_both_ways(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK", NULL, -1);
	struct inner inner;
	struct bytes message;

	inner_open(&inner, lab, ENDPOINT);
	client_connect(lab, client);
	const struct oscore_message request = { .keys = &inner.keys, .is_request = true };
	inner_send(&inner, client, &request, inner_hex(&inner, "40010001B27264")); /* GET /rd */
	message = inner_expect(&inner, lab, client, false);
	assert_int_equal(message.at[1], COAP_CODE(2, 4));
	assert_string_equal(lab->request.path, "rd");
	assert_string_equal(lab->request.identity, ENDPOINT);
	assert_true(lab->request.from.is_secure);

	/* Who speaks so is spoken to so. */
	const struct coap_message read = {
		.code = COAP_GET,
		.path = { bytes_of_text("3") },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};
	assert_int_equal(
		exchange_start(lab->endpoint, &lab->request.from, ENDPOINT, &read, 7, lab_done, lab, 1, NULL),
		ERR_NONE);
	message = inner_expect(&inner, lab, client, true);
	assert_int_equal(message.at[1], COAP_GET);
	uint8_t answer[16] = { 0x68, COAP_CODE(2, 5) };
	memcpy(answer + 2, message.at + 2, 2 + 8); /* message id and token */
	memcpy(answer + 12,
	       "\xFF"
	       "abc",
	       4);
	const struct oscore_message answered = { .keys = &inner.keys, .request_number = inner.option.number };
	inner_send(&inner, client, &answered, bytes_of(answer, sizeof(answer)));
	lab_until(lab, lab->result.count == 1);
	assert_int_equal(lab->result.err, ERR_NONE);
	assert_memory_equal(lab->result.body, "abc", 3);
	arena_free(inner.arena);
	client_close(client);
}

/* Nor may a session lend its name to a message of another. */
static void oscore_names_the_device_not_the_session(void **state)
{
	struct lab *lab = *state;
	struct client *client = client_open(lab, IDENTITY, KEY, "PSK", NULL, -1);
	struct inner inner;

	inner_open(&inner, lab, "dev2");
	client_connect(lab, client);
	const struct oscore_message request = { .keys = &inner.keys, .is_request = true };
	inner_send(&inner, client, &request, inner_hex(&inner, "40010001B27264"));
	inner_expect(&inner, lab, client, false);
	assert_string_equal(lab->request.identity, "dev2");
	arena_free(inner.arena);
	client_close(client);
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LAB(request_comes_with_the_endpoint_name_of_its_key),
		IN_LAB(every_suite_that_we_promise_works),
		IN_LAB(other_suites_are_refused),
		IN_LAB(nothing_is_kept_before_the_cookie_returns),
		IN_LAB(cookie_of_another_address_is_no_good),
		IN_LAB(new_handshake_pushes_out_the_oldest),
		IN_LAB(wrong_key_gets_no_session),
		IN_LAB(unknown_identity_is_told_so_and_leaves_nothing),
		IN_LAB(plain_bytes_on_the_secure_port_are_dropped),
		IN_LAB(plain_bytes_do_not_disturb_a_session),
		IN_LAB(record_is_taken_once_in_any_order),
		IN_LAB(record_of_long_ago_is_dropped),
		IN_LAB(several_records_of_one_datagram_are_taken),
		IN_LAB(renegotiation_is_not_offered),
		IN_LAB(message_may_come_with_the_last_flight),
		IN_LAB(session_is_resumed_by_ticket),
		IN_LAB(session_is_resumed_by_its_id),
		IN_LAB(known_identity_may_come_from_a_new_address),
		IN_LAB(handshake_at_the_same_address_replaces_the_session_when_it_completes),
		IN_LAB(another_device_at_the_same_address_is_another),
		IN_LAB(close_notify_ends_session_and_exchanges),
		IN_LAB(late_reply_to_a_closed_session_goes_nowhere),
		IN_LAB(oscore_inside_of_dtls_goes_both_ways),
		IN_LAB(oscore_names_the_device_not_the_session),
		cmocka_unit_test(closing_says_close_notify),
		IN_LAB(session_ends_with_its_credential),
		IN_LAB(device_is_asked_through_its_session),
		IN_LAB(libcoap_client_is_served),
		IN_LAB(coap_client_program_is_served),
	};

	coap_startup();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	coap_cleanup();
	return failed;
}
