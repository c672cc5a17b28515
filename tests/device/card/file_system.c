#include "file_system.h"

#include <utlist.h>

const struct card_aid file_usim = {
	{ 0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xFF, 0x49, 0xFF, 0x05, 0x89 }, 12
};

bool is_uicc(const struct entry *entry)
{
	return aid_equal(&entry->aid, &file_usim);
}

static uint32_t tag_of(uint16_t directory, uint16_t id)
{
	return (uint32_t)directory << 16 | id;
}

/* The content of PKCS #15 files is all that is stored of them. */
static bool file_read(const struct data_object *object, struct file *ret_file)
{
	struct file file = { .directory = (uint16_t)(object->tag >> 16), .id = (uint16_t)object->tag };
	struct reader r = reader_of(object->value);

	if (file.directory == FILE_NONE) {
		file.kind = FILE_TRANSPARENT;
		file.is_active = true;
		file.update = FILE_BY_ADMINISTRATOR;
	} else {
		file.kind = (enum file_kind)read_u8(&r);
		file.record_size = read_u8(&r);
		file.is_active = read_u8(&r) != 0;
		file.read = read_u8(&r);
		file.update = read_u8(&r);
	}
	file.content = read_rest(&r);
	*ret_file = file;
	return !r.bad;
}

bool file_find(const struct entry *entry, uint16_t directory, uint16_t id, struct file *ret_file)
{
	const struct data_object *object = entry_object(entry, tag_of(directory, id));

	return object != NULL && file_read(object, ret_file);
}

uint16_t file_directory_of(const struct entry *entry, uint16_t directory)
{
	for (const struct data_object *object = entry->objects; object != NULL; object = object->next) {
		struct file file;
		if ((uint16_t)object->tag == directory && file_read(object, &file) &&
		    file.kind == FILE_DIRECTORY)
			return file.directory;
	}
	return FILE_NONE;
}

bool file_store(struct registry *registry, struct entry *entry, const struct file *file)
{
	struct arena *arena = registry->arena;
	struct builder b = builder_in(arena);
	struct bytes value;

	if (file->directory != FILE_NONE) {
		build_u8(&b, (uint8_t)file->kind);
		build_u8(&b, file->record_size);
		build_u8(&b, file->is_active);
		build_u8(&b, file->read);
		build_u8(&b, file->update);
	}
	build_bytes(&b, file->content);
	return builder_bytes(&b, &value) == ERR_NONE &&
	       entry_store(registry, entry, tag_of(file->directory, file->id), value);
}

void file_remove(struct entry *entry, uint16_t directory, uint16_t id)
{
	struct data_object *object = entry_object(entry, tag_of(directory, id)), *next;
	struct file file;

	if (object == NULL)
		return;
	const bool is_directory = file_read(object, &file) && file.kind == FILE_DIRECTORY;
	LL_DELETE(entry->objects, object);
	if (!is_directory)
		return;
	for (object = entry->objects; object != NULL; object = next) {
		next = object->next;
		if (object->tag >> 16 == id)
			LL_DELETE(entry->objects, object);
	}
}
