/* What a device may say on a connection, cut anywhere: nothing breaks, nothing is kept beyond its bounds, and
 * the end of the connection leaves nothing.
 *
 * An input is a row of pieces: a byte that says how they are answered, two bytes of length, the bytes. */
#include "fuzzed_endpoint.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "message.h"
#include "signaling.h"
#include "stream.h"

enum { LATE = 1, LONG = 2, WANTED = 4, ASK = 8, TURN = 16 };

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

	log_set_level(LOG_ERROR);
	fuzzed_open(fuzzed, &settings);
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

/* False: the connection has ended. */
static bool feed(struct fuzzed *fuzzed, struct peer *peer, struct reader *r, bool *was_open)
{
	const uint64_t handle = peer->handle;
	const uint8_t how = read_u8(r);
	const uint16_t wanted = read_u16(r);
	struct bytes piece = read_bytes(r, wanted < reader_left(r) ? wanted : reader_left(r));

	fuzzed->is_late = (how & LATE) != 0;
	fuzzed->is_wanted = (how & WANTED) != 0;
	fuzzed->answer_bytes = (how & LONG) != 0 ? 3000 : 0;
	if ((how & ASK) != 0)
		fuzzed_ask(fuzzed, &peer->route);
	if (!stream_take(peer->stream, piece))
		return false;
	*was_open |= stream_is_open(peer->stream);
	if ((how & TURN) != 0)
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
	bool was_open = false;
	int device;

	check_frame(bytes_of(at, len));
	if (fuzzed.endpoint == NULL)
		open_endpoint(&fuzzed);
	struct endpoint *endpoint = fuzzed.endpoint;
	fuzzed_begin(&fuzzed);
	struct peer *peer = connect_device(&fuzzed, &device);
	require(peer != NULL);
	const uint64_t handle = peer->handle;
	while (reader_left(&r) > 3 && feed(&fuzzed, peer, &r, &was_open)) {}
	require(endpoint->pendings.used <= PENDING_PER_PEER);
	exchange_end_all(endpoint);
	peer = peers_by_handle(&endpoint->peers, handle);
	if (peer != NULL)
		endpoint_remove_peer(peer);
	close(device);
	require(loop_turn(fuzzed.loop, 0) == ERR_NONE);
	require(fuzzed.done == fuzzed.started);
	require(fuzzed.lost >= (unsigned)was_open);
	require(endpoint_counts(endpoint).connections == 0 && endpoint_counts(endpoint).peers == 0);
	require(endpoint->exchange_bytes == 0 && endpoint->body_bytes == 0 && endpoint->pendings.used == 0);
	return 0;
}
