/* ETSI TS 102 221, 11.1.1 SELECT, 11.1.3 to 11.1.6 READ and UPDATE, 11.1.14 and 11.1.15; TS 102 222, 6 */
#include "gp/file_commands.h"

#include <stdlib.h>

#include <cardea/tlv.h>

#define BY_IDENTIFIER   0x00
#define BY_NAME         0x04
#define BY_PATH         0x08
#define WITH_PARAMETERS 0x04
#define WITHOUT_DATA    0x0C
#define ABSOLUTE        0x04
#define PREVIOUS        0x03
#define CLA_UICC        0x80
#define DATA_CODING     0x21
#define DEACTIVATED     0x04 /* TS 102 221 11.1.1.4.9, without the lowest bit */

enum {
	TAG_SIZE = 0x80,
	TAG_DESCRIPTOR = 0x82,
	TAG_ID = 0x83,
	TAG_NAME = 0x84,
	TAG_LIFE_CYCLE = 0x8A,
	TAG_ACCESS_REFERENCED = 0x8B,
	TAG_ACCESS_COMPACT = 0x8C,
	TAG_ACCESS_EXPANDED = 0xAB,
	TAG_PARAMETERS = 0x62
};

/* TS 102 221 11.1.1.4.3: the descriptor byte, without the bit that says that a file is shareable. */
static const struct structure_row {
	const char *name;
	uint8_t descriptor;
} structures[FILE_STRUCTURE_COUNT] = {
	[FILE_TRANSPARENT] = { "transparent", 0x01 },
	[FILE_LINEAR] = { "linear-fixed", 0x02 },
	[FILE_CYCLIC] = { "cyclic", 0x06 },
	[FILE_DIRECTORY] = { "directory", 0x38 },
};

#define SHAREABLE 0x40

const char *file_structure_text(enum file_structure structure)
{
	return structures[structure].name;
}

enum file_structure file_structure_of(const char *name)
{
	unsigned i = 0;

	while (i < FILE_STRUCTURE_COUNT && strcmp(structures[i].name, name) != 0)
		i++;
	return (enum file_structure)i;
}

/* ---- paths ---- */

enum err file_path_parse(const char *text, struct file_path *ret_path)
{
	struct file_path path = { .count = 0 };

	for (;;) {
		char *end;
		const unsigned long id = strtoul(text, &end, 16);
		if (end - text != 4 || path.count == FILE_MAX_PATH || id > UINT16_MAX)
			return ERR_MALFORMED;
		path.ids[path.count++] = (uint16_t)id;
		if (*end == '\0')
			break;
		if (*end != '/')
			return ERR_MALFORMED;
		text = end + 1;
	}
	*ret_path = path;
	return ERR_NONE;
}

struct file_path file_path_parent(const struct file_path *path)
{
	struct file_path parent = *path;

	parent.count = path->count > 0 ? path->count - 1 : 0;
	return parent;
}

uint16_t file_path_last(const struct file_path *path)
{
	return path->ids[path->count - 1];
}

/* ---- what SELECT tells ---- */

static enum err read_descriptor(struct bytes value, struct file_parameters *p, struct fault *fault)
{
	struct reader r = reader_of(value);
	const uint8_t descriptor = (uint8_t)(read_u8(&r) & ~SHAREABLE);

	read_u8(&r);
	p->structure = FILE_TRANSPARENT;
	while (p->structure < FILE_STRUCTURE_COUNT && structures[p->structure].descriptor != descriptor)
		p->structure++;
	if (reader_left(&r) > 0) {
		p->record_size = read_u16(&r);
		p->record_count = read_u8(&r);
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "the file descriptor has %zu bytes", value.len);
	if (p->structure == FILE_STRUCTURE_COUNT)
		return fault_set(fault, ERR_UNSUPPORTED, "files of the structure %02X are not known",
				 descriptor);
	return ERR_NONE;
}

static enum err read_number(struct bytes value, const char *what, size_t max_size, uint32_t *ret_number,
			    struct fault *fault)
{
	struct reader r = reader_of(value);

	if (value.len == 0 || value.len > max_size)
		return fault_set(fault, ERR_MALFORMED, "%s of a file has %zu bytes", what, value.len);
	*ret_number = (uint32_t)read_uint(&r, value.len);
	return ERR_NONE;
}

static enum err read_element(uint32_t tag, struct bytes value, struct file_parameters *p, struct fault *fault)
{
	uint32_t number = 0;
	enum err err = ERR_NONE;

	switch (tag) {
	case TAG_DESCRIPTOR:
		return read_descriptor(value, p, fault);
	case TAG_ID:
		err = read_number(value, "the identifier", 2, &number, fault);
		p->has_id = err == ERR_NONE;
		p->id = (uint16_t)number;
		return err;
	case TAG_SIZE:
		return read_number(value, "the size", 4, &p->size, fault);
	case TAG_LIFE_CYCLE:
		err = read_number(value, "the life cycle", 1, &number, fault);
		p->is_deactivated = (number & ~1u) == DEACTIVATED && (number & 1) == 0;
		return err;
	case TAG_NAME:
		p->name = value;
		return ERR_NONE;
	case TAG_ACCESS_REFERENCED:
	case TAG_ACCESS_COMPACT:
	case TAG_ACCESS_EXPANDED:
		p->access = value;
		return ERR_NONE;
	default:
		return ERR_NONE; /* proprietary, short identifier, PIN status */
	}
}

enum err file_parameters_parse(struct bytes fcp, struct file_parameters *ret_parameters, struct fault *fault)
{
	struct file_parameters p = { .structure = FILE_STRUCTURE_COUNT };
	struct reader r = reader_of(fcp);
	struct bytes template = { 0 }, value;
	uint32_t tag;

	if (!read_tlv(&r, &tag, &template) || tag != TAG_PARAMETERS || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "%zu bytes are not file control parameters (62)",
				 fcp.len);
	r = reader_of(template);
	while (read_tlv(&r, &tag, &value)) {
		enum err err = read_element(tag, value, &p, fault);
		if (err != ERR_NONE)
			return err;
	}
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "file control parameters run past their end");
	if (p.structure == FILE_STRUCTURE_COUNT)
		return fault_set(fault, ERR_MALFORMED, "file control parameters lack the descriptor (82)");
	const bool has_records = p.structure == FILE_LINEAR || p.structure == FILE_CYCLIC;
	if (has_records && (p.record_size == 0 || p.record_size > 255 || p.size % p.record_size != 0))
		return fault_set(fault, ERR_MALFORMED, "a file of %u bytes does not have records of %u bytes",
				 (unsigned)p.size, p.record_size);
	if (!has_records)
		p.record_size = 0;
	*ret_parameters = p;
	return ERR_NONE;
}

/* ---- commands ---- */

/* An absolute path does not name the MF that it begins at. */
enum err file_select(struct arena *arena, const struct file_path *path, bool wants_parameters,
		     struct command *ret_command)
{
	const size_t first = path->count > 1 && path->ids[0] == FILE_MF ? 1 : 0;
	struct builder b = builder_in(arena);
	struct command command = { .ins = INS_SELECT,
				   .p1 = path->count > 1 ? BY_PATH : BY_IDENTIFIER,
				   .p2 = wants_parameters ? WITH_PARAMETERS : WITHOUT_DATA,
				   .has_le = wants_parameters };

	for (size_t i = first; i < path->count; i++)
		build_u16(&b, path->ids[i]);
	enum err err = builder_bytes(&b, &command.data);
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

struct command file_select_application(struct bytes aid)
{
	return (struct command){ .ins = INS_SELECT, .p1 = BY_NAME, .p2 = WITHOUT_DATA, .data = aid };
}

struct command file_read(uint32_t offset, size_t size)
{
	return (struct command){ .ins = INS_READ_BINARY,
				 .p1 = (uint8_t)(offset >> 8),
				 .p2 = (uint8_t)offset,
				 .has_le = true,
				 .le = (uint8_t)size };
}

struct command file_update(uint32_t offset, struct bytes data)
{
	return (struct command){
		.ins = INS_UPDATE_BINARY, .p1 = (uint8_t)(offset >> 8), .p2 = (uint8_t)offset, .data = data
	};
}

struct command file_read_record(uint8_t number, size_t size)
{
	return (struct command){
		.ins = INS_READ_RECORD, .p1 = number, .p2 = ABSOLUTE, .has_le = true, .le = (uint8_t)size
	};
}

struct command file_update_record(uint8_t number, struct bytes data)
{
	return (struct command){
		.ins = INS_UPDATE_RECORD, .p1 = number, .p2 = number == 0 ? PREVIOUS : ABSOLUTE, .data = data
	};
}

static void build_u16_element(struct builder *b, uint32_t tag, uint16_t value)
{
	size_t mark = build_open(b, tag);

	build_u16(b, value);
	build_close(b, mark);
}

static enum err finish(struct builder *b, size_t mark, struct command command, struct command *ret_command)
{
	build_close(b, mark);
	enum err err = builder_bytes(b, &command.data);
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

enum err file_create(struct arena *arena, const struct new_file *file, struct command *ret_command)
{
	const struct structure_row *row = &structures[file->structure];
	struct builder b = builder_in(arena);
	size_t mark = build_open(&b, TAG_PARAMETERS), descriptor = build_open(&b, TAG_DESCRIPTOR);

	build_u8(&b, row->descriptor | SHAREABLE);
	build_u8(&b, DATA_CODING);
	if (file->record_size > 0)
		build_u16(&b, file->record_size);
	build_close(&b, descriptor);
	build_u16_element(&b, TAG_ID, file->id);
	build_tlv_u8(&b, TAG_LIFE_CYCLE, 0x05);
	build_bytes(&b, file->access);
	if (file->structure != FILE_DIRECTORY)
		build_u16_element(&b, TAG_SIZE, (uint16_t)file->size);
	return finish(&b, mark, (struct command){ .ins = INS_CREATE_FILE }, ret_command);
}

enum err file_delete(struct arena *arena, uint16_t id, struct command *ret_command)
{
	struct builder b = builder_in(arena);
	struct command command = { .ins = INS_DELETE };

	build_u16(&b, id);
	enum err err = builder_bytes(&b, &command.data);
	if (err == ERR_NONE)
		*ret_command = command;
	return err;
}

enum err file_resize(struct arena *arena, uint16_t id, uint32_t size, struct command *ret_command)
{
	struct builder b = builder_in(arena);
	size_t mark = build_open(&b, TAG_PARAMETERS);

	build_u16_element(&b, TAG_ID, id);
	build_u16_element(&b, TAG_SIZE, (uint16_t)size);
	return finish(&b, mark, (struct command){ .cla = CLA_UICC, .ins = INS_RESIZE_FILE }, ret_command);
}

struct command file_set_active(bool is_active)
{
	return (struct command){ .ins = is_active ? INS_ACTIVATE_FILE : INS_DEACTIVATE_FILE };
}
