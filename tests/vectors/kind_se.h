/* What the kinds of secure elements share. */
#ifndef CARDEA_TESTS_VECTORS_KIND_SE_H
#define CARDEA_TESTS_VECTORS_KIND_SE_H

#include <cardea/key.h>

#include "gp/apdu.h"
#include "kinds.h"

/* A vector that its own author could not confirm is a hint and no judge. */
bool is_confirmed(const struct vector *v);
bool secret_member(struct vector *v, const char *member, struct secret *ret_secret);
bool key_member(struct vector *v, const char *member, struct key *ret_key);
/* Compares a member that may be absent. */
enum verdict compare_member(struct vector *v, const char *member, struct bytes actual);
/* Empty bytes when the command is too long. */
struct bytes apdu_of(struct vector *v, const struct command *command);
bool member_hex(struct vector *v, const json_t *object, const char *member, struct bytes *ret_bytes);

#endif
