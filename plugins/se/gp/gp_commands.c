/* GPCS 2.3.1, 11.2 DELETE, 11.3 GET DATA, 11.4 GET STATUS, 11.5 INSTALL, 11.6 LOAD, 11.8 PUT KEY, 11.10 SET
 * STATUS, 11.11 STORE DATA */
#include "gp/gp_commands.h"

#include <cardea/tlv.h>

#define CLA_GP 0x80

static enum err finish(const struct builder *b, struct command command, struct command *ret_command)
{
	enum err err = builder_bytes(b, &command.data);

	if (err == ERR_NONE && command.data.len > APDU_MAX_DATA)
		err = ERR_LIMIT;
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

struct command gp_initialize_update(uint8_t key_version, struct bytes host_challenge)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_INITIALIZE_UPDATE,
				 .p1 = key_version,
				 .data = host_challenge,
				 .has_le = true };
}

struct command gp_get_data(uint16_t tag)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_GET_DATA,
				 .p1 = (uint8_t)(tag >> 8),
				 .p2 = (uint8_t)tag,
				 .has_le = true };
}

enum err gp_get_status(struct arena *arena, enum status_scope scope, bool is_next, struct bytes aid,
		       struct bytes tags, struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_tlv(&b, 0x4F, aid);
	if (tags.len > 0)
		build_tlv(&b, 0x5C, tags);
	return finish(&b,
		      (struct command){ .cla = CLA_GP,
					.ins = INS_GET_STATUS,
					.p1 = (uint8_t)scope,
					.p2 = is_next ? 0x03 : 0x02,
					.has_le = true },
		      ret_command);
}

/* ---- INSTALL ---- */

/* Memory figures take two bytes up to 32767, else four. */
static void build_memory(struct builder *b, uint32_t tag, uint32_t bytes)
{
	if (bytes == 0)
		return;
	size_t mark = build_open(b, tag);
	build_uint(b, bytes, bytes <= 32767 ? 2 : 4);
	build_close(b, mark);
}

static void build_given(struct builder *b, uint32_t tag, struct bytes value)
{
	if (value.len > 0)
		build_tlv(b, tag, value);
}

static void build_system_content(struct builder *b, const struct install_parameters *p)
{
	build_memory(b, 0xC6, p->code_bytes);
	build_memory(b, 0xC8, p->non_volatile_bytes);
	build_memory(b, 0xC7, p->volatile_bytes);
	build_memory(b, 0xD7, p->reserved_volatile_bytes);
	build_memory(b, 0xD8, p->reserved_non_volatile_bytes);
	build_given(b, 0xCB, p->global_services);
	for (size_t i = 0; i < p->implicit_selection.len; i++)
		build_tlv_u8(b, 0xCF, p->implicit_selection.at[i]);
	if (p->restrictions != 0)
		build_tlv_u8(b, 0xD9, p->restrictions);
	build_given(b, 0xCA, p->uicc_access);
}

/* Nothing at all where there is nothing to say. */
static void build_system_parameters(struct builder *b, struct arena *arena,
				    const struct install_parameters *parameters)
{
	struct builder content = builder_in(arena);
	struct bytes bytes;

	build_system_content(&content, parameters);
	if (builder_bytes(&content, &bytes) == ERR_NONE)
		build_given(b, 0xEF, bytes);
	else
		b->bad = true;
}

enum err install_parameters_build(struct arena *arena, const struct install_parameters *parameters,
				  struct bytes *ret_parameters)
{
	struct builder b = builder_in(arena);

	build_tlv(&b, 0xC9, parameters->application);
	build_system_parameters(&b, arena, parameters);
	build_given(&b, 0xEA, parameters->uicc_template);
	return builder_bytes(&b, ret_parameters);
}

/* Parameters and tokens have a BER length, the other fields one byte. */
static void build_long_lv(struct builder *b, struct bytes value)
{
	build_ber_length(b, value.len);
	build_bytes(b, value);
}

static const struct bytes nothing = { NULL, 0 };

static void build_system_field(struct builder *b, struct arena *arena,
			       const struct install_parameters *parameters)
{
	struct builder field = builder_in(arena);
	struct bytes bytes;

	build_system_parameters(&field, arena, parameters);
	if (builder_bytes(&field, &bytes) == ERR_NONE)
		build_long_lv(b, bytes);
	else
		b->bad = true;
}

static struct command install_command(uint8_t purpose)
{
	return (struct command){ .cla = CLA_GP, .ins = INS_INSTALL, .p1 = purpose, .has_le = true };
}

enum err gp_install_for_load(struct arena *arena, struct bytes load_file_aid, struct bytes domain_aid,
			     struct bytes hash, const struct install_parameters *parameters,
			     struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, load_file_aid);
	build_lv(&b, domain_aid);
	build_lv(&b, hash);
	build_system_field(&b, arena, parameters);
	build_long_lv(&b, nothing);
	return finish(&b, install_command(INSTALL_FOR_LOAD), ret_command);
}

/* One byte where the others are nothing but zero, and mean it: those of a security domain have defaults (GPCS
 * table 6-2). */
static void build_privileges(struct builder *b, uint32_t privileges)
{
	size_t width = (privileges & 0x80FFFF) == 0 ? 1 : 3;

	build_u8(b, (uint8_t)width);
	build_uint(b, width == 1 ? privileges >> 16 : privileges, width);
}

enum err gp_install_for_install(struct arena *arena, const struct install_order *order,
				struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, order->load_file);
	build_lv(&b, order->module);
	build_lv(&b, order->instance);
	build_privileges(&b, order->privileges);
	build_long_lv(&b, order->parameters);
	build_long_lv(&b, nothing);
	return finish(&b,
		      install_command(order->make_selectable ? INSTALL_FOR_INSTALL | INSTALL_MAKE_SELECTABLE
							     : INSTALL_FOR_INSTALL),
		      ret_command);
}

enum err gp_make_selectable(struct arena *arena, struct bytes instance, uint32_t privileges,
			    const struct install_parameters *parameters, struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, nothing);
	build_lv(&b, nothing);
	build_lv(&b, instance);
	build_privileges(&b, privileges);
	build_system_field(&b, arena, parameters);
	build_long_lv(&b, nothing);
	return finish(&b, install_command(INSTALL_MAKE_SELECTABLE), ret_command);
}

enum err gp_install_for_personalization(struct arena *arena, struct bytes application,
					struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, nothing);
	build_lv(&b, nothing);
	build_lv(&b, application);
	build_lv(&b, nothing);
	build_long_lv(&b, nothing);
	build_long_lv(&b, nothing);
	return finish(&b, install_command(INSTALL_PERSONALIZATION), ret_command);
}

enum err gp_extradite(struct arena *arena, struct bytes domain_aid, struct bytes object,
		      struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, domain_aid);
	build_lv(&b, nothing);
	build_lv(&b, object);
	build_lv(&b, nothing);
	build_long_lv(&b, nothing);
	build_long_lv(&b, nothing);
	return finish(&b, install_command(INSTALL_EXTRADITION), ret_command);
}

enum err gp_update_registry(struct arena *arena, const struct registry_update *update,
			    struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_lv(&b, update->domain);
	build_lv(&b, nothing);
	build_lv(&b, update->application);
	if (update->has_privileges)
		build_privileges(&b, update->privileges);
	else
		build_lv(&b, nothing);
	build_system_field(&b, arena, &update->parameters);
	build_long_lv(&b, nothing);
	return finish(&b, install_command(INSTALL_REGISTRY_UPDATE), ret_command);
}

/* ---- LOAD, DELETE, PUT KEY, STORE DATA ---- */

struct command gp_load(struct bytes block, size_t number, bool is_last)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_LOAD,
				 .p1 = is_last ? LOAD_IS_LAST : 0x00,
				 .p2 = (uint8_t)number,
				 .data = block,
				 .has_le = true };
}

enum err gp_delete(struct arena *arena, struct bytes aid, bool related, struct command *ret_command)
{
	struct builder b = builder_in(arena);

	build_tlv(&b, 0x4F, aid);
	return finish(&b,
		      (struct command){
			      .cla = CLA_GP, .ins = INS_DELETE, .p2 = related ? 0x80 : 0x00, .has_le = true },
		      ret_command);
}

enum err gp_delete_keys(struct arena *arena, int key_id, int key_version, struct command *ret_command)
{
	struct builder b = builder_in(arena);

	if (key_id >= 0)
		build_tlv_u8(&b, 0xD0, (uint8_t)key_id);
	if (key_version >= 0)
		build_tlv_u8(&b, 0xD2, (uint8_t)key_version);
	return finish(&b, (struct command){ .cla = CLA_GP, .ins = INS_DELETE, .has_le = true }, ret_command);
}

struct command gp_set_status(enum status_target target, uint8_t state, struct bytes aid)
{
	return (struct command){
		.cla = CLA_GP, .ins = INS_SET_STATUS, .p1 = (uint8_t)target, .p2 = state, .data = aid
	};
}

struct command gp_put_key_set(uint8_t replace_version, struct bytes data)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_PUT_KEY,
				 .p1 = replace_version,
				 .p2 = 0x81, /* several keys, from KID 01 on */
				 .data = data,
				 .has_le = true };
}

struct command gp_put_key(uint8_t replace_version, uint8_t id, struct bytes data)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_PUT_KEY,
				 .p1 = replace_version,
				 .p2 = id,
				 .data = data,
				 .has_le = true };
}

struct command gp_store_data(struct bytes block, size_t number, bool is_last, enum store_format format,
			     bool is_encrypted)
{
	return (struct command){ .cla = CLA_GP,
				 .ins = INS_STORE_DATA,
				 .p1 = (uint8_t)((is_last ? 0x80 : 0) | format |
						 (is_encrypted ? STORE_ENCRYPTED : 0)),
				 .p2 = (uint8_t)number,
				 .data = block };
}
