/* A request to the bootstrap server: the first byte chooses which, the second its Accept, each line is a
 * query. None is served here, since none may be at a time. */
#include "fuzz.h"

#include "bootstrap_session.h"
#include "credentials.h"

static const char *const paths[] = { "bs", "bspack", "rd" };
static const uint16_t accepts[] = { COAP_NO_FORMAT, FORMAT_SENML_CBOR, FORMAT_TLV, 0 };

static void split(struct reader *r, struct coap_message *message)
{
	while (reader_left(r) > 0 && message->query_count < COAP_MAX_QUERIES) {
		const uint8_t *end = memchr(r->at, '\n', reader_left(r));

		message->query[message->query_count++] =
			read_bytes(r, end == NULL ? reader_left(r) : (size_t)(end - r->at));
		(void)read_if(r, '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct reader r = reader_of(bytes_of(at, len));
	uint8_t which = read_u8(&r), accept = read_u8(&r);
	struct coap_message message = {
		.code = which & 1 ? COAP_GET : COAP_POST,
		.path = { bytes_of_text(paths[which / 2 % 3]) },
		.path_count = 1,
		.content_format = COAP_NO_FORMAT,
		.accept = accepts[accept % 4],
	};
	const struct coap_address from = { .is_secure = which & 64 };
	struct coap_request request = { .message = &message,
					.from = &from,
					.identity = which & 128 ? "a" : "" };
	struct bootstrap_parts parts = { .max_at_once = 0 };
	struct credentials *credentials;
	struct bootstrap *bootstrap;

	request.arena = arena_create(1 << 20);
	require(request.arena != NULL && credentials_create(&credentials) == ERR_NONE);
	parts.bootstrap_credentials = credentials;
	require(bootstrap_create(&parts, &bootstrap) == ERR_NONE);
	split(&r, &message);
	bootstrap_serve(bootstrap, &request);
	bootstrap_free(bootstrap);
	credentials_free(credentials);
	arena_free(request.arena);
	return 0;
}
