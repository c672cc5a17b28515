/* LwM2M Core TS 1.1, appendix G.3 */
#include "smartcard_file.h"

#include "format.h"
#include "lwm2m_tlv.h"

#define OBJECT_HEADER_MIN 5 /* an object without content, its version implicit */

/* The definitions of an object in the version that the file says. */
static enum err model_of_version(struct arena *arena, const struct model *model,
				 const struct smartcard_object *object, const struct model **ret_model)
{
	const struct object_version version = { object->object, object->major, object->minor };

	*ret_model = model;
	return model == NULL || object->major == 0 ? ERR_NONE
						   : model_view(arena, model, &version, 1, "", ret_model);
}

static bool is_among(const struct smartcard_object *objects, size_t count, uint16_t object)
{
	for (size_t i = 0; i < count; i++) {
		if (objects[i].object == object)
			return true;
	}
	return false;
}

/* ---- reading ---- */

struct reading {
	struct arena *arena;
	const struct model *model;
	struct bytes whole;
	struct fault *fault;
};

static size_t offset_of(const struct reading *reading, struct bytes part)
{
	return (size_t)(part.at - reading->whole.at);
}

/* The format's reader takes bare resources too, which belong to no instance here. */
static bool holds_instances_only(struct bytes content)
{
	struct reader r = reader_of(content);
	struct lwm2m_tlv tlv;

	while (read_lwm2m_tlv(&r, &tlv)) {
		if (tlv.kind != LWM2M_TLV_OBJECT_INSTANCE)
			return false;
	}
	return !r.bad;
}

static enum err read_content(const struct reading *reading, struct bytes content,
			     struct smartcard_object *object)
{
	const struct format *tlv = format_find(FORMAT_TLV);
	const struct model *model;
	enum err err;

	if (!holds_instances_only(content))
		return fault_set_at(reading->fault, ERR_MALFORMED, offset_of(reading, content),
				    "object %u: its content is not a list of object instances",
				    object->object);
	err = model_of_version(reading->arena, reading->model, object, &model);
	return err == ERR_NONE ? tlv->read(reading->arena, model, LWM2M_OBJECT(object->object), content,
					   &object->records, reading->fault)
			       : err;
}

static enum err read_object(const struct reading *reading, struct reader *r, size_t i,
			    struct smartcard_object *ret_object)
{
	struct smartcard_object object = { .object = read_u16(r), .major = read_u8(r) };
	struct bytes content;

	if (object.major != 0)
		object.minor = read_u8(r);
	content = read_bytes(r, read_u16(r));
	if (r->bad)
		return fault_set(
			reading->fault, ERR_MALFORMED,
			"object %zu of the file: it goes past the end of what the file says it holds", i + 1);
	*ret_object = object;
	return read_content(reading, content, ret_object);
}

static enum err read_objects(const struct reading *reading, struct bytes content,
			     struct smartcard_object *objects, size_t count)
{
	struct reader r = reader_of(content);

	for (size_t i = 0; i < count; i++) {
		enum err err = read_object(reading, &r, i, &objects[i]);

		if (err != ERR_NONE)
			return err;
		if (is_among(objects, i, objects[i].object))
			return fault_set(reading->fault, ERR_MALFORMED, "object %u stands there twice",
					 objects[i].object);
	}
	if (!reader_done(&r))
		return fault_set(reading->fault, ERR_MALFORMED, "%zu bytes are left after the last object",
				 reader_left(&r));
	return ERR_NONE;
}

enum err smartcard_file_read(struct arena *arena, const struct model *model, struct bytes bytes,
			     struct smartcard_file *ret_file, struct fault *fault)
{
	const struct reading reading = { arena, model, bytes, fault };
	struct reader r = reader_of(bytes);
	struct smartcard_file file = { .count = read_u16(&r), .size = read_u16(&r) };
	struct bytes content = read_bytes(&r, file.size);
	struct smartcard_object *objects;
	enum err err;

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "size: %zu bytes shall follow, and %zu do", file.size,
				 bytes.len < 4 ? 0 : bytes.len - 4);
	file.padding = read_rest(&r);
	if (file.count > content.len / OBJECT_HEADER_MIN)
		return fault_set(fault, ERR_MALFORMED, "number of objects: %zu are more than fit",
				 file.count);
	objects = arena_alloc_array(arena, file.count + 1, sizeof(*objects));
	if (objects == NULL)
		return ERR_NOMEM;
	err = read_objects(&reading, content, objects, file.count);
	if (err != ERR_NONE)
		return err;
	file.objects = objects;
	*ret_file = file;
	return ERR_NONE;
}

/* ---- writing ---- */

static enum err build_object(struct arena *arena, const struct model *model,
			     const struct smartcard_object *object, struct builder *b, struct fault *fault)
{
	const struct format *tlv = format_find(FORMAT_TLV);
	const struct model *of_version;
	struct bytes content;
	enum err err = model_of_version(arena, model, object, &of_version);

	if (err == ERR_NONE)
		err = tlv->write(arena, of_version, LWM2M_OBJECT(object->object), object->records, &content,
				 fault);
	if (err != ERR_NONE)
		return err;
	if (content.len > SMARTCARD_FILE_MAX)
		return fault_set(fault, ERR_LIMIT, "object %u: more than %d bytes", object->object,
				 SMARTCARD_FILE_MAX);
	build_u16(b, object->object);
	build_u8(b, object->major);
	if (object->major != 0)
		build_u8(b, object->minor);
	build_u16(b, (uint16_t)content.len);
	build_bytes(b, content);
	return ERR_NONE;
}

enum err smartcard_file_write(struct arena *arena, const struct model *model,
			      const struct smartcard_object *objects, size_t count, struct bytes *ret_bytes,
			      struct fault *fault)
{
	struct builder content = builder_in(arena), file = builder_in(arena);
	struct bytes bytes;
	enum err err = ERR_NONE;

	if (count > UINT16_MAX)
		return fault_set(fault, ERR_LIMIT, "more than %d objects", UINT16_MAX);
	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		if (is_among(objects, i, objects[i].object))
			err = fault_set(fault, ERR_MALFORMED, "object %u stands there twice",
					objects[i].object);
		else
			err = build_object(arena, model, &objects[i], &content, fault);
	}
	if (err == ERR_NONE)
		err = builder_bytes(&content, &bytes);
	if (err != ERR_NONE)
		return err;
	if (bytes.len + 4 > SMARTCARD_FILE_MAX)
		return fault_set(fault, ERR_LIMIT, "%zu bytes are more than the %d of such a file",
				 bytes.len + 4, SMARTCARD_FILE_MAX);
	build_u16(&file, (uint16_t)count);
	build_u16(&file, (uint16_t)bytes.len);
	build_bytes(&file, bytes);
	return builder_bytes(&file, ret_bytes);
}
