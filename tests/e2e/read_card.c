/* read_card: tells what a simulated card holds, from its state file and not by asking it.
 *
 *   read_card FILE [AID ...]
 *
 * Prints "applications N", "security-domains N" and "load-files N", then a line per AID: its kind, life cycle and, for a
 * load file, the SHA-256 of its block; or "absent". */
#include <stdio.h>
#include <stdlib.h>

#include "card.h"

static const char *const kind_names[] = {
	[CARD_APPLICATION] = "application", [CARD_SECURITY_DOMAIN] = "security-domain", [CARD_LOAD_FILE] = "load-file",
};
static const char *const count_names[] = {
	[CARD_APPLICATION] = "applications", [CARD_SECURITY_DOMAIN] = "security-domains", [CARD_LOAD_FILE] = "load-files",
};

static void print_object(const struct card *card, struct arena *arena, const char *hex, struct bytes aid)
{
	struct card_object object;

	if (!card_find(card, aid, &object)) {
		printf("%s absent\n", hex);
		return;
	}
	printf("%s %s %02X", hex, kind_names[object.kind], object.life_cycle);
	if (object.kind == CARD_LOAD_FILE)
		printf(" %s", bytes_to_hex(arena, bytes_of(object.block_sha256, sizeof object.block_sha256)));
	putchar('\n');
}

static int read_card(const char *path, char *const *aids)
{
	struct card_settings settings = card_settings_default();
	struct arena *arena = arena_create(0);
	struct card *card = NULL;
	struct fault fault = { 0 };
	struct bytes aid;
	int status = EXIT_FAILURE;

	if (arena == NULL || card_open(path, &settings, &card, &fault) != ERR_NONE) {
		fprintf(stderr, "read_card: %s: %s\n", path, fault.text);
		goto out;
	}
	for (int kind = CARD_APPLICATION; kind <= CARD_LOAD_FILE; kind++)
		printf("%s %zu\n", count_names[kind], card_object_count(card, (enum card_object_kind)kind));
	for (; *aids != NULL; aids++) {
		if (bytes_from_hex(arena, *aids, &aid) != ERR_NONE) {
			fprintf(stderr, "read_card: %s is not hexadecimal\n", *aids);
			goto out;
		}
		print_object(card, arena, *aids, aid);
	}
	status = EXIT_SUCCESS;
out:
	card_close(card);
	arena_free(arena);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: read_card FILE [AID ...]\n", stderr);
		return 2;
	}
	return read_card(argv[1], &argv[2]);
}
