/* Responses of agents, as the engine reads them. The first byte chooses the format, and whether the request
 * selected. */
#include "fuzz.h"

#include "seram/body.h"

#define REQUEST_COMMANDS 3

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const uint8_t issuer[] = { 0xA0, 0x00, 0x00, 0x01, 0x51 };
	static const struct bytes commands[REQUEST_COMMANDS];
	struct arena *arena = arena_create(1 << 20);
	struct reader r = reader_of(bytes_of(at, len));
	const uint8_t choice = read_u8(&r);
	const struct body *body = body_of((enum body_form)(1 + choice % (BODY_FORM_COUNT - 1)));
	const struct body_request request = {
		.commands = commands,
		.count = REQUEST_COMMANDS,
		.select_aid = bytes_of(issuer,
				       (choice & 0x80) != 0 && body->selects_by_command ? sizeof(issuer) : 0),
	};
	struct body_response response;
	struct fault fault = { .kind = ERR_NONE };
	enum err err = body->parse(read_rest(&r), &request, arena, &response, &fault);

	require(err == ERR_NONE || err == ERR_NOMEM || fault.text[0] != '\0');
	if (err == ERR_NONE)
		require(response.count == 0 || response.responses != NULL);
	arena_free(arena);
	return 0;
}
