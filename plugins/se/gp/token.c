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

static void build_reference(struct builder *b, struct bytes identifier)
{
	size_t mark = build_open(b, TAG_REFERENCE);

	build_tlv(b, TAG_IDENTIFIER, identifier);
	build_close(b, mark);
}

/* The fields before the parameters have one byte of length each: three of them for load, four for all else.
 */
static enum err build_install_with_reference(struct arena *arena, struct builder *b,
					     const struct command *command, struct bytes identifier)
{
	struct reader r = reader_of(command->data);
	struct builder with = builder_in(arena);
	struct bytes parameters;
	const size_t count = command->p1 == 0x02 ? 3 : 4;

	for (size_t i = 0; i < count; i++)
		build_lv(b, read_lv(&r));
	build_bytes(&with, read_bytes(&r, read_ber_length(&r)));
	build_reference(&with, identifier);
	if (read_u8(&r) != 0x00 || !reader_done(&r))
		return ERR_MALFORMED;
	enum err err = builder_bytes(&with, &parameters);
	if (err != ERR_NONE)
		return err;
	build_ber_length(b, parameters.len);
	build_bytes(b, parameters);
	build_u8(b, 0x00);
	return ERR_NONE;
}

enum err token_reference_add(struct arena *arena, const struct command *command, struct bytes identifier,
			     struct command *ret_command)
{
	struct builder b = builder_in(arena);
	struct command with = *command;
	enum err err = ERR_NONE;

	if (command->ins == INS_DELETE) {
		build_bytes(&b, command->data);
		build_reference(&b, identifier);
	} else {
		err = command->ins == INS_INSTALL
			      ? build_install_with_reference(arena, &b, command, identifier)
			      : ERR_MALFORMED;
	}
	if (err == ERR_NONE)
		err = builder_bytes(&b, &with.data);
	if (err == ERR_NONE && with.data.len > APDU_MAX_DATA)
		err = ERR_LIMIT;
	if (err == ERR_NONE)
		*ret_command = with;
	return err;
}
