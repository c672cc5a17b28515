/* ETSI TS 102 222: CREATE FILE, DELETE FILE, RESIZE FILE, ACTIVATE and DEACTIVATE FILE, for the administrator
 */
#include "file_system.h"

#include <cardea/tlv.h>

#define EMPTY          0xFF
#define FILE_BYTES_MAX 0x7FFF

struct parameters {
	bool has_descriptor, has_id, has_size;
	uint8_t descriptor;
	uint16_t record_size, id;
	size_t size;
	uint8_t read, update;
};

/* Of the compact format this card knows what it tells itself: conditions of READ and UPDATE. */
static bool conditions_read(struct bytes value, struct parameters *parameters)
{
	struct reader r = reader_of(value);

	if (read_u8(&r) != 0x03)
		return false;
	parameters->update = read_u8(&r);
	parameters->read = read_u8(&r);
	return reader_done(&r);
}

static bool descriptor_read(struct bytes value, struct parameters *parameters)
{
	struct reader r = reader_of(value);

	parameters->descriptor = read_u8(&r);
	read_u8(&r);
	if (reader_left(&r) > 0)
		parameters->record_size = read_u16(&r);
	parameters->has_descriptor = reader_done(&r);
	return parameters->has_descriptor;
}

static bool element_read(uint32_t tag, struct bytes value, struct parameters *parameters)
{
	struct reader r = reader_of(value);

	switch (tag) {
	case 0x82:
		return descriptor_read(value, parameters);
	case 0x83:
		parameters->id = read_u16(&r);
		parameters->has_id = reader_done(&r);
		return parameters->has_id;
	case 0x80:
		parameters->size = (size_t)read_uint(&r, value.len <= 3 ? value.len : 3);
		parameters->has_size = reader_done(&r) && value.len > 0;
		return parameters->has_size;
	case 0x8C:
		return conditions_read(value, parameters);
	case 0x8A:
		return value.len == 1 && value.at[0] == 0x05;
	case 0x88: /* a short identifier, which nobody asks for */
		return value.len <= 1;
	default:
		return false;
	}
}

static bool parameters_read(struct bytes data, struct parameters *ret_parameters)
{
	struct reader r = reader_of(data);
	struct parameters parameters = { .read = FILE_BY_ADMINISTRATOR, .update = FILE_BY_ADMINISTRATOR };
	struct bytes template, value;
	uint32_t tag;

	if (!read_tlv(&r, &tag, &template) || tag != 0x62 || !reader_done(&r))
		return false;
	r = reader_of(template);
	while (read_tlv(&r, &tag, &value)) {
		if (!element_read(tag, value, &parameters))
			return false;
	}
	*ret_parameters = parameters;
	return reader_done(&r);
}

static bool content_make(struct call *call, struct file *file, size_t size)
{
	struct builder b = builder_in(call->card->scratch);

	build_bytes(&b, bytes_first(file->content, size));
	while (!b.bad && b.len < size)
		build_u8(&b, EMPTY);
	return builder_bytes(&b, &file->content) == ERR_NONE;
}

static bool kind_is_known(uint8_t descriptor)
{
	return descriptor == 0x78 || descriptor == 0x41 || descriptor == 0x42 || descriptor == 0x46;
}

uint16_t create_file(struct call *call)
{
	struct parameters p;
	struct file file, before;

	if (call->command.p1 != 0 || call->command.p2 != 0)
		return SW_WRONG_P1P2;
	if (!is_uicc(call->selected))
		return SW_NO_INSTRUCTION;
	if (!parameters_read(call->command.data, &p) || !p.has_descriptor || !p.has_id ||
	    !kind_is_known(p.descriptor) || p.id == FILE_NONE || p.id == FILE_MF || p.id == FILE_ADF)
		return SW_WRONG_DATA;
	file = (struct file){ .directory = call->channel->directory,
			      .id = p.id,
			      .kind = (enum file_kind)(p.descriptor & 0x3F),
			      .record_size = (uint8_t)p.record_size,
			      .is_active = true,
			      .read = p.read,
			      .update = p.update };
	const bool has_records = file_has_records(&file);
	if ((file.kind != FILE_DIRECTORY && (!p.has_size || p.size == 0 || p.size > FILE_BYTES_MAX)) ||
	    (has_records && (p.record_size == 0 || p.record_size > 255 || p.size % p.record_size != 0)))
		return SW_WRONG_DATA;
	if (file_find(call->selected, file.directory, file.id, &before))
		return before.kind == FILE_DIRECTORY ? SW_DIRECTORY_EXISTS : SW_FILE_EXISTS;
	if (call->card->settings.misbehaviour.is_out_of_memory)
		return SW_NO_MEMORY;
	if (file.kind != FILE_DIRECTORY && !content_make(call, &file, p.size))
		return SW_MEMORY_FAILURE;
	const uint16_t sw = file_commit(call, &file);
	if (sw == SW_SUCCESS) {
		call->channel->directory = file.kind == FILE_DIRECTORY ? file.id : file.directory;
		call->channel->file = file.kind == FILE_DIRECTORY ? 0 : file.id;
	}
	return sw;
}

uint16_t delete_file(struct call *call)
{
	struct reader r = reader_of(call->command.data);
	const uint16_t id = read_u16(&r);
	struct entry *application = registry_find(&call->card->registry, aid_bytes(&call->selected->aid));
	struct file file;

	if (call->command.p1 != 0 || call->command.p2 != 0)
		return SW_WRONG_P1P2;
	if (!reader_done(&r) || !is_uicc(call->selected))
		return SW_WRONG_DATA;
	if (!file_find(call->selected, call->channel->directory, id, &file))
		return SW_NOT_FOUND;
	file_remove(application, call->channel->directory, id);
	call->channel->file = 0;
	return state_commit(call->card);
}

/* Of transparent and linear fixed files: the end is cut off, or filled up. */
uint16_t resize_file(struct call *call)
{
	struct parameters p;
	struct file file;

	if (!parameters_read(call->command.data, &p) || !p.has_id || !p.has_size || p.size == 0 ||
	    p.size > FILE_BYTES_MAX)
		return SW_WRONG_DATA;
	if (!is_uicc(call->selected) || !file_find(call->selected, call->channel->directory, p.id, &file))
		return SW_NOT_FOUND;
	if (file.kind == FILE_DIRECTORY || file.kind == FILE_CYCLIC ||
	    (file.record_size != 0 && p.size % file.record_size != 0))
		return SW_WRONG_STRUCTURE;
	return content_make(call, &file, p.size) ? file_commit(call, &file) : SW_MEMORY_FAILURE;
}

static uint16_t set_active(struct call *call, bool is_active)
{
	struct file file;

	if (call->command.p1 != 0 || call->command.p2 != 0)
		return SW_WRONG_P1P2;
	if (!is_uicc(call->selected) || !file_selected(call, &file))
		return SW_NO_FILE;
	file.is_active = is_active;
	return file_commit(call, &file);
}

uint16_t activate_file(struct call *call)
{
	return set_active(call, true);
}

uint16_t deactivate_file(struct call *call)
{
	return set_active(call, false);
}
