/* A state file with a checksum that fits whatever it holds: the card refuses it, or works with it. */
#include "fuzz.h"

#include "chip.h"

#include <cardea/crypto.h>

static const char *const questions[] = {
	"\x00\xA4\x04\x00\x00", "\x80\xCA\x00\xE0\x00", "\x80\xCA\xFF\x21\x00",
	"\x80\xCA\x00\xC1\x00", "\x00\x70\x00\x00\x01",
};

static void ask(struct card *card, struct arena *arena)
{
	struct bytes response;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		require(card_transmit(card, arena, bytes_of(questions[i], 5), &response) == ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	struct card *card = NULL;
	uint8_t *image = malloc(len + SHA256_SIZE);

	require(arena != NULL && image != NULL);
	require(card_open(NULL, &settings, &card, NULL) == ERR_NONE);
	if (len > 0)
		memcpy(image, at, len);
	require(sha256(bytes_of(image, len), &image[len]) == ERR_NONE);
	state_forget(card);
	card->image = image;
	card->image_len = len + SHA256_SIZE;
	if (card_reset(card) == ERR_NONE)
		ask(card, arena);
	card_close(card);
	arena_free(arena);
	return 0;
}
