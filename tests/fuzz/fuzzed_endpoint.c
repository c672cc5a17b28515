#include "fuzzed_endpoint.h"

#define TOKEN UINT64_C(0x0101010101010101)

static void on_request(void *self, const struct coap_request *request)
{
	static const uint8_t bytes[3000];
	struct fuzzed *fuzzed = self;
	const struct coap_message answer = {
		.code = COAP_CODE(2, 5),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.payload = bytes_of(bytes, fuzzed->answer_bytes),
	};

	endpoint_reply(fuzzed->endpoint, fuzzed->late, &answer);
	fuzzed->late = request->reply;
	if (!fuzzed->is_late)
		endpoint_reply(fuzzed->endpoint, request->reply, &answer);
}

static bool on_notification(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			    const struct coap_message *message)
{
	return ((const struct fuzzed *)self)->is_wanted;
}

static bool on_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			struct coap_message *ret_request)
{
	return ((const struct fuzzed *)self)->is_wanted;
}

static void on_lost(void *self, const struct coap_address *from, const char *identity)
{
	((struct fuzzed *)self)->lost++;
}

static void on_done(void *self, uint64_t id, const struct exchange_result *result)
{
	require((result->err == ERR_NONE) == (result->message != NULL));
	((struct fuzzed *)self)->done++;
}

void fuzzed_open(struct fuzzed *fuzzed, const struct endpoint_settings *settings)
{
	const struct endpoint_handlers handlers = {
		.request = on_request,
		.notification = on_notification,
		.observed = on_observed,
		.lost = on_lost,
		.self = fuzzed,
	};

	require(loop_create(&fuzzed->loop) == ERR_NONE);
	require(endpoint_create(fuzzed->loop, settings, &handlers, &fuzzed->endpoint, NULL) == ERR_NONE);
}

void fuzzed_begin(struct fuzzed *fuzzed)
{
	fuzzed->started = fuzzed->done = fuzzed->lost = 0;
	fuzzed->late = 0;
}

void fuzzed_ask(struct fuzzed *fuzzed, const struct route *to)
{
	const struct coap_address address = peer_key_address(&to->key);
	const struct coap_message request = {
		.code = COAP_GET,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_observe = true,
	};

	if (exchange_start(fuzzed->endpoint, &address, "", &request, TOKEN, on_done, fuzzed, 1, NULL) ==
	    ERR_NONE)
		fuzzed->started++;
}
