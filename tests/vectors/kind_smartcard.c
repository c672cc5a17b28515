/* The files of a smartcard that a device boots from, and how a device reads them. Both sides are checked:
 * what the server reads and writes, and what the reference device makes of the same bytes. */
#include "kinds.h"

#include <stdio.h>
#include <string.h>

#include "kind_lwm2m.h"
#include "pkcs15.h"
#include "smartcard_file.h"
#include "smartcard_files.h"
#include "smartcard_reader.h"

static const json_t *expect(const struct vector *v, const char *member)
{
	return json_object_get(json_object_get(v->own, "expect"), member);
}

/* What is not expected may be anything. */
static enum verdict compare_hex(struct vector *v, const char *member, struct bytes actual)
{
	const json_t *hex = expect(v, member);
	struct bytes expected;

	if (hex == NULL)
		return PASSED;
	if (!json_is_string(hex) || bytes_from_hex(v->arena, json_string_value(hex), &expected) != ERR_NONE)
		return vector_fail(v, "expected %s is not hexadecimal", member);
	return vector_compare(v, member, actual, expected);
}

static enum verdict compare_text(struct vector *v, const char *member, struct bytes actual)
{
	const char *text = json_string_value(expect(v, member));

	return text == NULL || bytes_equal_text(actual, text)
		       ? PASSED
		       : vector_fail(v, "%s is %.*s", member, (int)actual.len, (const char *)actual.at);
}

static enum verdict compare_flag(struct vector *v, const char *member, bool actual)
{
	const json_t *flag = expect(v, member);

	return flag == NULL || (json_is_boolean(flag) && json_is_true(flag) == actual)
		       ? PASSED
		       : vector_fail(v, "%s is %s", member, actual ? "true" : "false");
}

static enum verdict compare_number(struct vector *v, const char *member, size_t actual)
{
	const json_t *number = expect(v, member);

	return number == NULL || (json_is_integer(number) && (size_t)json_integer_value(number) == actual)
		       ? PASSED
		       : vector_fail(v, "%s is %zu", member, actual);
}

static enum verdict first_of(const enum verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (verdicts[i] != PASSED)
			return verdicts[i];
	}
	return PASSED;
}

#define FIRST_OF(verdicts) first_of(verdicts, sizeof(verdicts) / sizeof((verdicts)[0]))

/* The bytes without the FF at their end. */
static struct bytes without_padding(struct bytes bytes)
{
	while (bytes.len > 0 && bytes.at[bytes.len - 1] == 0xFF)
		bytes.len--;
	return bytes;
}

/* ---- EF(LwM2M_Bootstrap) ---- */

static bool is_version(const struct smartcard_object *object, const json_t *expected)
{
	const char *text = json_string_value(json_object_get(expected, "version"));
	char version[16];

	snprintf(version, sizeof(version), "%u.%u", object->major, object->minor);
	return text == NULL || strcmp(text, object->major == 0 ? "implicit" : version) == 0;
}

static struct vector part_of(const struct vector *v, json_t *own)
{
	struct vector part = *v;

	part.own = own;
	return part;
}

/* What the definitions that we ship do not know is defined by what is expected of it. */
static bool define(const struct vector *v, struct model *model)
{
	const json_t *objects = expect(v, "objects"), *object;
	size_t i;

	json_array_foreach (objects, i, object) {
		uint16_t id = (uint16_t)json_integer_value(json_object_get(object, "object"));
		json_t *own = json_pack("{s:O}", "expect", json_object_get(object, "values"));
		struct vector part = part_of(v, own);
		bool is_known = model_object(model, id, NULL) != NULL ||
				define_expected(&part, model, LWM2M_OBJECT(id));

		json_decref(own);
		if (!is_known)
			return false;
	}
	return true;
}

static enum verdict compare_object(struct vector *v, const struct smartcard_object *object,
				   const json_t *expected)
{
	json_t *own = json_pack("{s:O}", "expect", json_object_get(expected, "values"));
	struct vector part = part_of(v, own);
	enum verdict verdict;

	if (json_integer_value(json_object_get(expected, "object")) != object->object)
		verdict = vector_fail(&part, "it is object %u", object->object);
	else if (!is_version(object, expected))
		verdict = vector_fail(&part, "object %u has version %u.%u", object->object, object->major,
				      object->minor);
	else
		verdict = compare_records(&part, LWM2M_OBJECT(object->object), object->records);
	json_decref(own);
	memcpy(v->reason, part.reason, sizeof(v->reason));
	return verdict;
}

/* The device looks at the frame only. */
static enum verdict check_content(struct vector *v, struct bytes bytes, const struct smartcard_file *file)
{
	struct smartcard_content content;
	struct fault fault = { 0 };

	if (smartcard_read_content(bytes, &content, &fault) != ERR_NONE)
		return vector_fail(v, "the device refuses it: %s", fault.text);
	if (content.count != file->count || content.used != file->size + 4)
		return vector_fail(v, "the device finds %zu objects in %zu bytes", content.count,
				   content.used);
	for (size_t i = 0; i < content.count; i++) {
		if (content.objects[i].id != file->objects[i].object ||
		    content.objects[i].major != file->objects[i].major ||
		    content.objects[i].minor != file->objects[i].minor)
			return vector_fail(v, "the device finds object %u", content.objects[i].id);
	}
	return PASSED;
}

static enum verdict compare_objects(struct vector *v, const struct smartcard_file *file)
{
	const json_t *objects = expect(v, "objects");
	enum verdict verdict = compare_number(v, "count", file->count);

	for (size_t i = 0; i < file->count && verdict == PASSED; i++)
		verdict = compare_object(v, &file->objects[i], json_array_get(objects, i));
	return verdict;
}

/* The bytes again, unless numbers stand there in more bytes than they need; and what reads as the same in any
 * case. */
static enum verdict write_file(struct vector *v, const struct model *model, struct bytes bytes,
			       const struct smartcard_file *file)
{
	struct fault fault = { 0 };
	struct smartcard_file again;
	struct bytes written;

	if (smartcard_file_write(v->arena, model, file->objects, file->count, &written, &fault) != ERR_NONE ||
	    smartcard_file_read(v->arena, model, written, &again, &fault) != ERR_NONE)
		return vector_fail(v, "cannot be written: %s", fault.text);
	return written.len == file->size + 4
		       ? vector_compare(v, "written", written, bytes_first(bytes, written.len))
		       : compare_objects(v, &again);
}

static enum verdict compare_file(struct vector *v, const struct model *model, struct bytes bytes,
				 const struct smartcard_file *file)
{
	const enum verdict verdicts[] = {
		compare_number(v, "size", file->size),
		compare_hex(v, "padding_hex", file->padding),
		compare_objects(v, file),
		check_content(v, bytes, file),
	};
	enum verdict verdict = FIRST_OF(verdicts);

	return verdict == PASSED ? write_file(v, model, bytes, file) : verdict;
}

/* The device finds the same faults, except those inside of the TLV, which it finds when it decodes that. */
static enum verdict check_refused(struct vector *v, struct bytes bytes, const struct model *model)
{
	struct smartcard_content content;
	struct smartcard_file file;

	if (smartcard_file_read(v->arena, model, bytes, &file, NULL) == ERR_NONE)
		return vector_fail(v, "was accepted");
	if (strcmp(vector_text(v, "error_kind", ""), "size") == 0 &&
	    smartcard_read_content(bytes, &content, NULL) == ERR_NONE)
		return vector_fail(v, "was accepted by the device");
	return PASSED;
}

enum verdict check_smartcard_file(struct vector *v)
{
	struct fault fault = { 0 };
	struct smartcard_file file;
	struct model *model;
	struct bytes bytes;
	enum verdict verdict;

	if (!vector_hex(v, "hex", &bytes))
		return vector_fail(v, "hex is missing");
	if (model_create(&model) != ERR_NONE)
		return vector_fail(v, "no memory");
	if (model_add_folder(model, OBJECT_DEFINITIONS, &fault) != ERR_NONE || !define(v, model))
		verdict = vector_fail(v, "no definitions: %s", fault.text);
	else if (vector_flag(v, "expect_error"))
		verdict = check_refused(v, bytes, model);
	else if (smartcard_file_read(v->arena, model, bytes, &file, &fault) != ERR_NONE)
		verdict = vector_fail(v, "refused: %s", fault.text);
	else
		verdict = compare_file(v, model, bytes, &file);
	model_free(model);
	return verdict;
}

/* ---- PKCS #15 ---- */

static enum verdict compare_paths(struct vector *v, const char *who, const struct bytes *paths, size_t count)
{
	const json_t *list = expect(v, "dodf_paths");

	if (count != json_array_size(list))
		return vector_fail(v, "%s finds %zu paths", who, count);
	for (size_t i = 0; i < count; i++) {
		const char *hex = json_string_value(json_array_get(list, i));
		struct bytes expected;
		enum verdict verdict;

		if (hex == NULL || bytes_from_hex(v->arena, hex, &expected) != ERR_NONE)
			return vector_fail(v, "an expected path is not hexadecimal");
		verdict = vector_compare(v, who, paths[i], expected);
		if (verdict != PASSED)
			return verdict;
	}
	return PASSED;
}

/* Of a file with data objects only, which the server could have written. */
static enum verdict write_directories(struct vector *v, struct bytes bytes,
				      struct pkcs15_directories directories)
{
	struct bytes written;

	if (pkcs15_directories_write(v->arena, directories, &written) != ERR_NONE)
		return vector_fail(v, "cannot be written");
	bytes = without_padding(bytes);
	return written.len < bytes.len ? PASSED : vector_compare(v, "written", written, bytes);
}

enum verdict check_pkcs15_directories(struct vector *v)
{
	struct smartcard_directories found;
	struct pkcs15_directories directories;
	struct fault fault = { 0 };
	struct bytes bytes;
	enum verdict verdict;

	if (!vector_hex(v, "hex", &bytes))
		return vector_fail(v, "hex is missing");
	if (is_decided(v, pkcs15_directories_read(v->arena, bytes, &directories, &fault), &fault, &verdict))
		return verdict;
	verdict = compare_paths(v, "the server", directories.paths, directories.count);
	if (verdict == PASSED && smartcard_read_directories(bytes, &found, &fault) != ERR_NONE)
		return vector_fail(v, "the device refuses it: %s", fault.text);
	if (verdict == PASSED)
		verdict = compare_paths(v, "the device", found.paths, found.count);
	return verdict == PASSED ? write_directories(v, bytes, directories) : verdict;
}

static enum verdict compare_place(struct vector *v, struct bytes bytes)
{
	struct smartcard_place place;
	struct fault fault = { 0 };

	if (smartcard_read_place(bytes, &place, &fault) != ERR_NONE)
		return vector_fail(v, "the device refuses it: %s", fault.text);
	const enum verdict verdicts[] = { compare_hex(v, "path", place.path),
					  compare_flag(v, "private", place.is_private) };
	return FIRST_OF(verdicts);
}

static bool is_same_object(const struct pkcs15_object *a, const struct pkcs15_object *b)
{
	return a->is_opaque == b->is_opaque && a->has_double_encoded_oid == b->has_double_encoded_oid &&
	       a->is_private == b->is_private && a->is_modifiable == b->is_modifiable &&
	       bytes_equal(a->label, b->label) && bytes_equal(a->path, b->path);
}

/* The bytes again, unless the file has other objects too; and what reads as the same in any case. */
static enum verdict write_object(struct vector *v, struct bytes bytes, const struct pkcs15_object *object)
{
	struct pkcs15_object again;
	struct bytes written;

	if (pkcs15_object_write(v->arena, object, &written) != ERR_NONE ||
	    pkcs15_object_read(written, &again, NULL) != ERR_NONE || !is_same_object(object, &again))
		return vector_fail(v, "cannot be written");
	bytes = without_padding(bytes);
	return written.len == bytes.len ? vector_compare(v, "written", written, bytes) : PASSED;
}

enum verdict check_pkcs15_object(struct vector *v)
{
	struct pkcs15_object object;
	struct fault fault = { 0 };
	struct bytes bytes;
	enum verdict verdict;

	if (!vector_hex(v, "hex", &bytes))
		return vector_fail(v, "hex is missing");
	if (is_decided(v, pkcs15_object_read(bytes, &object, &fault), &fault, &verdict))
		return verdict;
	const enum verdict verdicts[] = {
		compare_hex(v, "path", object.path),
		compare_text(v, "oid", bytes_of_text(PKCS15_BOOTSTRAP_OID)),
		compare_text(v, "oid_encoding",
			     bytes_of_text(object.has_double_encoded_oid ? "double" : "correct")),
		compare_text(v, "choice", bytes_of_text(object.is_opaque ? "opaqueDO" : "oidDO")),
		compare_text(v, "label", object.label),
		compare_flag(v, "private", object.is_private),
		compare_flag(v, "modifiable", object.is_modifiable),
		compare_place(v, bytes),
	};
	verdict = FIRST_OF(verdicts);
	return verdict == PASSED ? write_object(v, bytes, &object) : verdict;
}

enum verdict check_pkcs15_application(struct vector *v)
{
	struct pkcs15_application application;
	struct fault fault = { 0 };
	struct bytes bytes, written;
	enum verdict verdict;

	if (!vector_hex(v, "hex", &bytes))
		return vector_fail(v, "hex is missing");
	if (is_decided(v, pkcs15_application_read(bytes, &application, &fault), &fault, &verdict))
		return verdict;
	const enum verdict verdicts[] = {
		compare_hex(v, "aid", application.aid),
		compare_text(v, "label", application.label),
		compare_hex(v, "path", application.path),
	};
	verdict = FIRST_OF(verdicts);
	if (verdict != PASSED)
		return verdict;
	if (pkcs15_application_write(v->arena, &application, &written) != ERR_NONE)
		return vector_fail(v, "cannot be written");
	return vector_compare(v, "written", written, without_padding(bytes));
}

/* ---- APDUs ---- */

struct trace {
	struct vector *vector;
	const json_t *rows;
	size_t next;
	enum verdict verdict;
};

static enum err replay(void *arg, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	struct trace *trace = arg;
	const json_t *row = json_array_get(trace->rows, trace->next++);
	const char *c = json_string_value(json_object_get(row, "c"));
	const char *r = json_string_value(json_object_get(row, "r"));
	struct bytes expected;

	if (trace->verdict != PASSED || c == NULL || r == NULL ||
	    bytes_from_hex(arena, c, &expected) != ERR_NONE ||
	    bytes_from_hex(arena, r, ret_answer) != ERR_NONE) {
		trace->verdict =
			trace->verdict == PASSED
				? vector_fail(trace->vector, "command %zu is not expected", trace->next)
				: trace->verdict;
		return ERR_UNAVAILABLE;
	}
	trace->verdict = vector_compare(trace->vector, "command", command, expected);
	return trace->verdict == PASSED ? ERR_NONE : ERR_UNAVAILABLE;
}

enum verdict check_smartcard_trace(struct vector *v)
{
	struct trace trace = { v, json_object_get(v->own, "expect"), 0, PASSED };
	const struct smartcard_access access = { replay, &trace, NULL, NULL };
	struct bytes expected, file;
	enum err err = smartcard_read(&access, v->arena, &file, NULL);

	if (trace.verdict != PASSED)
		return trace.verdict;
	if (trace.next != json_array_size(trace.rows))
		return vector_fail(v, "%zu commands, not %zu", trace.next, json_array_size(trace.rows));
	if (!vector_hex(v, "hex", &expected))
		return vector_fail(v, "hex is missing");
	if (expected.len == 0)
		return err == ERR_NONE ? vector_fail(v, "a file was read") : PASSED;
	return err == ERR_NONE ? vector_compare(v, "file", file, expected)
			       : vector_fail(v, "no file was read: %s", err_name(err));
}
