/* A token without hardware (SoftHSM) in a folder of its own, with the keys that a test puts into it. */
#ifndef CARDEA_TESTS_SOFT_TOKEN_H
#define CARDEA_TESTS_SOFT_TOKEN_H

#include "token.h"

enum soft_key_type { SOFT_AES, SOFT_DES };

struct soft_token {
	char folder[64];
	const char *module;     /* of the library */
	char pin_file[80];
	struct token *token;
};

/* False when SoftHSM is not installed, which is said aloud. */
bool soft_token_open(struct soft_token *soft);
void soft_token_close(struct soft_token *soft);
/* A key that does all that a key can do, and is not seen; `is_readable` makes one that is. */
void soft_token_add(struct soft_token *soft, const char *label, enum soft_key_type type, struct bytes value,
                    bool is_readable);

#endif
