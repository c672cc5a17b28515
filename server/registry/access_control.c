#include "access_control.h"

#include <string.h>

/* Of an instance of object 2. */
enum { OBJECT = 0, INSTANCE = 1, ACL = ACCESS_CONTROL_ACL, OWNER = 3 };

static const struct {
	enum access_right right;
	const char *name;
} names[] = {
	{ ACCESS_READ, "read" },     { ACCESS_WRITE, "write" },   { ACCESS_EXECUTE, "execute" },
	{ ACCESS_DELETE, "delete" }, { ACCESS_CREATE, "create" },
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *access_right_name(unsigned right)
{
	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (names[i].right == right)
			return names[i].name;
	}
	return NULL;
}

uint8_t access_right_of_name(const char *name)
{
	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (strcmp(names[i].name, name) == 0)
			return (uint8_t)names[i].right;
	}
	return 0;
}

/* ---- reading ---- */

static bool read_id(struct lwm2m_records records, uint16_t control, uint16_t resource, uint16_t *ret_id)
{
	int64_t number = lwm2m_integer(records, LWM2M_RESOURCE(ACCESS_CONTROL_OBJECT, control, resource), -1);

	if (number < 0 || number > LWM2M_ID_NONE)
		return false;
	*ret_id = (uint16_t)number;
	return true;
}

static bool is_entry(const struct lwm2m_record *record, uint16_t control)
{
	const struct lwm2m_path path = record->path;

	return path.object == ACCESS_CONTROL_OBJECT && path.instance == control && path.resource == ACL &&
	       path.depth == 4 && record->value.type == LWM2M_INTEGER && record->value.integer >= 0 &&
	       record->value.integer <= UINT8_MAX;
}

static enum err read_entries(struct arena *arena, struct lwm2m_records records,
			     struct access_control *control)
{
	struct access_entry *entries = arena_alloc_array(arena, records.count, sizeof(*entries));

	if (entries == NULL)
		return ERR_NOMEM;
	control->entries = entries;
	for (size_t i = 0; i < records.count; i++) {
		if (!is_entry(&records.at[i], control->control))
			continue;
		entries[control->entry_count++] = (struct access_entry){
			.short_server_id = records.at[i].path.resource_instance,
			.rights = (uint8_t)records.at[i].value.integer,
		};
	}
	return ERR_NONE;
}

static bool is_known(const struct access_control *controls, size_t count, uint16_t control)
{
	for (size_t i = 0; i < count; i++) {
		if (controls[i].control == control)
			return true;
	}
	return false;
}

enum err access_controls_read(struct arena *arena, struct lwm2m_records records,
			      struct access_control **ret_controls, size_t *ret_count)
{
	struct access_control *controls = arena_alloc_array(arena, records.count + 1, sizeof(*controls));
	size_t count = 0;

	if (controls == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_path path = records.at[i].path;
		struct access_control control = { .control = path.instance, .owner = LWM2M_ID_NONE };
		enum err err;

		if (path.object != ACCESS_CONTROL_OBJECT || path.depth < 3 ||
		    is_known(controls, count, path.instance) ||
		    !read_id(records, path.instance, OBJECT, &control.object) ||
		    !read_id(records, path.instance, INSTANCE, &control.instance) ||
		    !read_id(records, path.instance, OWNER, &control.owner))
			continue;
		err = read_entries(arena, records, &control);
		if (err != ERR_NONE)
			return err;
		controls[count++] = control;
	}
	*ret_controls = controls;
	*ret_count = count;
	return ERR_NONE;
}

const struct access_control *access_control_find(const struct access_control *controls, size_t count,
						 uint16_t object, uint16_t instance)
{
	for (size_t i = 0; i < count; i++) {
		if (controls[i].object == object && controls[i].instance == instance)
			return &controls[i];
	}
	return NULL;
}

/* ---- changing ---- */

struct lwm2m_record access_control_entry(const struct access_control *control, uint16_t short_server_id,
					 uint8_t rights)
{
	struct lwm2m_record record = {
		.path = LWM2M_RESOURCE(ACCESS_CONTROL_OBJECT, control->control, ACL),
		.value = { .type = LWM2M_INTEGER, .integer = rights },
	};

	record.path.resource_instance = short_server_id;
	record.path.depth = 4;
	return record;
}

enum err access_control_without(struct arena *arena, const struct access_control *control,
				uint16_t short_server_id, struct lwm2m_records *ret_records)
{
	struct lwm2m_record *records = arena_alloc_array(arena, control->entry_count + 1, sizeof(*records));
	size_t count = 0;

	if (records == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < control->entry_count; i++) {
		const struct access_entry *entry = &control->entries[i];

		if (entry->short_server_id == short_server_id)
			continue;
		records[count++] = access_control_entry(control, entry->short_server_id, entry->rights);
	}
	if (count == control->entry_count)
		return ERR_NOT_FOUND;
	if (count == 0) /* a multiple resource without instances */
		records[count++] = (struct lwm2m_record){
			.path = LWM2M_RESOURCE(ACCESS_CONTROL_OBJECT, control->control, ACL),
		};
	*ret_records = (struct lwm2m_records){ records, count };
	return ERR_NONE;
}
