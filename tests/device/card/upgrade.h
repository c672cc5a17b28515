/* GlobalPlatform Amendment H (executable load file upgrade), as far as its text is known: see upgrade.c. */
#ifndef CARD_UPGRADE_H
#define CARD_UPGRADE_H

#include "registry.h"

/* An instance that waits for its new load file keeps its AID and its memory. */
bool upgrade_reserves(const struct registry *registry, struct bytes aid);
/* The load file of the session came: what it was waiting for. In memory only; the caller makes it durable. */
void upgrade_take_load_file(struct registry *registry, const struct card_aid *load_file);
/* The session is about this load file, and has it on the card. */
bool upgrade_holds(const struct registry *registry, const struct entry *load_file);
/* A number that the image may have. */
bool upgrade_status_is_known(uint8_t status);

#endif
