/* All object definitions, in one array in order of id and version. What a definition file holds lies in an
 * arena of its own, kept until the end: a definition that was handed out outlives its replacement. */
#include "model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ddf.h"
#include "decimal.h"
#include "path.h"
#include "value.h"

#define MAX_FILE_BYTES ((size_t)4 << 20)
/* What a definition file may become: many small elements are larger here than in the file. */
#define MAX_ARENA_BYTES ((size_t)64 << 20)

struct source {
	struct arena *arena;
	struct source *older;
};

struct model {
	const struct object_model **objects;
	size_t count, capacity;
	struct source *newest;
	/* of a view, which has nothing of the above: */
	const struct model *whole;
	const struct object_version *versions;
	size_t version_count;
	const char *root;
};

enum err model_create(struct model **ret_model)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL)
		return ERR_NOMEM;
	*ret_model = model;
	return ERR_NONE;
}

void model_free(struct model *model)
{
	if (model == NULL)
		return;
	while (model->newest != NULL) {
		struct source *source = model->newest;

		model->newest = source->older;
		arena_free(source->arena);
		free(source);
	}
	free(model->objects);
	free(model);
}

/* ---- finding ---- */

bool version_parse(struct bytes text, uint16_t *ret_major, uint16_t *ret_minor)
{
	const uint8_t *point = text.len == 0 ? NULL : memchr(text.at, '.', text.len);
	size_t before = point == NULL ? text.len : (size_t)(point - text.at);
	uint64_t major, minor;

	if (!decimal_parse_unsigned(bytes_first(text, before), &major) ||
	    !decimal_parse_unsigned(bytes_from(text, before + 1), &minor) || major > UINT16_MAX ||
	    minor > UINT16_MAX)
		return false;
	*ret_major = (uint16_t)major;
	*ret_minor = (uint16_t)minor;
	return true;
}

enum err model_view(struct arena *arena, const struct model *model, const struct object_version *versions,
		    size_t count, const char *root, const struct model **ret_view)
{
	struct model *view = arena_alloc(arena, sizeof(*view));
	struct object_version *copies = arena_alloc_array(arena, count + 1, sizeof(*copies));
	const char *root_copy = arena_strdup(arena, root);

	if (view == NULL || copies == NULL || root_copy == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		copies[i] = versions[i];
	*view = (struct model){
		.whole = model, .versions = copies, .version_count = count, .root = root_copy
	};
	*ret_view = view;
	return ERR_NONE;
}

const char *model_root(const struct model *model)
{
	return model == NULL || model->root == NULL ? "" : model->root;
}

static int64_t order_of(uint16_t id, uint16_t major, uint16_t minor)
{
	return (int64_t)id << 32 | (int64_t)major << 16 | minor;
}

/* How many objects stand before that place in the order. */
static size_t count_before(const struct model *model, int64_t order)
{
	size_t low = 0, high = model->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct object_model *object = model->objects[middle];

		if (order_of(object->id, object->major, object->minor) < order)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct object_model *model_at(const struct model *model, size_t i)
{
	if (model->whole != NULL)
		return model_at(model->whole, i);
	return i < model->count ? model->objects[i] : NULL;
}

static const struct object_model *exact(const struct model *model, struct object_version version)
{
	const struct object_model *object =
		model_at(model, count_before(model, order_of(version.object, version.major, version.minor)));

	return object != NULL && object->id == version.object && object->major == version.major &&
			       object->minor == version.minor
		       ? object
		       : NULL;
}

static const struct object_model *newest(const struct model *model, uint16_t id)
{
	size_t before = count_before(model, order_of(id, UINT16_MAX, UINT16_MAX) + 1);
	const struct object_model *object = before > 0 ? model->objects[before - 1] : NULL;

	return object != NULL && object->id == id ? object : NULL;
}

static int compare_object(const void *id, const void *version)
{
	return *(const uint16_t *)id - ((const struct object_version *)version)->object;
}

static const struct object_model *seen(const struct model *view, uint16_t id)
{
	const struct object_version *version = view->version_count == 0
						       ? NULL
						       : bsearch(&id, view->versions, view->version_count,
								 sizeof(*view->versions), compare_object);
	const struct object_model *object = version == NULL ? NULL : exact(view->whole, *version);

	return object != NULL ? object : newest(view->whole, id);
}

const struct object_model *model_object(const struct model *model, uint16_t id, const char *version)
{
	struct object_version wanted = { .object = id };

	if (version == NULL)
		return model->whole != NULL ? seen(model, id) : newest(model, id);
	if (!version_parse(bytes_of_text(version), &wanted.major, &wanted.minor))
		return NULL;
	return exact(model->whole != NULL ? model->whole : model, wanted);
}

static int compare_id(const void *id, const void *resource)
{
	return *(const uint16_t *)id - ((const struct resource_model *)resource)->id;
}

const struct resource_model *object_resource(const struct object_model *object, uint16_t resource)
{
	if (object->resource_count == 0)
		return NULL;
	return bsearch(&resource, object->resources, object->resource_count, sizeof(*object->resources),
		       compare_id);
}

const struct resource_model *model_resource(const struct model *model, struct lwm2m_path path)
{
	const struct object_model *object =
		model == NULL || path.depth < 3 ? NULL : model_object(model, path.object, NULL);

	return object == NULL ? NULL : object_resource(object, path.resource);
}

/* ---- adding ---- */

static enum err reserve(struct model *model, size_t more)
{
	const struct object_model **objects;

	if (more <= model->capacity - model->count)
		return ERR_NONE;
	objects = reallocarray(model->objects, model->count + more, sizeof(const struct object_model *));
	if (objects == NULL)
		return ERR_NOMEM;
	model->objects = objects;
	model->capacity = model->count + more;
	return ERR_NONE;
}

static void insert(struct model *model, const struct object_model *object)
{
	size_t i = count_before(model, order_of(object->id, object->major, object->minor));
	const struct object_model *there = model_at(model, i);

	if (there == NULL || there->id != object->id || there->major != object->major ||
	    there->minor != object->minor) {
		memmove(&model->objects[i + 1], &model->objects[i],
			(model->count - i) * sizeof(model->objects[0]));
		model->count++;
	}
	model->objects[i] = object;
}

enum err model_add_ddf(struct model *model, struct bytes xml, struct fault *fault)
{
	struct source *source = calloc(1, sizeof(*source));
	const struct object_model *objects;
	size_t count;
	enum err err = ERR_NOMEM;

	if (source != NULL)
		source->arena = arena_create(MAX_ARENA_BYTES);
	if (source == NULL || source->arena == NULL)
		goto out;
	err = ddf_parse(source->arena, xml, &objects, &count, fault);
	if (err == ERR_NONE)
		err = reserve(model, count);
	if (err != ERR_NONE)
		goto out;
	for (size_t i = 0; i < count; i++)
		insert(model, &objects[i]);
	source->older = model->newest;
	model->newest = source;
	return ERR_NONE;
out:
	if (source != NULL)
		arena_free(source->arena);
	free(source);
	return err;
}

static enum err read_file(struct arena *arena, int folder, const char *name, struct bytes *ret_content)
{
	int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *at = NULL;
	enum err err = ERR_IO;

	if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
		goto out;
	err = ERR_LIMIT;
	if (status.st_size > (off_t)MAX_FILE_BYTES)
		goto out;
	err = ERR_NOMEM;
	at = arena_alloc(arena, (size_t)status.st_size);
	if (at == NULL)
		goto out;
	err = read(file, at, (size_t)status.st_size) == status.st_size ? ERR_NONE : ERR_IO;
out:
	if (file >= 0)
		close(file);
	if (err == ERR_NONE)
		*ret_content = bytes_of(at, (size_t)status.st_size);
	return err;
}

static enum err add_file(struct model *model, struct arena *arena, int folder, const char *name,
			 struct fault *fault)
{
	struct fault inner = { 0 };
	struct bytes xml;
	enum err err;

	arena_reset(arena);
	err = read_file(arena, folder, name, &xml);
	if (err != ERR_NONE)
		return fault_set(fault, err, "%.64s cannot be read", name);
	err = model_add_ddf(model, xml, &inner);
	if (err != ERR_NONE)
		return fault_set(fault, err, "%.64s: %.90s", name, inner.text);
	return ERR_NONE;
}

static int is_definition(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".xml") == 0;
}

enum err model_add_folder(struct model *model, const char *path, struct fault *fault)
{
	struct arena *arena = arena_create(MAX_FILE_BYTES + 64);
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_definition, alphasort);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err err = ERR_NONE;

	if (arena == NULL)
		err = ERR_NOMEM;
	else if (count < 0 || folder < 0)
		err = fault_set(fault, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
				"the folder %.100s cannot be read", path);
	for (int i = 0; i < count; i++) {
		if (err == ERR_NONE)
			err = add_file(model, arena, folder, entries[i]->d_name, fault);
		free(entries[i]);
	}
	free(entries);
	if (folder >= 0)
		close(folder);
	arena_free(arena);
	return err;
}

/* ---- checking ---- */

/* "/3/0/9 (Battery Level): 101 is not in 0..100" */
static enum err __attribute__((format(printf, 4, 5)))
refuse(struct fault *fault, const struct lwm2m_record *record, const struct resource_model *resource,
       const char *format, ...)
{
	char path[PATH_TEXT_SIZE], reason[80];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return fault_set(fault, ERR_MALFORMED, "%s (%.48s): %s", path_print(record->path, path),
			 resource->name, reason);
}

static bool has_value(const struct lwm2m_record *record)
{
	return record->value.type != LWM2M_NONE && record->value.type != LWM2M_NULL;
}

static enum err check_multiplicity(const struct resource_model *resource, const struct lwm2m_record *record,
				   struct fault *fault)
{
	if (record->path.depth == 4 && !resource->is_multiple)
		return refuse(fault, record, resource, "the resource has no instances");
	if (record->path.depth == 3 && resource->is_multiple && has_value(record))
		return refuse(fault, record, resource, "the resource has instances, and none is named");
	if (record->path.depth == 3 && !resource->is_multiple && !has_value(record))
		return refuse(fault, record, resource, "the value is missing");
	return ERR_NONE;
}

/* What a range bounds: a number itself, or the length of a text or opaque. False for types that have none. */
static bool measure(const struct lwm2m_value *value, double *ret_measure, const char **ret_unit)
{
	*ret_unit = "";
	switch (value->type) {
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		*ret_measure = (double)value->integer;
		return true;
	case LWM2M_UNSIGNED:
		*ret_measure = (double)value->whole;
		return true;
	case LWM2M_FLOAT:
		*ret_measure = value->real;
		return true;
	case LWM2M_STRING:
	case LWM2M_CORELNK:
	case LWM2M_OPAQUE:
		*ret_measure = (double)value->bytes.len;
		*ret_unit = " octets";
		return true;
	default:
		return false;
	}
}

static enum err check_value(const struct resource_model *resource, const struct lwm2m_record *record,
			    struct fault *fault)
{
	const struct lwm2m_value *value = &record->value;
	const char *unit;
	double actual;

	if (resource->type != LWM2M_NONE && value->type != resource->type)
		return refuse(fault, record, resource, "%s where the definition says %s",
			      value_type_name(value->type), value_type_name(resource->type));
	if ((value->type == LWM2M_STRING || value->type == LWM2M_CORELNK) && !bytes_are_utf8(value->bytes))
		return refuse(fault, record, resource, "the text is not UTF-8");
	if (!resource->has_range || !measure(value, &actual, &unit))
		return ERR_NONE;
	/* in this form also what is not a number is out of range */
	if (!(actual >= resource->min && actual <= resource->max))
		return refuse(fault, record, resource, "%.15g%s is not in %.32s", actual, unit,
			      resource->range);
	return ERR_NONE;
}

enum err model_check(const struct model *model, const struct lwm2m_record *record, struct fault *fault)
{
	const struct object_model *object = model_object(model, record->path.object, NULL);
	const struct resource_model *resource;
	char path[PATH_TEXT_SIZE];
	enum err err;

	path_print(record->path, path);
	if (record->path.depth < 3)
		return fault_set(fault, ERR_MALFORMED, "%s: a value belongs to a resource", path);
	if (object == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: object %u has no definition", path,
				 record->path.object);
	resource = object_resource(object, record->path.resource);
	if (resource == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: object %u (%.48s) has no resource %u", path,
				 object->id, object->name, record->path.resource);
	if (resource->access & MODEL_EXECUTE)
		return refuse(fault, record, resource, "the resource is executed and has no value");
	err = check_multiplicity(resource, record, fault);
	if (err != ERR_NONE || !has_value(record))
		return err;
	return check_value(resource, record, fault);
}
