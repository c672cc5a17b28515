/* The gateway without a network: requests of agents in, answers out, with a server that does as the test
 * says. */
#include "gateway/gateway.h"

#include <cardea/gateway.h>

#include <stdio.h>
#include <string.h>

#include "gateway/element.h"
#include "gateway/query.h"
#include "se_test.h"
#include "seram/seram_table.h"

#define SCRIPT "\xAE\x80\x22\x05\x80\xCA\x00\x66\x00\x00\x00"

/* ---- the server ---- */

struct cardea_host { /* as the gateway sees it */
	struct arena *arena;
	struct gateway *gateway;
	struct cardea_http_listener listener;
	unsigned listeners;
	struct cardea_presented device;
	unsigned presented, changed, traces, logs;
	bool is_awake, has_job, needs_credential;
	enum err present_error;
	/* the last answer */
	unsigned answers, status;
	uint64_t answered_id, last_id;
	char next_uri[256], target[64], targeted_se[128], text[256];
	struct bytes body;
	int64_t now_ms;
};

static enum err listen_http(cardea_host *host, const struct cardea_http_listener *listener)
{
	host->listener = *listener;
	host->listeners++;
	return ERR_NONE;
}

static void note(const struct cardea_http_answer *answer, const char *name, char *to, size_t size)
{
	to[0] = '\0';
	for (size_t i = 0; i < answer->field_count; i++) {
		if (strcmp(answer->fields[i].name, name) == 0)
			snprintf(to, size, "%s", answer->fields[i].value);
	}
}

static void answer_http(cardea_host *host, uint64_t id, const struct cardea_http_answer *answer)
{
	host->answers++;
	host->answered_id = id;
	host->status = answer->status;
	note(answer, "X-Admin-Next-URI", host->next_uri, sizeof(host->next_uri));
	note(answer, "X-Admin-Targeted-Application", host->target, sizeof(host->target));
	note(answer, "X-Admin-Targeted-SE", host->targeted_se, sizeof(host->targeted_se));
	assert_int_equal(bytes_copy(host->arena, answer->body, &host->body), ERR_NONE);
	snprintf(host->text, sizeof(host->text), "%.*s", (int)answer->body.len,
		 (const char *)answer->body.at);
}

static bool needs_credential(cardea_host *host, const char *endpoint)
{
	(void)endpoint;
	return host->needs_credential;
}

static enum err present(cardea_host *host, const struct cardea_presented *device, struct fault *fault)
{
	if (host->present_error != ERR_NONE)
		return fault_set(fault, host->present_error, "as the test says");
	host->device = *device;
	host->presented++;
	host->is_awake = true;
	return ERR_NONE;
}

static void set_awake(cardea_host *host, const char *endpoint, bool is_awake)
{
	(void)endpoint;
	host->is_awake = is_awake;
}

static void changed(cardea_host *host, const char *endpoint, struct lwm2m_path path)
{
	(void)endpoint;
	assert_int_equal(path.object, SERAM_OBJECT);
	host->changed++;
}

static bool has_job(cardea_host *host, const char *endpoint)
{
	(void)endpoint;
	return host->has_job;
}

static void trace(cardea_host *host, const char *endpoint, const char *layer, const char *direction,
		  const char *text, struct bytes raw)
{
	(void)endpoint, (void)direction, (void)text, (void)raw;
	assert_string_equal(layer, CARDEA_LAYER_HTTP);
	host->traces++;
}

static const struct cardea_gateway_api server_calls = {
	.size = sizeof(server_calls),
	.listen_http = listen_http,
	.answer_http = answer_http,
	.needs_credential = needs_credential,
	.present = present,
	.set_awake = set_awake,
	.changed = changed,
	.has_job = has_job,
	.trace = trace,
};

static enum err find(cardea_host *host, const char *service, const void **ret_table)
{
	(void)host;
	assert_string_equal(service, CARDEA_GATEWAY_SERVICE);
	*ret_table = &server_calls;
	return ERR_NONE;
}

static void log_line(cardea_host *host, int level, const char *event, const char *format, ...)
{
	(void)level, (void)event, (void)format;
	host->logs++;
}

static const struct cardea_host_api host_calls = { .size = sizeof(host_calls),
						   .find = find,
						   .log = log_line };

static int open_with(void **state, const char *config)
{
	static struct cardea_host host;

	host = (struct cardea_host){ .arena = arena_create(1 << 20), .now_ms = 1000000 };
	*state = &host;
	return host.arena == NULL || gateway_open(&host_calls, &host, config, &host.gateway) != ERR_NONE;
}

static int open_gateway(void **state)
{
	return open_with(state,
			 "{\"gateway\":{\"httpListen\":\"127.0.0.1:0\",\"maxAgents\":2,\"holdSeconds\":10}}");
}

static int close_gateway(void **state)
{
	struct cardea_host *host = *state;

	gateway_close(host->gateway);
	arena_free(host->arena);
	return 0;
}

/* ---- what agents and jobs do ---- */

#define MAX_FIELDS 8

struct sent {
	const char *endpoint, *path, *query;
	struct cardea_http_field fields[MAX_FIELDS];
	struct bytes body;
};

static uint64_t send(struct cardea_host *host, const struct sent *sent)
{
	struct cardea_http_request request = {
		.id = ++host->last_id,
		.method = "POST",
		.path = sent->path != NULL ? sent->path : "/a",
		.query = sent->query != NULL ? sent->query : "",
		.fields = sent->fields,
		.body = sent->body,
		.endpoint = sent->endpoint != NULL ? sent->endpoint : "",
		.now_ms = host->now_ms,
		.arena = host->arena,
	};

	while (request.field_count < MAX_FIELDS && sent->fields[request.field_count].name != NULL)
		request.field_count++;
	host->listener.request(host->listener.self, &request);
	return request.id;
}

#define FIRST                                                                                                \
	{ "X-Admin-Protocol", "globalplatform-remote-admin/1.1.1" }, { "X-Admin-From", "d" },                \
	{                                                                                                    \
		"X-Admin-SE-List", "//se-id/CUD/01;//se-id/ICCID/02"                                         \
	}
#define LATER                                                                                                \
	{ "X-Admin-Protocol", "globalplatform-remote-admin/1.1.1" },                                         \
	{                                                                                                    \
		"X-Admin-From", "d"                                                                          \
	}

static uint64_t send_first(struct cardea_host *host)
{
	return send(host, &(struct sent){ .fields = { FIRST } });
}

/* The query of the Next-URI that was told last. */
static const char *next_query(struct cardea_host *host)
{
	const char *mark = strchr(host->next_uri, '?');

	assert_non_null(mark);
	return arena_strdup(host->arena, mark + 1);
}

static uint8_t ask(struct cardea_host *host, enum lwm2m_operation operation, struct lwm2m_path path,
		   struct lwm2m_records records, struct lwm2m_records *ret_records)
{
	const struct cardea_ask asked = {
		.operation = operation, .path = path, .records = records, .arena = host->arena
	};

	return host->device.ask(host->device.self, "d", &asked, ret_records);
}

static uint8_t run_body(struct cardea_host *host, uint16_t element, uint32_t id, struct bytes body)
{
	const struct lwm2m_record records[] = {
		{ .path = LWM2M_RESOURCE(SERAM_OBJECT, element, SERAM_TARGETED_APPLICATION),
		  .value = { .type = LWM2M_STRING, .bytes = bytes_of_text("//aid/A000000151/000000") } },
		{ .path = LWM2M_RESOURCE(SERAM_OBJECT, element, SERAM_REQUEST_ID),
		  .value = { .type = LWM2M_UNSIGNED, .whole = id } },
		{ .path = LWM2M_RESOURCE(SERAM_OBJECT, element, SERAM_REQUEST),
		  .value = { .type = LWM2M_OPAQUE, .bytes = body } },
	};
	const struct lwm2m_records none = { NULL, 0 };
	struct lwm2m_records ignored;
	uint8_t code = ask(host, LWM2M_WRITE_PARTIAL, LWM2M_INSTANCE(SERAM_OBJECT, element),
			   (struct lwm2m_records){ records, 3 }, &ignored);

	return code != 0x44 ? code
			    : ask(host, LWM2M_EXECUTE, LWM2M_RESOURCE(SERAM_OBJECT, element, SERAM_RUN), none,
				  &ignored);
}

static uint8_t run_script(struct cardea_host *host, uint16_t element, uint32_t id)
{
	return run_body(host, element, id, bytes_of(SCRIPT, sizeof(SCRIPT) - 1));
}

static int64_t resource(struct cardea_host *host, uint16_t element, enum seram_resource number)
{
	const struct lwm2m_path path = LWM2M_RESOURCE(SERAM_OBJECT, element, (uint16_t)number);
	struct lwm2m_records records;

	assert_int_equal(ask(host, LWM2M_READ, path, (struct lwm2m_records){ NULL, 0 }, &records), 0x45);
	assert_int_equal(records.count, 1);
	return records.at[0].value.type == LWM2M_BOOLEAN ? records.at[0].value.boolean
							 : lwm2m_integer(records, path, -1);
}

static void tick(struct cardea_host *host, int64_t later_ms)
{
	host->now_ms += later_ms;
	host->listener.tick(host->listener.self, host->now_ms);
}

/* ---- conversations ---- */

static void an_agent_without_a_job_is_sent_away(void **state)
{
	struct cardea_host *host = *state;

	send_first(host);
	assert_int_equal(host->status, 204);
	assert_string_equal(host->next_uri, "");
	assert_int_equal(host->presented, 1);
	assert_string_equal(host->device.endpoint, "d");
	assert_false(host->is_awake);
	send_first(host);
	assert_int_equal(host->presented, 1);
}

static void a_request_is_held_until_the_script_is_there(void **state)
{
	struct cardea_host *host = *state;
	uint64_t id;

	host->has_job = true;
	id = send_first(host);
	assert_int_equal(host->answers, 0);
	assert_true(host->is_awake);
	assert_int_equal(run_script(host, 1, 5), 0x44);
	assert_int_equal(host->answered_id, id);
	assert_int_equal(host->status, 200);
	assert_string_equal(host->targeted_se, "//se-id/ICCID/02");
	assert_string_equal(host->target, "//aid/A000000151/000000");
	assert_true(bytes_equal(host->body, bytes_of(SCRIPT, sizeof(SCRIPT) - 1)));
	assert_non_null(strstr(host->next_uri, "&se=1&request=5"));
	assert_int_equal(resource(host, 1, SERAM_AGENT_STATE), SERAM_RUNNING);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_IDLE);
	assert_int_equal(run_script(host, 1, 6), 0x85);
}

static const struct bytes a_response = { (const uint8_t *)"\xAF\x80\x23\x02\x90\x00\x00\x00", 8 };

static uint64_t send_report(struct cardea_host *host, const char *query, const char *status)
{
	return send(
		host,
		&(struct sent){ .query = query,
				.fields = { LATER,
					    { "X-Admin-Script-Status", status },
					    { "X-Admin-Targeted-SE", "//se-id/CUD/01" },
					    { "Content-Type",
					      "application/"
					      "vnd.globalplatform.card-content-mgt-response;version=1.0" } },
				.body = a_response });
}

static void a_report_is_the_response_of_the_object(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_first(host);
	run_script(host, 0, 1);
	assert_true(resource(host, 0, SERAM_CHANNEL_OPEN));
	send_report(host, next_query(host), "OK");
	assert_int_equal(host->changed, 1);
	assert_int_equal(host->answers, 1);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_RESPONSE_READY);
	assert_int_equal(resource(host, 0, SERAM_SCRIPT_STATUS), SERAM_STATUS_OK);
	assert_int_equal(resource(host, 0, SERAM_RESPONSE_ID), 1);
	host->has_job = false;
	host->device.idle(host->device.self, "d");
	assert_int_equal(host->status, 204);
	assert_false(host->is_awake);
}

static void a_report_that_comes_again_changes_nothing(void **state)
{
	struct cardea_host *host = *state;
	const char *query;

	host->has_job = true;
	send_first(host);
	run_script(host, 0, 1);
	query = next_query(host);
	send_report(host, query, "ok");
	run_script(host, 0, 2);
	assert_int_equal(host->answers, 2);
	send_report(host, query, "security-error");
	assert_int_equal(host->changed, 1);
	assert_int_equal(host->answers, 3);
	assert_int_equal(host->status, 200);
	assert_non_null(strstr(host->next_uri, "request=2"));
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_RUNNING);
}

static void a_held_request_is_told_to_ask_again(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_first(host);
	tick(host, 9000);
	assert_int_equal(host->answers, 0);
	tick(host, 1000);
	assert_int_equal(host->status, 204);
	assert_non_null(strstr(host->next_uri, "/a?session="));
	send(host, &(struct sent){ .query = next_query(host), .fields = { LATER } });
	assert_int_equal(host->answers, 1);
	assert_int_equal(host->presented, 1);
}

static void an_agent_that_is_silent_loses_its_session_and_its_script(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_first(host);
	run_script(host, 0, 1);
	tick(host, 299000);
	assert_true(host->is_awake);
	tick(host, 1000);
	assert_false(host->is_awake);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_INTERRUPTED);
	assert_int_equal(resource(host, 0, SERAM_RESUME), true);
	assert_int_equal(resource(host, 0, SERAM_CHANNEL_OPEN), false);
	assert_int_equal(resource(host, 0, SERAM_RESPONSE_ID), 0);
}

static void a_report_after_a_restart_of_the_server_is_taken(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_report(host, "session=0123456789abcdef&se=0&request=9", "ok");
	assert_int_equal(host->answers, 0);
	assert_int_equal(host->presented, 1);
	assert_int_equal(resource(host, 0, SERAM_RESPONSE_ID), 9);
	assert_int_equal(resource(host, 0, SERAM_REQUEST_ID), 9);
	assert_int_equal(resource(host, 0, SERAM_CHANNEL_OPEN), true);
}

static void an_agent_that_resumes_has_lost_its_channel(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_first(host);
	run_script(host, 0, 1);
	send(host,
	     &(struct sent){ .query = next_query(host), .fields = { LATER, { "X-Admin-Resume", "true" } } });
	assert_int_equal(host->presented, 2);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_INTERRUPTED);
	assert_int_equal(host->answers, 1);
}

static void a_script_that_was_not_given_yet_is_not_interrupted(void **state)
{
	struct cardea_host *host = *state;
	uint64_t id;

	host->has_job = true;
	id = send_first(host);
	host->listener.dropped(host->listener.self, id);
	run_script(host, 0, 1);
	assert_int_equal(host->answers, 0);
	tick(host, 300000);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_REQUEST_STORED);
	assert_int_equal(resource(host, 0, SERAM_RESUME), false);
}

static void the_newer_of_two_requests_counts(void **state)
{
	struct cardea_host *host = *state;
	uint64_t older, newer;

	host->has_job = true;
	older = send_first(host);
	newer = send_first(host);
	assert_int_equal(host->answered_id, older);
	assert_int_equal(host->status, 409);
	run_script(host, 0, 1);
	assert_int_equal(host->answered_id, newer);
}

static void a_key_says_who_it_is_whatever_the_agent_calls_itself(void **state)
{
	struct cardea_host *host = *state;

	host->needs_credential = true;
	send(host, &(struct sent){ .endpoint = "by-key", .fields = { FIRST } });
	assert_int_equal(host->status, 204);
	assert_string_equal(host->device.endpoint, "by-key");
	send_first(host);
	assert_int_equal(host->status, 403);
}

static void no_more_agents_than_allowed_are_known(void **state)
{
	struct cardea_host *host = *state;

	for (const char *const *name = (const char *const[]){ "1", "2", "3", NULL }; *name != NULL; name++)
		send(host, &(struct sent){ .endpoint = *name, .fields = { FIRST } });
	assert_int_equal(host->status, 503);
	host->device.gone(host->device.self, "1");
	send(host, &(struct sent){ .endpoint = "3", .fields = { FIRST } });
	assert_int_equal(host->status, 204);
}

static void what_the_server_refuses_is_answered(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	host->present_error = ERR_CONFLICT;
	send_first(host);
	assert_int_equal(host->status, 409);
	assert_string_equal(host->text, "as the test says");
}

static void a_device_that_is_gone_is_answered_and_forgotten(void **state)
{
	struct cardea_host *host = *state;

	host->has_job = true;
	send_first(host);
	host->device.gone(host->device.self, "d");
	assert_int_equal(host->status, 409);
	assert_int_equal(run_script(host, 0, 1), 0x84);
}

static void a_script_without_a_report_is_given_and_over(void **state)
{
	struct cardea_host *host = *state;
	const struct lwm2m_record record = {
		.path = LWM2M_RESOURCE(SERAM_OBJECT, 0, SERAM_REPORT_REQUIRED),
		.value = { .type = LWM2M_BOOLEAN, .boolean = false },
	};
	struct lwm2m_records ignored;

	host->has_job = true;
	send_first(host);
	assert_int_equal(ask(host, LWM2M_WRITE_PARTIAL, LWM2M_INSTANCE(SERAM_OBJECT, 0),
			     (struct lwm2m_records){ &record, 1 }, &ignored),
			 0x44);
	run_script(host, 0, 1);
	assert_int_equal(host->status, 200);
	assert_string_equal(host->next_uri, "");
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_IDLE);
}

/* ---- settings ---- */

static void settings_that_are_none_keep_it_from_starting(void **state)
{
	static const char *const bad[] = {
		"{\"gateway\":{\"httpListn\":\"127.0.0.1:0\"}}",
		"{\"gateway\":{\"holdSeconds\":31}}",
		"{\"gateway\":{\"holdSeconds\":\"1\"}}",
		"{\"gateway\":{\"maxRequestBytes\":1}}",
		"{\"gateway\":{\"nextServer\":\"http://a/b\"}}",
		"{\"gateway\":{\"nextServer\":\"/a?b\"}}",
		"{\"gateway\":{\"httpsListen\":\"127.0.0.1:0\",\"tlsCert\":\"x\"}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *inner;

		assert_int_not_equal(open_with(&inner, bad[i]), 0);
		assert_int_equal(((struct cardea_host *)inner)->logs, 1);
		arena_free(((struct cardea_host *)inner)->arena);
	}
	assert_int_equal(open_with(state, "{}"), 0);
	assert_null(((struct cardea_host *)*state)->gateway);
	close_gateway(state);
	assert_int_equal(
		open_with(state,
			  "{\"gateway\":{\"httpListen\":\"127.0.0.1:1\",\"pskListen\":\"127.0.0.1:2\"}}"),
		0);
	assert_int_equal(((struct cardea_host *)*state)->listeners, 2);
	assert_true(((struct cardea_host *)*state)->listener.takes_psk);
	close_gateway(state);
}

/* ---- pieces ---- */

static void reads_queries(void **state)
{
	uint32_t number = 7;

	(void)state;
	assert_true(bytes_equal_text(query_value("a=1&session=x&b", "session"), "x"));
	assert_null(query_value("a=1&b", "c").at);
	assert_int_equal(query_value("a=1&b", "b").len, 0);
	assert_true(query_number("se=0&request=4294967294", "request", UINT32_MAX - 1, &number));
	assert_int_equal(number, UINT32_MAX - 1);
	assert_false(query_number("request=4294967295", "request", UINT32_MAX - 1, &number));
	assert_false(query_number("request=99999999999", "request", UINT32_MAX, &number));
	assert_false(query_number("request=-1", "request", 9, &number));
	assert_false(query_number("request=", "request", 9, &number));
	assert_int_equal(number, UINT32_MAX - 1);
}

/* ---- SERAM 2.0.0 ---- */

#define ORDER                                                                                                \
	"{\"ramCommands\":[{\"ramCommandType\":\"ramStartCommand\"},"                                        \
	"{\"ramCommandType\":\"seRamCommand\",\"listOfCAPDU\":[\"80CA006600\"]}]}"
#define REPORT(status)                                                                                       \
	"{\"localAgentStatus\":{\"localAgentStatusEnum\":\"" status "\",\"executedSeRamCommands\":1},"       \
	"\"ramResponses\":[{\"ramResponseType\":\"seRamResponse\",\"listOfRAPDU\":[\"6A88\"]}]}"
#define POLLING "{\"localAgentStatus\":{\"localAgentStatusEnum\":\"POLLING\"}}"

static void send_json(struct cardea_host *host, const char *what, const char *json)
{
	send(host, &(struct sent){ .path = what,
				   .query = "sessionId=d",
				   .fields = { { "Content-Type", "application/json" } },
				   .body = bytes_of_text(json) });
}

static uint8_t run_order(struct cardea_host *host, uint32_t id)
{
	return run_body(host, 0, id, bytes_of_text(ORDER));
}

static void begin_seram2(struct cardea_host *host)
{
	host->has_job = true;
	send_json(host, "/gp/seram/handshake",
		  "{\"secureElements\":[{\"seType\":\"eSE\",\"seId\":\"0102\"}]}");
	assert_int_equal(host->status, 200);
	assert_int_equal(host->presented, 1);
	send_json(host, "/gp/seram/remoteManagement", POLLING);
	assert_int_equal(host->answers, 1);
	assert_int_equal(resource(host, 0, SERAM_BODY_FORMAT), 1);
}

static void an_order_starts_the_session_once(void **state)
{
	struct cardea_host *host = *state;

	begin_seram2(host);
	assert_int_equal(run_order(host, 1), 0x44);
	assert_int_equal(host->answers, 2);
	assert_non_null(strstr(host->text, "ramStartCommand"));
	assert_non_null(strstr(host->text, "\"seId\":\"0102\""));
	assert_non_null(strstr(host->text, "\"delay\":0"));
	send_json(host, "/gp/seram/remoteManagement", REPORT("PROCESSED"));
	assert_int_equal(host->changed, 1);
	assert_int_equal(resource(host, 0, SERAM_RESPONSE_ID), 1);
	assert_int_equal(resource(host, 0, SERAM_CHANNEL_OPEN), true);
	assert_int_equal(run_order(host, 2), 0x44);
	assert_null(strstr(host->text, "ramStartCommand"));
	assert_non_null(strstr(host->text, "80CA006600"));
	send_json(host, "/gp/seram/remoteManagement", REPORT("UNKNOWN_FAILURE"));
	assert_int_equal(resource(host, 0, SERAM_CHANNEL_OPEN), false);
}

static void an_agent_that_polls_has_lost_its_order(void **state)
{
	struct cardea_host *host = *state;

	begin_seram2(host);
	run_order(host, 1);
	send_json(host, "/gp/seram/remoteManagement", POLLING);
	assert_int_equal(resource(host, 0, SERAM_AGENT_STATE), SERAM_INTERRUPTED);
	assert_int_equal(host->presented, 2);
	assert_int_equal(host->answers, 2);
}

static void what_is_no_order_is_not_given(void **state)
{
	struct cardea_host *host = *state;

	begin_seram2(host);
	assert_int_equal(run_script(host, 0, 1), 0x44);
	assert_int_equal(host->status, 503);
	assert_int_equal(resource(host, 0, SERAM_SCRIPT_STATUS), SERAM_STATUS_SCRIPT_FORMAT_ERROR);
	assert_int_equal(host->changed, 1);
}

static void names_of_secure_elements_are_checked(void **state)
{
	struct element element = { .identifier = "//se-id/CUD/00AB" };

	(void)state;
	assert_true(element_name_is_valid(bytes_of_text("//se-id/cud/00AB")));
	assert_false(element_name_is_valid(bytes_of_text("//se-id/CUD/")));
	assert_false(element_name_is_valid(bytes_of_text("//se-id/CUD/a b")));
	assert_false(element_name_is_valid(bytes_of_text("//se-id/CUD/a\xC3\xA4")));
	assert_false(element_name_is_valid(bytes_of_text("CUD/00")));
	assert_true(element_is_named(&element, bytes_of_text("//SE-ID/cud/00AB")));
	assert_false(element_is_named(&element, bytes_of_text("//se-id/CUD/00ab")));
	assert_false(element_is_named(&element, bytes_of_text("//se-id/ICCID/00AB")));
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, open_gateway, close_gateway)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GATEWAY(an_agent_without_a_job_is_sent_away),
		WITH_GATEWAY(a_request_is_held_until_the_script_is_there),
		WITH_GATEWAY(a_report_is_the_response_of_the_object),
		WITH_GATEWAY(a_report_that_comes_again_changes_nothing),
		WITH_GATEWAY(a_held_request_is_told_to_ask_again),
		WITH_GATEWAY(an_agent_that_is_silent_loses_its_session_and_its_script),
		WITH_GATEWAY(a_report_after_a_restart_of_the_server_is_taken),
		WITH_GATEWAY(an_agent_that_resumes_has_lost_its_channel),
		WITH_GATEWAY(a_script_that_was_not_given_yet_is_not_interrupted),
		WITH_GATEWAY(the_newer_of_two_requests_counts),
		WITH_GATEWAY(a_key_says_who_it_is_whatever_the_agent_calls_itself),
		WITH_GATEWAY(no_more_agents_than_allowed_are_known),
		WITH_GATEWAY(what_the_server_refuses_is_answered),
		WITH_GATEWAY(a_device_that_is_gone_is_answered_and_forgotten),
		WITH_GATEWAY(a_script_without_a_report_is_given_and_over),
		cmocka_unit_test(settings_that_are_none_keep_it_from_starting),
		cmocka_unit_test(reads_queries),
		WITH_GATEWAY(an_order_starts_the_session_once),
		WITH_GATEWAY(an_agent_that_polls_has_lost_its_order),
		WITH_GATEWAY(what_is_no_order_is_not_given),
		cmocka_unit_test(names_of_secure_elements_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
