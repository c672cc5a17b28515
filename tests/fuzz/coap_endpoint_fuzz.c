/* Datagrams of three peers right into the endpoint, without sockets in between: nothing breaks, nothing stays
 * open that its bounds do not allow, and closing leaves nothing.
 *
 * An input is a row of datagrams: a byte that says from whom and how it is answered, two bytes of length, the
 * bytes. */
#include "fuzz.h"

#include <arpa/inet.h>

#include "credentials.h"
#include "endpoint.h"
#include "exchange.h"
#include "loop.h"
#include "message.h"

#define TOKEN       UINT64_C(0x0101010101010101)
#define LONG_ANSWER 300

enum { FROM = 3, SECURE = 4, LATE = 8, LONG = 16, WANTED = 32, ASK = 64 };

struct fuzzed {
	struct endpoint *endpoint;
	uint8_t how;
	uint64_t late;
	unsigned done;
};

static void on_request(void *self, const struct coap_request *request)
{
	static const uint8_t bytes[LONG_ANSWER];
	struct fuzzed *fuzzed = self;
	struct coap_message answer = {
		.code = COAP_CODE(2, 5),
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
	};

	if ((fuzzed->how & LONG) != 0)
		answer.payload = bytes_of(bytes, sizeof(bytes));
	endpoint_reply(fuzzed->endpoint, fuzzed->late, &answer);
	fuzzed->late = request->reply;
	if ((fuzzed->how & LATE) == 0)
		endpoint_reply(fuzzed->endpoint, request->reply, &answer);
}

static bool on_notification(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			    const struct coap_message *message)
{
	const struct fuzzed *fuzzed = self;

	return (fuzzed->how & WANTED) != 0;
}

static bool on_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			struct coap_message *ret_request)
{
	const struct fuzzed *fuzzed = self;

	return (fuzzed->how & WANTED) != 0;
}

static void on_done(void *self, uint64_t id, const struct exchange_result *result)
{
	struct fuzzed *fuzzed = self;

	require((result->err == ERR_NONE) == (result->message != NULL));
	fuzzed->done++;
}

static void ask(struct fuzzed *fuzzed, const struct route *to, unsigned *started)
{
	const struct coap_address address = peer_key_address(&to->key);
	const struct coap_message request = {
		.code = COAP_GET,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_observe = true,
	};

	if (exchange_start(fuzzed->endpoint, &address, "", &request, TOKEN, on_done, fuzzed, 1, NULL) == ERR_NONE)
		++*started;
}

static void feed(struct fuzzed *fuzzed, struct reader *r, unsigned *started)
{
	fuzzed->how = read_u8(r);
	const uint16_t wanted = read_u16(r);
	struct bytes datagram = read_bytes(r, wanted < reader_left(r) ? wanted : reader_left(r));
	struct route from = {
		.key = { .port = htons((uint16_t)(9 + (fuzzed->how & FROM))),
			 .socket = (fuzzed->how & SECURE) != 0 },
	};

	from.key.is_secure = from.key.socket;
	from.key.ip.s6_addr[10] = from.key.ip.s6_addr[11] = 0xFF;
	from.key.ip.s6_addr[12] = 127;
	from.key.ip.s6_addr[15] = 1;
	if ((fuzzed->how & ASK) != 0)
		ask(fuzzed, &from, started);
	endpoint_receive(fuzzed->endpoint, &from, datagram);
}

/* One for all inputs: sockets are dear. */
static void open_endpoint(struct fuzzed *fuzzed)
{
	struct loop *loop;
	struct credentials *credentials;
	struct endpoint_settings settings = {
		.coap_listen = "127.0.0.1:0",
		.coaps_listen = "127.0.0.1:0",
		.ack_timeout_ms = 1000,
		.max_retransmit = 1,
		.block_size = 64,
		.max_body_bytes = 1024,
		.max_peers = 3,
	};
	const struct endpoint_handlers handlers = {
		.request = on_request,
		.notification = on_notification,
		.observed = on_observed,
		.self = fuzzed,
	};

	require(loop_create(&loop) == ERR_NONE);
	require(credentials_create(&credentials) == ERR_NONE);
	settings.credentials = credentials;
	require(endpoint_create(loop, &settings, &handlers, &fuzzed->endpoint, NULL) == ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct fuzzed fuzzed;
	struct reader r = reader_of(bytes_of(at, len));
	unsigned started = 0;
	struct peer *peer;

	if (fuzzed.endpoint == NULL)
		open_endpoint(&fuzzed);
	struct endpoint *endpoint = fuzzed.endpoint;
	fuzzed.done = 0;
	fuzzed.late = 0;
	while (reader_left(&r) > 3)
		feed(&fuzzed, &r, &started);
	require(endpoint_counts(endpoint).peers <= endpoint->settings.max_peers);
	require(endpoint_counts(endpoint).sessions == 0);
	require(endpoint->pendings.used <= endpoint->settings.max_peers * PENDING_PER_PEER);

	exchange_end_all(endpoint);
	for (uint32_t i = 0; (peer = slab_next(&endpoint->peers.slab, &i)) != NULL; i++)
		endpoint_remove_peer(peer);
	require(fuzzed.done == started);
	require(endpoint->exchange_bytes == 0 && endpoint->body_bytes == 0 && endpoint->pendings.used == 0);
	return 0;
}
