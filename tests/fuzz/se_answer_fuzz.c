/* Answers of a card: to INITIALIZE UPDATE, and inside a secure channel. */
#include "channel/scp03.h"
#include "fuzz.h"

static void fuzz_opening(struct bytes data, struct arena *arena)
{
	const struct key key = key_of(&(struct secret){ .len = 16 });
	struct scp03_opening opening;
	struct session session;
	const uint8_t challenge[SCP03_MAX_CHALLENGE] = { 0 };

	if (scp03_opening_parse(data, &opening, NULL) != ERR_NONE)
		return;
	require(scp03_level_is_possible(scp03_highest_level(opening.i), opening.i));
	const struct bytes host = bytes_of(challenge, opening.card_challenge.len);
	require(scp03_session_derive(&key, &key, host, &opening, &session) == ERR_NONE);
}

/* At levels without and with protection of answers. */
static void fuzz_answer(struct bytes data, struct arena *arena)
{
	static const uint8_t levels[] = { 0x01, 0x03, 0x11, 0x33 };
	struct response response, plain;

	if (response_parse(data, &response, NULL) != ERR_NONE)
		return;
	for (size_t i = 0; i < sizeof(levels); i++) {
		struct session session = { .level = levels[i], .mac_size = 8 };
		session.enc.len = session.mac.len = session.rmac.len = 16;
		if (scp03_unwrap(&session, &session.mark, &response, arena, &plain, NULL) == ERR_NONE)
			require(plain.data.len <= response.data.len);
		(void)response_text(arena, &response);
	}
}

static void fuzz_command(struct bytes data, struct arena *arena)
{
	struct command command;
	struct builder b = builder_in(arena);
	struct bytes built;

	if (command_parse(data, &command, NULL) != ERR_NONE)
		return;
	(void)command_text(arena, &command);
	build_command(&b, &command);
	require(builder_bytes(&b, &built) == ERR_NONE && bytes_equal(built, data));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);

	require(arena != NULL);
	fuzz_opening(bytes_of(at, len), arena);
	fuzz_answer(bytes_of(at, len), arena);
	fuzz_command(bytes_of(at, len), arena);
	arena_free(arena);
	return 0;
}
