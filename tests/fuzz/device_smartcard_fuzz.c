/* A device before a card that answers anything: the input is its answers, each with its length in one byte.
 * The reader ends, and takes no more from the card than a file may hold. */
#include "fuzz.h"

#include "smartcard_files.h"
#include "smartcard_reader.h"

#define COMMANDS_MAX 4096

struct card {
	struct reader answers;
	unsigned commands;
};

static enum err answer(void *arg, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	struct card *card = arg;

	require(command.len >= 4 && ++card->commands <= COMMANDS_MAX);
	if (reader_left(&card->answers) == 0)
		return ERR_TIMEOUT;
	*ret_answer = read_bytes(&card->answers, read_u8(&card->answers));
	return card->answers.bad ? ERR_TIMEOUT : ERR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(16 << 20);
	const struct smartcard_keys keys = { { .len = 16 }, { .len = 16 } };
	struct smartcard_directories directories;
	struct smartcard_content content;
	struct smartcard_place place;
	struct bytes file;

	for (int is_secure = 0; is_secure <= 1 && len <= COMMANDS_MAX; is_secure++) {
		struct card card = { reader_of(bytes_of(at, len)), 0 };
		const struct smartcard_access access = { answer, &card, "1234", is_secure ? &keys : NULL };

		if (smartcard_read(&access, arena, &file, NULL) == ERR_NONE)
			require(file.len <= 32768 + 255);
	}
	if (smartcard_read_directories(bytes_of(at, len), &directories, NULL) == ERR_NONE)
		require(directories.count <= SMARTCARD_DIRECTORIES_MAX);
	if (smartcard_read_place(bytes_of(at, len), &place, NULL) == ERR_NONE)
		require(place.path.len >= 2);
	if (smartcard_read_content(bytes_of(at, len), &content, NULL) == ERR_NONE)
		require(content.used <= len);
	arena_free(arena);
	return 0;
}
