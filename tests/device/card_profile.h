/* What a simulated card has from the factory on beside its first key set: security domains and keys, from a file. */
#ifndef DEVICE_CARD_PROFILE_H
#define DEVICE_CARD_PROFILE_H

#include "card/card.h"

/* JSON: {"domains": [{"aidHex", "privilegesHex", "keyVersion", "keyHex"}], "keys": [{"aidHex", "version", "id",
 * "components": [{"type", "valueHex"}]}]}. A domain without a key takes those of the issuer's; a key without aidHex is
 * the issuer's. Everything lives in the arena. ERR_MALFORMED names the member. */
MUST_CHECK enum err card_profile_read(const char *path, struct arena *arena, struct card_settings *settings,
				      struct fault *fault);

#endif
