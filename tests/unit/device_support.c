#include "libcoap.h"

#include "device_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 30000

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the server ---- */

static struct test_server *server_of(coap_session_t *session)
{
	return coap_get_app_data(coap_session_get_context(session));
}

static struct bytes keep(struct test_server *server, struct bytes bytes)
{
	struct bytes copy;

	assert_int_equal(bytes_copy(server->arena, bytes, &copy), ERR_NONE);
	return copy;
}

static struct bytes payload_of(struct test_server *server, const coap_pdu_t *pdu)
{
	struct bytes payload = { NULL, 0 };
	size_t offset, total;

	if (!coap_get_data_large(pdu, &payload.len, &payload.at, &offset, &total))
		return bytes_of(NULL, 0);
	return keep(server, payload);
}

static void note_registration(struct test_server *server, const coap_pdu_t *pdu, const coap_string_t *query)
{
	struct bytes links = payload_of(server, pdu);

	snprintf(server->queries, sizeof(server->queries), "%.*s", query == NULL ? 0 : (int)query->length,
		 query == NULL ? "" : (const char *)query->s);
	snprintf(server->links, sizeof(server->links), "%.*s", (int)links.len, (const char *)links.at);
}

static bool is_refused(struct test_server *server, coap_pdu_t *response)
{
	if (server->refuse_with == 0)
		return false;
	coap_pdu_set_code(response, (coap_pdu_code_t)server->refuse_with);
	server->refuse_with = 0;
	server->refused_registrations++;
	return true;
}

static void on_register(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
			const coap_string_t *query, coap_pdu_t *response)
{
	struct test_server *server = server_of(session);

	if (is_refused(server, response))
		return;
	note_registration(server, pdu, query);
	server->registrations++;
	if (server->session != session) {
		coap_session_t *before = server->session;
		server->session = coap_session_reference(session);
		if (before != NULL)
			coap_session_release(before);
	}
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
	coap_add_option(response, COAP_OPTION_LOCATION_PATH, 2, (const uint8_t *)"rd");
	coap_add_option(response, COAP_OPTION_LOCATION_PATH, 2, (const uint8_t *)"a7");
}

static void on_update(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
		      const coap_string_t *query, coap_pdu_t *response)
{
	struct test_server *server = server_of(session);

	if (is_refused(server, response))
		return;
	note_registration(server, pdu, query);
	server->updates++;
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void on_deregister(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
			  const coap_string_t *query, coap_pdu_t *response)
{
	server_of(session)->deregistrations++;
	coap_pdu_set_code(response, COAP_RESPONSE_CODE_DELETED);
}

static bool option_number(const coap_pdu_t *pdu, uint16_t number, uint32_t *ret_value)
{
	coap_opt_iterator_t iterator;
	coap_opt_t *option = coap_check_option(pdu, number, &iterator);

	if (option != NULL)
		*ret_value = coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
	return option != NULL;
}

static void read_reply(struct test_server *server, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t iterator;
	coap_opt_filter_t filter;
	coap_opt_t *option;
	uint32_t format = FORMAT_NONE, sequence;
	size_t used = 0;

	server->reply.payload = payload_of(server, pdu);
	option_number(pdu, COAP_OPTION_CONTENT_FORMAT, &format);
	server->reply.format = (uint16_t)format;
	server->reply.is_observed = option_number(pdu, COAP_OPTION_OBSERVE, &sequence);
	server->reply.location[0] = '\0';
	coap_option_filter_clear(&filter);
	coap_option_filter_set(&filter, COAP_OPTION_LOCATION_PATH);
	coap_option_iterator_init(pdu, &iterator, &filter);
	while ((option = coap_option_next(&iterator)) != NULL)
		used += (size_t)snprintf(server->reply.location + used, sizeof(server->reply.location) - used,
					 "/%.*s", (int)coap_opt_length(option),
					 (const char *)coap_opt_value(option));
	server->reply.code = (uint8_t)coap_pdu_get_code(pdu);
}

static coap_response_t on_answer(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
				 const coap_mid_t mid)
{
	struct test_server *server = server_of(session);
	coap_bin_const_t token = coap_pdu_get_token(received);
	struct note *note;

	if (server->reply.code == 0 &&
	    bytes_equal(bytes_of(server->token, server->token_len), bytes_of(token.s, token.length))) {
		read_reply(server, received);
		return COAP_RESPONSE_OK;
	}
	if (server->refuses_notifications)
		return COAP_RESPONSE_FAIL;
	assert_true(server->note_count < NOTES_MAX);
	note = &server->notes[server->note_count++];
	note->code = (uint8_t)coap_pdu_get_code(received);
	note->payload = payload_of(server, received);
	note->token_len = token.length;
	memcpy(note->token, token.s, token.length);
	option_number(received, COAP_OPTION_OBSERVE, &note->sequence);
	return COAP_RESPONSE_OK;
}

static const coap_bin_const_t *find_key(coap_bin_const_t *identity, coap_session_t *session, void *arg)
{
	return identity->length >= 6 && memcmp(identity->s, "device", 6) == 0 ? arg : NULL;
}

/* libcoap does not say which port it was given, so the kernel is asked for one first. */
static void find_port(struct test_server *server, int family)
{
	int fd = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&server->address;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)&server->address;
	socklen_t len = family == AF_INET ? sizeof(*ip4) : sizeof(*ip6);

	if (family == AF_INET)
		*ip4 = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	else
		*ip6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	assert_int_equal(bind(fd, (struct sockaddr *)&server->address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&server->address, &len), 0);
	server->port = ntohs(family == AF_INET ? ip4->sin_port : ip6->sin6_port);
	close(fd);
}

void server_return(struct test_server *server)
{
	coap_address_t address;
	bool is_ip4 = server->address.ss_family == AF_INET;

	coap_address_init(&address);
	address.size = is_ip4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	memcpy(&address.addr, &server->address, address.size);
	server->endpoint = coap_new_endpoint(server->context, &address,
					     server->is_secure ? COAP_PROTO_DTLS : COAP_PROTO_UDP);
	assert_non_null(server->endpoint);
}

void server_vanish(struct test_server *server)
{
	coap_free_endpoint(server->endpoint);
}

static void add_resource(struct test_server *server, const char *path, coap_request_t method,
			 coap_method_handler_t handler, coap_request_t second,
			 coap_method_handler_t second_handler)
{
	coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);

	coap_register_request_handler(resource, method, handler);
	if (second_handler != NULL)
		coap_register_request_handler(resource, second, second_handler);
	coap_add_resource(server->context, resource);
}

void server_start(struct test_server *server, int family, struct bytes psk_key)
{
	static coap_bin_const_t key;
	coap_dtls_spsk_t psk = { .version = COAP_DTLS_SPSK_SETUP_VERSION, .validate_id_call_back = find_key };

	memset(server, 0, sizeof(*server));
	coap_startup();
	coap_set_log_level(LOG_EMERG);
	server->arena = arena_create(0);
	server->context = coap_new_context(NULL);
	coap_set_app_data(server->context, server);
	coap_context_set_block_mode(server->context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
	if (psk_key.len > 0) {
		key = (coap_bin_const_t){ psk_key.len, psk_key.at };
		psk.id_call_back_arg = &key;
		psk.psk_info.key = key;
		assert_true(coap_context_set_psk2(server->context, &psk));
	}
	server->is_secure = psk_key.len > 0;
	find_port(server, family);
	server_return(server);
	add_resource(server, "rd", COAP_REQUEST_POST, on_register, 0, NULL);
	add_resource(server, "rd/a7", COAP_REQUEST_POST, on_update, COAP_REQUEST_DELETE, on_deregister);
	coap_register_response_handler(server->context, on_answer);
}

void server_stop(struct test_server *server)
{
	if (server->session != NULL)
		coap_session_release(server->session);
	coap_free_context(server->context);
	arena_free(server->arena);
}

/* ---- the world ---- */

void world_start_server(struct world *world, int family, struct bytes psk_key)
{
	memset(world, 0, sizeof(*world));
	server_start(&world->server, family, psk_key);
	snprintf(world->uri, sizeof(world->uri), "--server=%s://%s:%u", psk_key.len > 0 ? "coaps" : "coap",
		 family == AF_INET ? "127.0.0.1" : "[::1]", world->server.port);
}

static void start_devices(struct world *world, const char *words)
{
	struct fault fault = { .kind = ERR_NONE };
	bool wants_help;
	int count = 0;
	char *copy = arena_strdup(world->server.arena, words);

	world->words[count++] = "cardea-device";
	world->words[count++] = world->uri;
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		world->words[count++] = word;
	world->words[count] = NULL;
	if (options_parse(count, world->words, &world->options, &wants_help, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	assert_int_equal(loop_create(&world->loop), ERR_NONE);
	if (fleet_create(world->loop, &world->options, &world->fleet, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
}

void world_start(struct world *world, int family, struct bytes psk_key, const char *words)
{
	world_start_server(world, family, psk_key);
	start_devices(world, words);
}

void world_fork(struct world *world, const char *words)
{
	fflush(stdout);
	world->child = fork();
	assert_true(world->child >= 0);
	if (world->child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	start_devices(world, words);
	while (fleet_turn(world->fleet, 1000) == ERR_NONE)
		continue;
	_exit(1);
}

void world_kill(struct world *world)
{
	if (world->child == 0)
		return;
	kill(world->child, SIGKILL);
	waitpid(world->child, NULL, 0);
	world->child = 0;
}

void world_stop(struct world *world)
{
	world_kill(world);
	fleet_free(world->fleet);
	loop_free(world->loop);
	server_stop(&world->server);
}

static void turn(struct world *world)
{
	if (world->fleet == NULL) {
		coap_io_process(world->server.context, 10);
		return;
	}
	assert_int_equal(fleet_turn(world->fleet, 1), ERR_NONE);
	coap_io_process(world->server.context, COAP_IO_NO_WAIT);
}

bool world_until(struct world *world, bool (*holds)(const struct world *world, size_t number), size_t number)
{
	int64_t end_ms = clock_ms() + PATIENCE_MS;

	while (!holds(world, number)) {
		if (clock_ms() > end_ms)
			return false;
		turn(world);
	}
	return true;
}

int world_wait_for_death(struct world *world)
{
	int64_t end_ms = clock_ms() + PATIENCE_MS;
	int status = 0;

	while (waitpid(world->child, &status, WNOHANG) == 0) {
		assert_true(clock_ms() < end_ms);
		turn(world);
	}
	world->child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_registered(const struct world *world, size_t times)
{
	return world->server.registrations >= times;
}

bool has_updated(const struct world *world, size_t times)
{
	return world->server.updates >= times;
}

bool has_deregistered(const struct world *world, size_t times)
{
	return world->server.deregistrations >= times;
}

bool has_notes(const struct world *world, size_t count)
{
	return world->server.note_count >= count;
}

static bool has_reply(const struct world *world, size_t ignored)
{
	return world->server.reply.code != 0;
}

void world_linger(struct world *world, int ms)
{
	int64_t end_ms = clock_ms() + ms;

	while (clock_ms() < end_ms)
		turn(world);
}

static void add_number(coap_pdu_t *pdu, uint16_t option, uint32_t value)
{
	uint8_t bytes[4];

	coap_add_option(pdu, option, coap_encode_var_safe(bytes, sizeof(bytes), value), bytes);
}

static void send_request(struct test_server *server, const struct test_request *request)
{
	coap_session_t *session = server->session;
	coap_pdu_type_t type = request->is_non_confirmable ? COAP_MESSAGE_NON : COAP_MESSAGE_CON;
	coap_pdu_t *pdu = coap_pdu_init(type, (coap_pdu_code_t)request->method, coap_new_message_id(session),
					coap_session_max_pdu_size(session));

	server->token[0] = 0xA0;
	server->token[1] = ++server->next_token;
	server->token_len = 2;
	if (request->token != 0) {
		server->token[0] = request->token;
		server->token_len = 1;
	}
	coap_add_token(pdu, server->token_len, server->token);
	if (request->observe >= 0)
		add_number(pdu, COAP_OPTION_OBSERVE, (uint32_t)request->observe);
	for (const char *at = request->path; *at == '/' && at[1] != '\0';) {
		size_t len = strcspn(++at, "/");
		coap_add_option(pdu, COAP_OPTION_URI_PATH, len, (const uint8_t *)at);
		at += len;
	}
	if (request->content_format != FORMAT_NONE)
		add_number(pdu, COAP_OPTION_CONTENT_FORMAT, request->content_format);
	if (request->query != NULL)
		coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(request->query),
				(const uint8_t *)request->query);
	if (request->accept != FORMAT_NONE)
		add_number(pdu, COAP_OPTION_ACCEPT, request->accept);
	if (request->payload.len > 0)
		coap_add_data_large_request(session, pdu, request->payload.len, request->payload.at, NULL,
					    NULL);
	assert_int_not_equal(coap_send(session, pdu), COAP_INVALID_MID);
}

/* libcoap keeps the request of an observation, and sends it again with Observe 1. */
static void cancel_observation(struct test_server *server, uint8_t token)
{
	coap_binary_t observed = { 1, server->token };

	server->token[0] = token;
	server->token_len = 1;
	assert_true(coap_cancel_observe(server->session, &observed, COAP_MESSAGE_CON));
}

struct test_request request_get(const char *path, uint16_t accept)
{
	return (struct test_request){
		METHOD_GET, path, NULL, FORMAT_NONE, accept, -1, { NULL, 0 }, 0, false
	};
}

struct test_request request_write(enum method method, const char *path, uint16_t format, struct bytes payload)
{
	return (struct test_request){ method, path, NULL, format, FORMAT_NONE, -1, payload, 0, false };
}

struct test_request request_text(enum method method, const char *path, const char *text)
{
	return request_write(method, path, FORMAT_TEXT, bytes_of_text(text));
}

struct test_request request_execute(const char *path, const char *arguments)
{
	return arguments == NULL ? request_write(METHOD_POST, path, FORMAT_NONE, bytes_of(NULL, 0))
				 : request_text(METHOD_POST, path, arguments);
}

struct test_request request_observe(const char *path, uint16_t accept, int observe, uint8_t token)
{
	return (struct test_request){ METHOD_GET, path,        NULL,  FORMAT_NONE, accept,
				      observe,    { NULL, 0 }, token, false };
}

void world_tell(struct world *world, struct test_request request)
{
	assert_non_null(world->server.session);
	world->server.reply = (struct reply){ .code = 0 };
	if (request.observe == 1)
		cancel_observation(&world->server, request.token);
	else
		send_request(&world->server, &request);
}

struct reply world_ask(struct world *world, struct test_request request)
{
	world_tell(world, request);
	assert_true(world_until(world, has_reply, 0));
	return world->server.reply;
}
