/* API tokens: "Authorization: Bearer ...". Only the SHA-256 of a token is stored. */
#ifndef CARDEA_API_TOKENS_H
#define CARDEA_API_TOKENS_H

#include "routes.h"

struct token_table;

/* Reads the tokens. When there is none, makes an admin token and writes it to <data_dir>/admin.token, mode 0600. */
MUST_CHECK enum err tokens_create(struct api *api, struct token_table **ret_tokens, struct fault *fault);
void tokens_free(struct token_table *tokens);           /* accepts NULL */

/* Fills request->caller. ERR_DENIED without a token that is known and has not expired. */
MUST_CHECK enum err token_check(struct http_request *request, enum scope *ret_granted, struct fault *fault);

#endif
