#include "registry_lab.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

#define LINKS "</1/0>,</3/0>"

/* ---- the server's side ---- */

static void note_endpoint(struct registry_lab *lab, const char *endpoint)
{
	snprintf(lab->heard.endpoint, sizeof(lab->heard.endpoint), "%s", endpoint);
}

static void on_registered(void *self, const struct device *device)
{
	struct registry_lab *lab = self;

	assert_true(device->is_awake); /* a listener may start an operation at once */
	lab->heard.registered++;
	note_endpoint(lab, device->endpoint);
}

static void on_awake(void *self, const struct device *device)
{
	struct registry_lab *lab = self;

	assert_true(device->is_awake);
	lab->heard.awake++;
	note_endpoint(lab, device->endpoint);
}

static void on_gone(void *self, const char *endpoint)
{
	struct registry_lab *lab = self;

	lab->heard.gone++;
	note_endpoint(lab, endpoint);
}

static void on_notified(void *self, const char *endpoint, uint64_t job_id, struct lwm2m_path path,
			uint16_t format, struct bytes payload, struct lwm2m_records records,
			const struct fault *fault)
{
	struct registry_lab *lab = self;

	lab->heard.notified++;
	note_endpoint(lab, endpoint);
	lab->heard.job_id = job_id;
	lab->heard.path = path;
	lab->heard.format = format;
	lab->heard.fault = *fault;
	lab->heard.record_count = records.count;
	if (records.count > 0)
		lab->heard.record = records.at[0];
}

static void on_event(void *self, const struct event *event)
{
	struct registry_lab *lab = self;

	lab->event_count++;
	snprintf(lab->event_type, sizeof(lab->event_type), "%s", event->type);
	snprintf(lab->event_json, sizeof(lab->event_json), "%s", event->json);
}

void lab_answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct registry_lab *lab = self;
	const struct lab_answer before = lab->answer;
	struct bytes text = answer->payload;

	lab->answer = (struct lab_answer){
		.count = before.count + 1,
		.id = id,
		.fault = answer->fault,
		.code = answer->code,
		.format = answer->format,
		.payload_len = answer->payload.len,
		.record_count = answer->records.count,
		.location = answer->location,
	};
	memcpy(lab->answer.kinds, before.kinds, sizeof(before.kinds));
	if (id < sizeof(before.kinds) / sizeof(before.kinds[0]))
		lab->answer.kinds[id] = answer->fault.kind;
	if (answer->records.count > 0) {
		lab->answer.record = answer->records.at[0];
		if (lab->answer.record.value.type == LWM2M_STRING)
			text = lab->answer.record.value.bytes;
	}
	snprintf(lab->answer.text, sizeof(lab->answer.text), "%.*s", (int)text.len, (const char *)text.at);
}

static void create_registry(struct registry_lab *lab, const char *listen)
{
	const struct registry_listener listener = { on_registered, on_awake, on_gone, on_notified, lab };
	const struct endpoint_settings settings = {
		.coap_listen = listen,
		.coaps_listen = "",
		.credentials = lab->credentials,
		.ack_timeout_ms = 50,
		.max_retransmit = 1,
		.block_size = 1024,
		.max_body_bytes = 65536,
		.max_peers = 64,
	};
	struct endpoint_handlers handlers;
	struct fault fault = { 0 };

	assert_int_equal(registry_create(&lab->parts, &lab->registry), ERR_NONE);
	registry_listen(lab->registry, &listener);
	handlers = registry_handlers(lab->registry);
	if (endpoint_create(lab->loop, &settings, &handlers, &lab->endpoint, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	registry_attach(lab->registry, lab->endpoint);
}

static void free_registry(struct registry_lab *lab)
{
	registry_attach(lab->registry, NULL);
	endpoint_free(lab->endpoint);
	registry_free(lab->registry);
}

int registry_lab_open(void **state)
{
	struct registry_lab *lab = calloc(1, sizeof(*lab));
	struct subscription *subscription;
	bool has_gap;

	assert_non_null(lab);
	assert_int_equal(loop_create(&lab->loop), ERR_NONE);
	assert_int_equal(store_open("", STORE_INLINE, lab->loop, &lab->store, NULL), ERR_NONE);
	assert_int_equal(model_create(&lab->model), ERR_NONE);
	assert_int_equal(model_add_folder(lab->model, "server/lwm2m/objects", NULL), ERR_NONE);
	assert_int_equal(events_create(loop_wall_ms(lab->loop), &lab->events), ERR_NONE);
	assert_int_equal(events_subscribe(lab->events, 0, on_event, lab, &subscription, &has_gap), ERR_NONE);
	assert_int_equal(credentials_create(&lab->credentials), ERR_NONE);
	lab->parts = (struct registry_parts){
		.loop = lab->loop,
		.store = lab->store,
		.model = lab->model,
		.events = lab->events,
		.credentials = lab->credentials,
		.max_devices = 4,
		.awake_ms = 200,
	};
	create_registry(lab, "127.0.0.1:0");
	assert_int_equal(
		coap_address_parse(strstr(endpoint_listening(lab->endpoint, 0), "//") + 2, &lab->server),
		ERR_NONE);
	*state = lab;
	return 0;
}

void registry_lab_recreate(struct registry_lab *lab)
{
	char listen[COAP_ADDRESS_TEXT_SIZE];

	free_registry(lab);
	create_registry(lab, coap_address_print(&lab->server, listen));
}

void registry_lab_restart(struct registry_lab *lab)
{
	registry_lab_recreate(lab);
	lab->heard = (struct lab_heard){ 0 };
	lab->event_count = 0;
}

int registry_lab_close(void **state)
{
	struct registry_lab *lab = *state;

	free_registry(lab);
	credentials_free(lab->credentials);
	events_free(lab->events);
	model_free(lab->model);
	store_close(lab->store);
	loop_free(lab->loop);
	free(lab);
	return 0;
}

/* ---- time ---- */

static int64_t played_ms = 1000000;

/* The linker sends all calls of clock_gettime here (--wrap). */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	ret_now->tv_sec = (time_t)(played_ms / 1000);
	ret_now->tv_nsec = (long)(played_ms % 1000) * 1000000;
	return 0;
}

int64_t lab_now_ms(void)
{
	return played_ms;
}

void lab_turn(struct registry_lab *lab)
{
	assert_int_equal(loop_turn(lab->loop, 1), ERR_NONE);
	played_ms++;
}

void lab_turn_for(struct registry_lab *lab, int ms)
{
	for (int turn = 0; turn < ms; turn++)
		lab_turn(lab);
}

/* ---- the device's side ---- */

struct lab_device device_open(const struct registry_lab *lab)
{
	struct lab_device device = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .mid = 1 };

	assert_true(device.fd >= 0);
	assert_int_equal(connect(device.fd, &lab->server.any, sizeof(lab->server.v4)), 0);
	return device;
}

void device_close(struct lab_device *device)
{
	close(device->fd);
}

static void send_pdu(struct lab_device *device, const struct pdu *pdu, const struct coap_message *message,
		     struct bytes payload)
{
	uint8_t datagram[2048];
	size_t size = pdu_write(pdu, message, payload, datagram, sizeof(datagram));

	assert_true(size > 0);
	assert_int_equal(send(device->fd, datagram, size, 0), (ssize_t)size);
}

/* False when nothing is there now. */
static bool receive(struct lab_device *device)
{
	ssize_t size = recv(device->fd, device->datagram, sizeof(device->datagram), MSG_DONTWAIT);

	if (size < 0)
		return false;
	assert_int_equal(pdu_read(bytes_of(device->datagram, (size_t)size), &device->pdu, &device->message),
			 PDU_GOOD);
	return true;
}

static void receive_next(struct registry_lab *lab, struct lab_device *device)
{
	lab_until(lab, receive(device));
}

/* "a/b" or "a=1&b" into parts that point into the text. */
static size_t split(const char *text, char separator, struct bytes *to)
{
	size_t count = 0;

	while (*text != 0) {
		const char *end = strchrnul(text, separator);

		to[count++] = bytes_of(text, (size_t)(end - text));
		text = *end == 0 ? end : end + 1;
	}
	return count;
}

uint8_t device_ask(struct registry_lab *lab, struct lab_device *device, uint8_t method, const char *target,
		   uint16_t format, struct bytes payload)
{
	struct coap_message message = { .code = method, .content_format = format, .accept = COAP_NO_FORMAT };
	const struct pdu pdu = {
		.type = PDU_CON, .code = method, .mid = ++device->mid, .token_len = 1, .token = { 7 }
	};
	char text[LAB_TEXT];
	char *query;

	snprintf(text, sizeof(text), "%s", target);
	query = strchr(text, '?');
	if (query != NULL)
		*query++ = 0;
	message.path_count = split(text + 1, '/', message.path);
	message.query_count = query == NULL ? 0 : split(query, '&', message.query);
	send_pdu(device, &pdu, &message, payload);
	do
		receive_next(lab, device);
	while (device->pdu.mid != pdu.mid || device->pdu.type != PDU_ACK);
	return device->message.code;
}

void device_register(struct registry_lab *lab, struct lab_device *device, const char *query)
{
	char target[LAB_TEXT];

	snprintf(target, sizeof(target), "/rd?%s", query);
	assert_int_equal(device_ask(lab, device, COAP_POST, target, FORMAT_LINK, bytes_of_text(LINKS)),
			 COAP_CODE(2, 1));
	assert_int_equal(device->message.path_count, 2);
	assert_true(bytes_equal_text(device->message.path[0], "rd"));
	snprintf(device->location, sizeof(device->location), "/rd/%.*s", (int)device->message.path[1].len,
		 (const char *)device->message.path[1].at);
}

uint8_t device_update(struct registry_lab *lab, struct lab_device *device, const char *query)
{
	char target[LAB_TEXT];

	snprintf(target, sizeof(target), "%s%s%s", device->location, query[0] == 0 ? "" : "?", query);
	return device_ask(lab, device, COAP_POST, target, COAP_NO_FORMAT, bytes_of(NULL, 0));
}

void device_await(struct registry_lab *lab, struct lab_device *device)
{
	receive_next(lab, device);
	assert_int_equal(device->pdu.type, PDU_CON);
	assert_int_equal(device->message.code >> 5, 0);
}

void device_expect_nothing(struct registry_lab *lab, struct lab_device *device, int ms)
{
	lab_turn_for(lab, ms);
	assert_false(receive(device));
}

static void answer(struct lab_device *device, const struct coap_message *message)
{
	struct pdu pdu = { .type = PDU_ACK,
			   .code = message->code,
			   .mid = device->pdu.mid,
			   .token_len = device->pdu.token_len };

	memcpy(pdu.token, device->pdu.token, sizeof(pdu.token));
	send_pdu(device, &pdu, message, message->payload);
}

static struct coap_message message_of(uint8_t code, int observe, uint16_t format, struct bytes payload)
{
	return (struct coap_message){
		.code = code,
		.content_format = format,
		.accept = COAP_NO_FORMAT,
		.has_observe = observe >= 0,
		.observe = observe >= 0 ? (uint32_t)observe : 0,
		.payload = payload,
	};
}

void device_answer(struct lab_device *device, uint8_t code, int observe, uint16_t format,
		   struct bytes payload)
{
	const struct coap_message message = message_of(code, observe, format, payload);

	answer(device, &message);
}

static void send_empty(struct lab_device *device, enum pdu_type type)
{
	const struct pdu pdu = { .type = type, .mid = device->pdu.mid };

	send_pdu(device, &pdu, NULL, bytes_of(NULL, 0));
}

void device_acknowledge(struct lab_device *device)
{
	send_empty(device, PDU_ACK);
}

void device_reset(struct lab_device *device)
{
	send_empty(device, PDU_RST);
}

void device_answer_created(struct lab_device *device, const char *first, const char *second)
{
	struct coap_message message = message_of(COAP_CODE(2, 1), -1, COAP_NO_FORMAT, bytes_of(NULL, 0));

	message.path[0] = bytes_of_text(first);
	message.path[1] = bytes_of_text(second);
	message.path_count = 2;
	answer(device, &message);
}

void device_notify(struct lab_device *device, uint64_t token, uint8_t code, int observe, uint16_t format,
		   struct bytes payload)
{
	const struct coap_message message = message_of(code, observe, format, payload);
	struct pdu pdu = { .type = PDU_NON, .code = code, .mid = ++device->mid, .token_len = 8 };

	for (size_t i = 0; i < 8; i++)
		pdu.token[i] = (uint8_t)(token >> (56 - 8 * i));
	send_pdu(device, &pdu, &message, payload);
}

uint64_t device_token(const struct lab_device *device)
{
	uint64_t token = 0;

	for (size_t i = 0; i < device->pdu.token_len; i++)
		token = token << 8 | device->pdu.token[i];
	return token;
}

const char *device_path(const struct lab_device *device)
{
	static char text[LAB_TEXT];
	size_t len = 0;

	text[0] = 0;
	for (size_t i = 0; i < device->message.path_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", i > 0 ? "/" : "",
					(int)device->message.path[i].len,
					(const char *)device->message.path[i].at);
	return text;
}
