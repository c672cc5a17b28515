/* Datagrams of three peers right into the endpoint, without sockets in between: nothing breaks, nothing stays
 * open that its bounds do not allow, and closing leaves nothing.
 *
 * An input is a row of datagrams: a byte that says from whom and how it is answered, two bytes of length, the
 * bytes. */
#include "fuzzed_endpoint.h"

#include <arpa/inet.h>

#include "credentials.h"
#include "message.h"

enum { FROM = 3, SECURE = 4, LATE = 8, LONG = 16, WANTED = 32, ASK = 64 };

static void feed(struct fuzzed *fuzzed, struct reader *r)
{
	const uint8_t how = read_u8(r);
	const uint16_t wanted = read_u16(r);
	struct bytes datagram = read_bytes(r, wanted < reader_left(r) ? wanted : reader_left(r));
	struct route from = {
		.key = { .port = htons((uint16_t)(9 + (how & FROM))), .socket = (how & SECURE) != 0 },
	};

	from.key.is_secure = from.key.socket;
	from.key.ip.s6_addr[10] = from.key.ip.s6_addr[11] = 0xFF;
	from.key.ip.s6_addr[12] = 127;
	from.key.ip.s6_addr[15] = 1;
	fuzzed->is_late = (how & LATE) != 0;
	fuzzed->is_wanted = (how & WANTED) != 0;
	fuzzed->answer_bytes = (how & LONG) != 0 ? 300 : 0;
	if ((how & ASK) != 0)
		fuzzed_ask(fuzzed, &from);
	endpoint_receive(fuzzed->endpoint, &from, datagram);
}

static void open_endpoint(struct fuzzed *fuzzed)
{
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

	require(credentials_create(&credentials) == ERR_NONE);
	settings.credentials = credentials;
	fuzzed_open(fuzzed, &settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct fuzzed fuzzed;
	struct reader r = reader_of(bytes_of(at, len));
	struct peer *peer;

	if (fuzzed.endpoint == NULL)
		open_endpoint(&fuzzed);
	struct endpoint *endpoint = fuzzed.endpoint;
	fuzzed_begin(&fuzzed);
	while (reader_left(&r) > 3)
		feed(&fuzzed, &r);
	require(endpoint_counts(endpoint).peers <= endpoint->settings.max_peers);
	require(endpoint_counts(endpoint).sessions == 0);
	require(endpoint->pendings.used <= endpoint->settings.max_peers * PENDING_PER_PEER);

	exchange_end_all(endpoint);
	for (uint32_t i = 0; (peer = slab_next(&endpoint->peers.slab, &i)) != NULL; i++)
		endpoint_remove_peer(peer);
	require(fuzzed.done == fuzzed.started);
	require(endpoint->exchange_bytes == 0 && endpoint->body_bytes == 0 && endpoint->pendings.used == 0);
	return 0;
}
