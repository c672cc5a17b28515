/* What a device may say on a connection, cut anywhere: nothing breaks, nothing is kept beyond its bounds, and
 * the end of the connection leaves nothing.
 *
 * An input is a row of pieces: a byte that says how they are answered, two bytes of length, the bytes. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "exchange.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "signaling.h"
#include "stream.h"

#define TOKEN       UINT64_C(0x0101010101010101)
#define LONG_ANSWER 3000

enum { LATE = 1, LONG = 2, WANTED = 4, ASK = 8, TURN = 16 };

struct fuzzed {
	struct loop *loop;
	struct endpoint *endpoint;
	uint8_t how;
	uint64_t late;
	unsigned started, done, opened, lost;
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

static void on_lost(void *self, const struct coap_address *from, const char *identity)
{
	((struct fuzzed *)self)->lost++;
}

static void on_done(void *self, uint64_t id, const struct exchange_result *result)
{
	struct fuzzed *fuzzed = self;

	require((result->err == ERR_NONE) == (result->message != NULL));
	fuzzed->done++;
}

static void open_endpoint(struct fuzzed *fuzzed)
{
	const struct endpoint_settings settings = {
		.coap_listen = "",
		.coaps_listen = "",
		.tcp_listen = "127.0.0.1:0",
		.ack_timeout_ms = 1000,
		.max_retransmit = 1,
		.block_size = 64,
		.max_body_bytes = 8192,
		.max_peers = 2,
		.max_connections = 2,
		.connection_idle_s = 60,
	};
	const struct endpoint_handlers handlers = {
		.request = on_request,
		.notification = on_notification,
		.observed = on_observed,
		.lost = on_lost,
		.self = fuzzed,
	};

	log_set_level(LOG_ERROR);
	require(loop_create(&fuzzed->loop) == ERR_NONE);
	require(endpoint_create(fuzzed->loop, &settings, &handlers, &fuzzed->endpoint, NULL) == ERR_NONE);
}

static struct peer *connect_device(const struct fuzzed *fuzzed, int *ret_device)
{
	struct route from = { .key = { .port = htons(9), .is_stream = 1 } };
	int ends[2];

	from.key.ip.s6_addr[15] = 1;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	streams_accept(fuzzed->endpoint->streams, ends[0], &from);
	*ret_device = ends[1];
	return peers_find(&fuzzed->endpoint->peers, &from.key);
}

static void ask(struct fuzzed *fuzzed, const struct peer *peer)
{
	const struct coap_address to = peer_key_address(&peer->route.key);
	const struct coap_message request = {
		.code = COAP_GET,
		.content_format = COAP_NO_FORMAT,
		.accept = COAP_NO_FORMAT,
		.has_observe = true,
	};

	if (exchange_start(fuzzed->endpoint, &to, "", &request, TOKEN, on_done, fuzzed, 1, NULL) == ERR_NONE)
		fuzzed->started++;
}

/* False: the connection has ended. */
static bool feed(struct fuzzed *fuzzed, struct peer *peer, struct reader *r)
{
	const uint64_t handle = peer->handle;

	fuzzed->how = read_u8(r);
	const uint16_t wanted = read_u16(r);
	struct bytes piece = read_bytes(r, wanted < reader_left(r) ? wanted : reader_left(r));

	if ((fuzzed->how & ASK) != 0)
		ask(fuzzed, peer);
	if (!stream_take(peer->stream, piece))
		return false;
	fuzzed->opened |= stream_is_open(peer->stream);
	if ((fuzzed->how & TURN) != 0)
		require(loop_turn(fuzzed->loop, 0) == ERR_NONE);
	return peers_by_handle(&fuzzed->endpoint->peers, handle) != NULL;
}

static void check_frame(struct bytes bytes)
{
	uint8_t at[SIGNAL_BYTES_MAX];
	struct frame frame;
	struct signal signal;
	uint16_t option;

	if (frame_read(bytes, 8192, &frame) != FRAME_WHOLE)
		return;
	require(frame.len <= bytes.len && frame.token.len <= 8);
	if (is_signal(frame.code) && signal_read(&frame, &signal, &option) == SIGNAL_GOOD)
		require(signal_write(&signal, at) <= sizeof(at));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct fuzzed fuzzed;
	struct reader r = reader_of(bytes_of(at, len));
	int device;

	check_frame(bytes_of(at, len));
	if (fuzzed.endpoint == NULL)
		open_endpoint(&fuzzed);
	struct endpoint *endpoint = fuzzed.endpoint;
	fuzzed.started = fuzzed.done = fuzzed.opened = fuzzed.lost = 0;
	fuzzed.late = 0;
	struct peer *peer = connect_device(&fuzzed, &device);
	require(peer != NULL);
	const uint64_t handle = peer->handle;
	while (reader_left(&r) > 3 && feed(&fuzzed, peer, &r)) {}
	require(endpoint->pendings.used <= PENDING_PER_PEER);
	exchange_end_all(endpoint);
	peer = peers_by_handle(&endpoint->peers, handle);
	if (peer != NULL)
		endpoint_remove_peer(peer);
	close(device);
	require(loop_turn(fuzzed.loop, 0) == ERR_NONE);
	require(fuzzed.done == fuzzed.started);
	require(fuzzed.lost >= fuzzed.opened);
	require(endpoint_counts(endpoint).connections == 0 && endpoint_counts(endpoint).peers == 0);
	require(endpoint->exchange_bytes == 0 && endpoint->body_bytes == 0 && endpoint->pendings.used == 0);
	return 0;
}
