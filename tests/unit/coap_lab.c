#include "coap_lab.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANY          (-1)
#define REST         (-2)
#define DATAGRAM_MAX 4096

static void join(const struct bytes *parts, size_t count, char separator, char *to)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(to + len, LAB_TEXT - len, "%.*s%.*s", i > 0, &separator,
					(int)parts[i].len, (const char *)parts[i].at);
	to[len] = 0;
}

static void see(struct lab_seen *seen, const struct coap_message *message, const struct coap_address *from,
		const char *identity)
{
	seen->count++;
	seen->code = message->code;
	join(message->path, message->path_count, '/', seen->path);
	join(message->query, message->query_count, '&', seen->query);
	snprintf(seen->identity, sizeof(seen->identity), "%s", identity);
	seen->from = *from;
	seen->content_format = message->content_format;
	seen->accept = message->accept;
	seen->has_observe = message->has_observe;
	seen->observe = message->observe;
	assert_true(message->payload.len <= sizeof(seen->body));
	seen->body_len = message->payload.len;
	if (message->payload.len > 0)
		memcpy(seen->body, message->payload.at, message->payload.len);
}

static void on_request(void *self, const struct coap_request *request)
{
	struct lab *lab = self;

	see(&lab->request, request->message, request->from, request->identity);
	lab->request.reply = request->reply;
	if (!lab->is_silent)
		endpoint_reply(lab->endpoint, request->reply, &lab->answer);
}

static bool on_notification(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			    const struct coap_message *message)
{
	struct lab *lab = self;

	if (token != lab->observed_token)
		return false;
	see(&lab->notification, message, from, identity);
	lab->notification.token = token;
	return true;
}

static bool on_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			struct coap_message *ret_request)
{
	const struct lab *lab = self;

	if (token != lab->observed_token)
		return false;
	ret_request->path[0] = bytes_of_text("3");
	ret_request->path[1] = bytes_of_text("0");
	ret_request->path_count = 2;
	ret_request->accept = 11542;
	return true;
}

static void on_moved(void *self, const char *identity, const struct coap_address *to)
{
	struct lab *lab = self;

	lab->moved.count++;
	lab->moved.from = *to;
	snprintf(lab->moved.identity, sizeof(lab->moved.identity), "%s", identity);
}

void lab_done(void *self, uint64_t id, const struct exchange_result *result)
{
	struct lab *lab = self;

	assert_true(lab->result.count < sizeof(lab->order) / sizeof(lab->order[0]));
	lab->order[lab->result.count++] = (unsigned)id;
	lab->result.err = result->err;
	lab->result.id = id;
	lab->result.token = result->token;
	lab->result.was_acknowledged = result->was_acknowledged;
	assert_true((result->err == ERR_NONE) == (result->message != NULL));
	if (result->message == NULL)
		return;
	lab->result.code = result->message->code;
	lab->result.has_observe = result->message->has_observe;
	lab->result.body_len = result->message->payload.len;
	assert_true(result->message->payload.len <= sizeof(lab->result.body));
	if (result->message->payload.len > 0)
		memcpy(lab->result.body, result->message->payload.at, result->message->payload.len);
}

struct endpoint_settings lab_settings(void)
{
	return (struct endpoint_settings){
		.coap_listen = "127.0.0.1:0",
		.coaps_listen = "",
		.ack_timeout_ms = 40,
		.max_retransmit = 2,
		.block_size = 64,
		.max_body_bytes = 32768,
		.max_peers = 64,
		.max_connections = 8,
		.connection_idle_s = 3600,
	};
}

static void on_renewed(void *self, const char *identity)
{
	struct lab *lab = self;

	lab->renewed.count++;
	snprintf(lab->renewed.identity, sizeof(lab->renewed.identity), "%s", identity);
}

static void on_lost(void *self, const struct coap_address *from, const char *identity)
{
	struct lab *lab = self;

	lab->lost.count++;
	lab->lost.from = *from;
	snprintf(lab->lost.identity, sizeof(lab->lost.identity), "%s", identity);
}

static void open_endpoint(struct lab *lab)
{
	const struct endpoint_handlers handlers = {
		.request = on_request,
		.notification = on_notification,
		.observed = on_observed,
		.moved = on_moved,
		.renewed = on_renewed,
		.lost = on_lost,
		.self = lab,
	};
	struct fault fault = { 0 };

	assert_int_equal(oscore_numbers_create(lab->store, &lab->oscore_numbers, &fault), ERR_NONE);
	lab->settings.credentials = lab->credentials;
	lab->settings.oscore_numbers = lab->oscore_numbers;
	if (endpoint_create(lab->loop, &lab->settings, &handlers, &lab->endpoint, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	const char *name = endpoint_listening(lab->endpoint, 0);
	assert_non_null(name);
	assert_int_equal(coap_address_parse(strstr(name, "//") + 2, &lab->server), ERR_NONE);
}

static void close_endpoint(struct lab *lab)
{
	endpoint_free(lab->endpoint);
	oscore_numbers_free(lab->oscore_numbers);
}

struct lab *lab_open(const struct endpoint_settings *settings)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	lab->settings = *settings;
	assert_int_equal(loop_create(&lab->loop), ERR_NONE);
	assert_int_equal(store_open("", STORE_INLINE, NULL, &lab->store, NULL), ERR_NONE);
	assert_int_equal(credentials_create(&lab->credentials), ERR_NONE);
	open_endpoint(lab);
	lab->answer = (struct coap_message){
		.code = COAP_CODE(2, 4),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};
	return lab;
}

void lab_restart(struct lab *lab)
{
	close_endpoint(lab);
	open_endpoint(lab);
}

void lab_close(struct lab *lab)
{
	close_endpoint(lab);
	credentials_free(lab->credentials);
	store_close(lab->store);
	loop_free(lab->loop);
	free(lab);
}

void lab_turn_for(struct lab *lab, int ms)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		assert_int_equal(loop_turn(lab->loop, 1), ERR_NONE);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

static socklen_t address_size(const struct coap_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

int device_open(const struct lab *lab)
{
	int device = socket(lab->server.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(device >= 0);
	assert_int_equal(connect(device, &lab->server.any, address_size(&lab->server)), 0);
	return device;
}

struct coap_address device_address(const struct lab *lab, int device)
{
	struct coap_address address = { 0 };
	socklen_t size = sizeof(address.v6);

	assert_int_equal(getsockname(device, &address.any, &size), 0);
	return address;
}

/* One element of the notation; the number of bytes that it stands for is in *ret_count. */
static const char *next_element(const char *hex, int ret_values[LAB_TEXT], size_t *ret_count)
{
	*ret_count = 0;
	hex += strspn(hex, " ");
	if (*hex == '"') {
		for (hex++; *hex != '"'; hex++)
			ret_values[(*ret_count)++] = (uint8_t)*hex;
		return hex + 1;
	}
	if (strncmp(hex, "...", 3) == 0) {
		ret_values[(*ret_count)++] = REST;
		return hex + 3;
	}
	if (strncmp(hex, "??", 2) == 0) {
		ret_values[(*ret_count)++] = ANY;
		return hex + 2;
	}
	if (*hex != 0) {
		char digits[3] = { hex[0], hex[1], 0 };
		assert_true(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
		ret_values[(*ret_count)++] = (int)strtoul(digits, NULL, 16);
		return hex + 2;
	}
	return hex;
}

size_t lab_bytes(const char *hex, uint8_t *to, size_t size)
{
	int values[LAB_TEXT];
	size_t count, len = 0;

	while (hex = next_element(hex, values, &count), count > 0)
		for (size_t i = 0; i < count; i++) {
			assert_true(len < size && values[i] >= 0);
			to[len++] = (uint8_t)values[i];
		}
	return len;
}

void device_send(int device, const char *hex)
{
	uint8_t datagram[DATAGRAM_MAX];
	size_t len = lab_bytes(hex, datagram, sizeof(datagram));

	assert_int_equal(send(device, datagram, len, 0), len);
}

static bool has_datagram(int device)
{
	struct pollfd poll_fd = { .fd = device, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void print_datagram(struct bytes datagram)
{
	for (size_t i = 0; i < datagram.len; i++)
		print_error("%02X ", datagram.at[i]);
	print_error("\n");
}

struct bytes device_expect(struct lab *lab, int device, const char *hex)
{
	static uint8_t bytes[DATAGRAM_MAX];
	int values[LAB_TEXT];
	size_t count, at = 0;
	const char *rest = hex;

	lab_until(lab, has_datagram(device));
	ssize_t len = recv(device, bytes, sizeof(bytes), 0);
	assert_true(len >= 0);
	struct bytes datagram = bytes_of(bytes, (size_t)len);
	while (rest = next_element(rest, values, &count), count > 0)
		for (size_t i = 0; i < count; i++) {
			if (values[i] == REST)
				return datagram;
			if (at >= datagram.len || (values[i] != ANY && values[i] != datagram.at[at])) {
				print_datagram(datagram);
				fail_msg("byte %zu is not as in %s", at, hex);
			}
			at++;
		}
	if (at != datagram.len) {
		print_datagram(datagram);
		fail_msg("%zu bytes more than in %s", datagram.len - at, hex);
	}
	return datagram;
}

void device_expect_nothing(struct lab *lab, int device, int ms)
{
	lab_turn_for(lab, ms);
	assert_false(has_datagram(device));
}
