/* Keys in a token (PKCS #11 2.40): they compute there, and never leave it. Every function but token_key blocks: call
 * them on workers, or before the loop runs. They may be called from several threads at a time. */
#ifndef CARDEA_CORE_TOKEN_H
#define CARDEA_CORE_TOKEN_H

#include <cardea/key.h>

struct token;

struct token_settings {
	const char *module;             /* file of the token's library */
	const char *label;              /* of the token */
	const char *pin_file;           /* the user's PIN, and the end of a line */
};

/* Loads the library, finds the token and logs in, once. ERR_NOT_FOUND, ERR_IO, ERR_DENIED (the PIN), ERR_UNAVAILABLE. */
MUST_CHECK enum err token_open(const struct token_settings *settings, struct token **ret_token, struct fault *fault);
void token_close(struct token *token);  /* accepts NULL */

/* A key of the token; `size` is that of its value. Without a token (NULL) all that is done with it is ERR_UNAVAILABLE. */
struct key token_key(struct token *token, const char *label, size_t size);

/* Looks for a secret key: AES, or DES with two or three parts. ERR_NOT_FOUND; ERR_CONFLICT when several have the label;
 * ERR_DENIED when its value can be read, which is no key that stays in a token; ERR_UNSUPPORTED for other kinds of keys,
 * and without a token. */
MUST_CHECK enum err token_find(struct token *token, const char *label, bool *ret_is_aes, size_t *ret_size,
                               struct fault *fault);

#endif
