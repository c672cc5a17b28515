#include "gp/token.h"

#include <cardea/tlv.h>

#define TAG_REFERENCE  0xB6
#define TAG_IDENTIFIER 0x93
#define TAG_TOKEN      0x9E /* of DELETE */

/* INSTALL ends with its token and the length before it, which is 00 while there is none. */
static enum err fields_of(const struct command *command, struct bytes *ret_fields)
{
	struct bytes data = command->data;

	if (command->ins == INS_DELETE) {
		*ret_fields = data;
		return ERR_NONE;
	}
	if (command->ins != INS_INSTALL || data.len == 0 || data.at[data.len - 1] != 0x00)
		return ERR_MALFORMED;
	*ret_fields = bytes_first(data, data.len - 1);
	return ERR_NONE;
}

static enum err build_input(struct builder *b, const struct command *command)
{
	struct bytes fields;
	enum err err = fields_of(command, &fields);

	if (err != ERR_NONE)
		return err;
	build_u8(b, command->p1);
	build_u8(b, command->p2);
	if (fields.len > 255)
		build_u24(b, (uint32_t)fields.len);
	else
		build_u8(b, (uint8_t)fields.len);
	build_bytes(b, fields);
	return ERR_NONE;
}

enum err token_input(struct arena *arena, const struct command *command, struct bytes *ret_input)
{
	struct builder b = builder_in(arena);
	enum err err = build_input(&b, command);

	return err == ERR_NONE ? builder_bytes(&b, ret_input) : err;
}

enum err token_input_combined(struct arena *arena, const struct command *first, const struct command *last,
			      struct bytes *ret_input)
{
	struct builder b = builder_in(arena);
	enum err err = build_input(&b, first);

	if (err == ERR_NONE)
		err = build_input(&b, last);
	return err == ERR_NONE ? builder_bytes(&b, ret_input) : err;
}

enum err token_attach(struct arena *arena, const struct command *command, struct bytes token,
		      struct command *ret_command)
{
	struct builder b = builder_in(arena);
	struct command with = *command;
	struct bytes fields;
	enum err err = fields_of(command, &fields);

	if (err != ERR_NONE)
		return err;
	build_bytes(&b, fields);
	if (command->ins == INS_DELETE) {
		build_tlv(&b, TAG_TOKEN, token);
	} else {
		build_ber_length(&b, token.len);
		build_bytes(&b, token);
	}
	err = builder_bytes(&b, &with.data);
	if (err == ERR_NONE && with.data.len > APDU_MAX_DATA)
		err = ERR_LIMIT;
	if (err == ERR_NONE)
		*ret_command = with;
	return err;
}

void build_token_reference(struct builder *b, struct bytes identifier)
{
	size_t mark = build_open(b, TAG_REFERENCE);

	build_tlv(b, TAG_IDENTIFIER, identifier);
	build_close(b, mark);
}
