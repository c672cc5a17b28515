#include "operations/file_acts.h"

static const struct act_row {
	const char *name;
	bool takes_data, makes_file;
	size_t least_path; /* what is made or deleted lies in a directory */
} rows[ACT_KIND_COUNT] = {
	[ACT_READ] = { "read", false, false, 1 },
	[ACT_UPDATE] = { "update", true, false, 1 },
	[ACT_CREATE] = { "create", false, true, 2 },
	[ACT_DELETE] = { "delete", false, false, 2 },
	[ACT_RESIZE] = { "resize", false, true, 2 },
	[ACT_ACTIVATE] = { "activate", false, false, 1 },
	[ACT_DEACTIVATE] = { "deactivate", false, false, 1 },
};

const char *act_text(enum act_kind kind)
{
	return rows[kind].name;
}

/* ---- the parameters ---- */

static uint32_t number_of(const json_t *object, const char *name)
{
	return (uint32_t)json_integer_value(json_object_get(object, name));
}

static enum err read_hex(struct task *task, const json_t *object, const char *name, struct bytes *ret_bytes)
{
	const char *hex = json_string_value(json_object_get(object, name));

	return hex == NULL ? ERR_NONE : bytes_from_hex(task->arena, hex, ret_bytes);
}

/* A file of records has whole ones, a directory has no size. */
static const char *wrong_shape(const struct file_act *act)
{
	const bool has_records = act->structure == FILE_LINEAR || act->structure == FILE_CYCLIC;

	if (act->kind == ACT_RESIZE)
		return act->size == 0 ? "sizeBytes" : NULL;
	if (act->structure == FILE_STRUCTURE_COUNT)
		return "structure";
	if ((act->structure == FILE_DIRECTORY) != (act->size == 0))
		return "sizeBytes";
	if (has_records != (act->record_size > 0) || (has_records && act->size % act->record_size != 0))
		return "recordBytes";
	return NULL;
}

static const char *wrong_member(const struct file_act *act)
{
	const struct act_row *row = &rows[act->kind];

	if (act->path.count < row->least_path)
		return "path";
	if (row->takes_data != (act->data.len > 0))
		return "dataHex";
	return row->makes_file ? wrong_shape(act) : NULL;
}

static enum err read_act(struct task *task, const json_t *object, size_t number, struct file_act *act,
			 struct fault *fault)
{
	const char *kind = json_string_value(json_object_get(object, "act"));
	const char *structure = json_string_value(json_object_get(object, "structure"));

	act->kind = ACT_READ;
	while (act->kind < ACT_KIND_COUNT && (kind == NULL || strcmp(rows[act->kind].name, kind) != 0))
		act->kind++;
	act->path_text = json_string_value(json_object_get(object, "path"));
	if (act->kind == ACT_KIND_COUNT || act->path_text == NULL ||
	    file_path_parse(act->path_text, &act->path) != ERR_NONE)
		return fault_set(fault, ERR_MALFORMED, "acts[%zu].%s", number,
				 act->kind == ACT_KIND_COUNT ? "act"
							     : "path: identifiers as in 3F00/7F20/6F07");
	act->offset = number_of(object, "offset");
	act->length = number_of(object, "length");
	act->record = (uint8_t)number_of(object, "record");
	act->size = number_of(object, "sizeBytes");
	act->record_size = (uint16_t)number_of(object, "recordBytes");
	act->structure = structure == NULL ? FILE_STRUCTURE_COUNT : file_structure_of(structure);
	enum err err = read_hex(task, object, "dataHex", &act->data);
	if (err == ERR_NONE)
		err = read_hex(task, object, "accessHex", &act->access);
	if (err != ERR_NONE)
		return fault_set(fault, err, "acts[%zu]: not hexadecimal", number);
	const char *wrong = wrong_member(act);
	return wrong == NULL ? ERR_NONE
			     : fault_set(fault, ERR_MALFORMED, "acts[%zu].%s does not suit %s", number, wrong,
					 rows[act->kind].name);
}

enum err file_order_read(struct task *task, struct file_order *ret_order, struct fault *fault)
{
	const json_t *acts = json_object_get(task->params, "acts"), *object;
	size_t i;
	enum err err = task_hex(task, "aidHex", &ret_order->aid, fault);

	if (err == ERR_NONE && (json_array_size(acts) == 0 || json_array_size(acts) > FILE_MAX_ACTS))
		err = fault_set(fault, ERR_MALFORMED, "acts: 1 to %d", FILE_MAX_ACTS);
	json_array_foreach (acts, i, object) {
		if (err == ERR_NONE)
			err = read_act(task, object, i, &ret_order->acts[i], fault);
	}
	ret_order->count = json_array_size(acts);
	return err;
}

/* ---- what of a file ---- */

static enum err region_of_records(const struct file_act *act, const struct file_parameters *file,
				  uint32_t *ret_offset, uint32_t *ret_size, struct fault *fault)
{
	const bool is_update = act->kind == ACT_UPDATE;

	if (act->offset != 0 || act->length != 0)
		return fault_set(fault, ERR_MALFORMED,
				 "offset and length are of transparent files, this one is %s",
				 file_structure_text(file->structure));
	if (is_update && act->data.len != file->record_size)
		return fault_set(fault, ERR_MALFORMED, "a record has %u bytes, dataHex %zu",
				 file->record_size, act->data.len);
	if (is_update && (file->structure == FILE_CYCLIC) != (act->record == 0))
		return fault_set(fault, ERR_MALFORMED, "record: %s",
				 act->record == 0 ? "is needed in a linear fixed file"
						  : "a cyclic file gets a new first one");
	const uint32_t offset = act->record == 0 ? 0 : (act->record - 1u) * file->record_size;
	if (offset >= file->size)
		return fault_set(fault, ERR_MALFORMED, "record: the file has %u of them",
				 (unsigned)(file->size / file->record_size));
	*ret_offset = offset;
	*ret_size = act->record == 0 ? file->size : file->record_size;
	return ERR_NONE;
}

enum err file_act_region(const struct file_act *act, const struct file_parameters *file, uint32_t *ret_offset,
			 uint32_t *ret_size, struct fault *fault)
{
	const bool is_whole = act->kind != ACT_READ && act->kind != ACT_UPDATE;

	if (file->structure == FILE_DIRECTORY)
		return fault_set(fault, ERR_MALFORMED, "is a directory");
	if (file->size > FILE_MAX_BYTES && !is_whole)
		return fault_set(fault, ERR_LIMIT, "has more than %d bytes", FILE_MAX_BYTES);
	if (is_whole) {
		*ret_offset = 0;
		*ret_size = file->size;
		return ERR_NONE;
	}
	if (file->record_size > 0)
		return region_of_records(act, file, ret_offset, ret_size, fault);
	const uint64_t size = act->kind == ACT_UPDATE ? act->data.len : act->length;
	if (act->record != 0)
		return fault_set(fault, ERR_MALFORMED, "record: the file is transparent");
	if (act->offset + size > file->size || act->offset >= file->size)
		return fault_set(fault, ERR_MALFORMED, "offset and length: the file has %u bytes",
				 (unsigned)file->size);
	*ret_offset = act->offset;
	*ret_size = size > 0 ? (uint32_t)size : file->size - act->offset;
	return ERR_NONE;
}
