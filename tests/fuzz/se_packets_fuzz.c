/* What comes to the plugin from cards and agents besides scripts: certificates, answers to key agreements,
 * proofs of receipt, HTTP messages, session parameters. The first byte chooses. */
#include "fuzz.h"

#include "channel/certificate.h"
#include "channel/scp02.h"
#include "channel/scp11.h"
#include "channel/scp80.h"
#include "seram/seram_http.h"
#include "seram/seram_parameters.h"

static void read_certificates(struct bytes bytes, struct arena *arena)
{
	struct reader r = reader_of(bytes);
	struct certificate certificate;

	(void)arena;
	while (reader_left(&r) > 0 && certificate_read(&r, &certificate, NULL) == ERR_NONE)
		continue;
}

static void read_agreement(struct bytes bytes, struct arena *arena)
{
	struct scp11_answer answer;
	struct scp02_opening opening;

	(void)arena;
	if (scp11_answer_parse(bytes, &answer, NULL) != ERR_NONE &&
	    scp02_opening_parse(bytes, &opening, NULL) != ERR_NONE)
		return;
}

static void read_receipt(struct bytes bytes, struct arena *arena)
{
	struct reader r = reader_of(bytes);
	struct scp80_channel channel = { .spi = read_u16(&r), .kic = read_u8(&r), .kid = read_u8(&r) };
	struct scp80_receipt receipt;

	channel.cipher_key.len = channel.mac_key.len = 16;
	if (scp80_receipt_parse(read_rest(&r), &channel, arena, &receipt, NULL) != ERR_NONE)
		return;
}

static void read_http(struct bytes bytes, struct arena *arena)
{
	struct http_message message;
	struct admin_request request;

	if (http_message_parse(bytes, arena, &message, NULL) != ERR_NONE ||
	    admin_request_read(&message, &request, NULL) != ERR_NONE)
		return;
}

/* What was understood is built again. */
static void read_parameters(struct bytes bytes, struct arena *arena)
{
	struct session_parameters parameters, again;
	struct bytes built;

	if (session_parameters_parse(bytes, &parameters, NULL) != ERR_NONE)
		return;
	if (session_parameters_build(arena, &parameters, false, &built) == ERR_NONE)
		require(session_parameters_parse(built, &again, NULL) == ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static void (*const parsers[])(struct bytes bytes, struct arena * arena) = {
		read_certificates, read_agreement, read_receipt, read_http, read_parameters,
	};
	struct arena *arena = arena_create(1 << 20);
	struct reader r = reader_of(bytes_of(at, len));
	const size_t which = read_u8(&r) % (sizeof(parsers) / sizeof(parsers[0]));

	if (arena != NULL)
		parsers[which](read_rest(&r), arena);
	arena_free(arena);
	return 0;
}
