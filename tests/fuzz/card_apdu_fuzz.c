/* Sequences of APDUs against a card in memory, each behind its length in one byte. The first byte says
 * whether a host is logged in before, so that a search need not find a cryptogram. What the card answers is
 * well formed, it never loses its registry, and what it holds is what it would find after a reset. */
#include "fuzz.h"

#include "card.h"
#include "scp11_factory.h"

#define MAX_COMMANDS 64
#define LOGGED_IN    0x01

/* INITIALIZE UPDATE and EXTERNAL AUTHENTICATE without secure messaging, for the default keys and the
 * challenge below */
static const uint8_t initialize_update[] = { 0x80, 0x50, 0x00, 0x00, 0x08, 0xA0, 0xA1,
					     0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0x00 };
static const uint8_t external_authenticate[] = { 0x84, 0x82, 0x00, 0x00, 0x10, 0x9D, 0xF8,
						 0x52, 0x51, 0x49, 0x8E, 0x2F, 0x1A, 0x06,
						 0xB2, 0xC1, 0x6E, 0x02, 0x33, 0xBA, 0x52 };

static void make_challenge(void *arg, uint8_t *ret_at, size_t len)
{
	memset(ret_at, 0xC5, len); /* so that a session found once works again */
}

static uint8_t send(struct card *card, struct arena *arena, struct bytes apdu)
{
	struct bytes response;

	require(card_transmit(card, arena, apdu, &response) == ERR_NONE);
	require(response.len >= 2 && response.len <= 258);
	require((response.at[response.len - 2] & 0xF0) == 0x60 || response.at[response.len - 2] == 0x90);
	require(card_object_count(card, CARD_SECURITY_DOMAIN) >= 1);
	return response.at[response.len - 2];
}

/* So that packets are looked into: of SCP80, with the checksum that they need left to their sender. */
static const uint8_t packet_key[16] = { 0x40 };
static const struct card_extra_key packet_keys[] = {
	{ .version = 1, .id = 1, .components = { { 0x88, { packet_key, sizeof(packet_key) } } } },
	{ .version = 1, .id = 2, .components = { { 0x88, { packet_key, sizeof(packet_key) } } } },
};

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	struct reader r = reader_of(bytes_of(at, len));
	struct card *card = NULL;
	size_t applications;

	settings.scp03_options = CARD_I_RMAC | CARD_I_RENC;
	settings.make_challenge = make_challenge;
	const char *keyset;

	require(arena != NULL);
	require(scp11_factory(arena, EC_P256, CARD_SCP11_A | CARD_SCP11_B | CARD_SCP11_C | CARD_SCP11_CHAINS,
			      settings.iin, &settings.scp11, &keyset) == ERR_NONE);
	settings.extra_keys = packet_keys;
	settings.extra_key_count = sizeof(packet_keys) / sizeof(packet_keys[0]);
	settings.has_uicc = true;
	require(card_open(NULL, &settings, &card, NULL) == ERR_NONE);
	if ((read_u8(&r) & LOGGED_IN) != 0) {
		send(card, arena, bytes_of(initialize_update, sizeof(initialize_update)));
		require(send(card, arena, bytes_of(external_authenticate, sizeof(external_authenticate))) ==
			0x90);
	}
	for (int i = 0; i < MAX_COMMANDS && reader_left(&r) > 0; i++) {
		size_t length = read_u8(&r);

		send(card, arena, length <= reader_left(&r) ? read_bytes(&r, length) : read_rest(&r));
	}
	applications = card_object_count(card, CARD_APPLICATION);
	require(card_reset(card) == ERR_NONE);
	require(card_object_count(card, CARD_APPLICATION) == applications);
	card_close(card);
	arena_free(arena);
	return 0;
}
