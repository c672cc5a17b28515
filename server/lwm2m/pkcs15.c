/* PKCS #15 v1.1, 6.2 (EF(ODF)), 6.8 (EF(DODF)); LwM2M Core TS 1.1, appendix G.3; ISO/IEC 7816-5 (EF(DIR)) */
#include "pkcs15.h"

#include <cardea/tlv.h>

/* clang-format off */
#define DER_BIT_STRING       0x03
#define DER_OCTET_STRING     0x04
#define DER_OID              0x06
#define DER_UTF8_STRING      0x0C
#define DER_SEQUENCE         0x30
#define APPLICATION_TEMPLATE 0x61
#define APPLICATION_AID      0x4F
#define APPLICATION_LABEL    0x50
#define APPLICATION_PATH     0x51
#define ODF_DATA_OBJECTS     0xA7
#define DODF_OPAQUE          DER_SEQUENCE
#define DODF_EXTERNAL        0xA0
#define DODF_OID             0xA1
#define TYPE_ATTRIBUTES      0xA1
/* clang-format on */

#define FLAG_PRIVATE    0x80 /* CommonObjectFlags, bit 0 */
#define FLAG_MODIFIABLE 0x40

#define PATH_MAX_BYTES  16
#define MAX_DIRECTORIES 32

static const uint8_t aid_octets[] = { 0xA0, 0x00, 0x00, 0x00, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };
/* 2.23.43.9.1. The arc is known from two clients; the enabler's own text could not be read. */
static const uint8_t oid_octets[] = { 0x67, 0x2B, 0x09, 0x01 };
static const uint8_t double_encoded_oid[] = { DER_OID, 0x04, 0x67, 0x2B, 0x09, 0x01 };

const struct bytes pkcs15_aid = { aid_octets, sizeof(aid_octets) };

/* ---- elements ---- */

static enum err refuse(struct fault *fault, const char *file, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "%s: %s", file, what);
}

/* The next element; false at the end, which padding is too. */
static bool read_next(struct reader *r, uint32_t *ret_tag, struct bytes *ret_value)
{
	uint8_t next = peek_u8(r);

	if (next != 0xFF && next != 0x00)
		return read_der(r, ret_tag, ret_value);
	while (reader_left(r) > 0) {
		if (read_u8(r) != next)
			r->bad = true; /* padding, and then something */
	}
	return false;
}

/* The value of the next element, which has to have this tag; marks the reader bad otherwise. */
static struct bytes read_expected(struct reader *r, uint32_t expected)
{
	struct bytes value = { 0 };
	uint32_t tag = 0;

	if (!read_der(r, &tag, &value) || tag != expected) {
		r->bad = true;
		return bytes_of(NULL, 0);
	}
	return value;
}

static bool is_path(struct bytes path)
{
	return path.len >= 2 && path.len <= PATH_MAX_BYTES && path.len % 2 == 0;
}

/* Path ::= SEQUENCE { path OCTET STRING, index and length OPTIONAL } */
static bool read_path(struct bytes sequence, struct bytes *ret_path)
{
	struct reader r = reader_of(sequence);
	struct bytes path = read_expected(&r, DER_OCTET_STRING);

	if (r.bad || !is_path(path))
		return false;
	*ret_path = path;
	return true;
}

/* ---- EF(DIR) ---- */

enum err pkcs15_application_read(struct bytes record, struct pkcs15_application *ret_application,
				 struct fault *fault)
{
	struct pkcs15_application application = { .label = bytes_of(NULL, 0) };
	struct bytes template;
	enum err err = tlv_find(record, APPLICATION_TEMPLATE, &template);

	if (err != ERR_NONE)
		return refuse(fault, "EF(DIR)", "there is no application template");
	if (tlv_find(template, APPLICATION_AID, &application.aid) != ERR_NONE || application.aid.len < 5 ||
	    application.aid.len > 16)
		return refuse(fault, "EF(DIR)", "there is no AID of 5 to 16 bytes");
	if (tlv_find(template, APPLICATION_PATH, &application.path) != ERR_NONE || !is_path(application.path))
		return refuse(fault, "EF(DIR)", "there is no path of whole file identifiers");
	err = tlv_find(template, APPLICATION_LABEL, &application.label);
	if (err != ERR_NONE && err != ERR_NOT_FOUND)
		return refuse(fault, "EF(DIR)", "a length goes past the end");
	*ret_application = application;
	return ERR_NONE;
}

enum err pkcs15_application_write(struct arena *arena, const struct pkcs15_application *application,
				  struct bytes *ret_record)
{
	struct builder b = builder_in(arena);
	size_t template = build_open(&b, APPLICATION_TEMPLATE);

	build_tlv(&b, APPLICATION_AID, application->aid);
	if (application->label.len > 0)
		build_tlv(&b, APPLICATION_LABEL, application->label);
	build_tlv(&b, APPLICATION_PATH, application->path);
	build_close(&b, template);
	return builder_bytes(&b, ret_record);
}

/* ---- EF(ODF) ---- */

enum err pkcs15_directories_read(struct arena *arena, struct bytes file,
				 struct pkcs15_directories *ret_directories, struct fault *fault)
{
	struct bytes *paths = arena_alloc_array(arena, MAX_DIRECTORIES, sizeof(*paths)), value;
	struct reader r = reader_of(file);
	size_t count = 0;
	uint32_t tag;

	if (paths == NULL)
		return ERR_NOMEM;
	while (read_next(&r, &tag, &value)) {
		struct reader choice = reader_of(value);

		if (tag < 0xA0 || tag > 0xA8)
			return refuse(fault, "EF(ODF)", "something else than lists of objects");
		if (tag != ODF_DATA_OBJECTS)
			continue;
		if (count == MAX_DIRECTORIES)
			return fault_set(fault, ERR_LIMIT, "EF(ODF): more than %d directories",
					 MAX_DIRECTORIES);
		if (!read_path(read_expected(&choice, DER_SEQUENCE), &paths[count]) || !reader_done(&choice))
			return refuse(fault, "EF(ODF)", "a list of data objects that is no path");
		count++;
	}
	if (r.bad)
		return refuse(fault, "EF(ODF)", "a length goes past the end");
	*ret_directories = (struct pkcs15_directories){ paths, count };
	return ERR_NONE;
}

static void build_path(struct builder *b, struct bytes path)
{
	size_t sequence = build_open(b, DER_SEQUENCE);

	build_tlv(b, DER_OCTET_STRING, path);
	build_close(b, sequence);
}

enum err pkcs15_directories_write(struct arena *arena, struct pkcs15_directories directories,
				  struct bytes *ret_file)
{
	struct builder b = builder_in(arena);

	for (size_t i = 0; i < directories.count; i++) {
		size_t choice = build_open(&b, ODF_DATA_OBJECTS);

		build_path(&b, directories.paths[i]);
		build_close(&b, choice);
	}
	return builder_bytes(&b, ret_file);
}

/* ---- EF(DODF) ---- */

/* False: it is that of something else. */
static bool is_bootstrap_oid(struct bytes oid, bool *ret_is_double_encoded)
{
	*ret_is_double_encoded = bytes_equal(oid, bytes_of(double_encoded_oid, sizeof(double_encoded_oid)));
	return *ret_is_double_encoded || bytes_equal(oid, bytes_of(oid_octets, sizeof(oid_octets)));
}

/* CommonObjectAttributes ::= SEQUENCE { label UTF8String, flags BIT STRING, ... }, all of it OPTIONAL */
static bool read_common_attributes(struct bytes sequence, struct pkcs15_object *object)
{
	struct reader r = reader_of(sequence);
	struct bytes value;
	uint32_t tag;

	while (read_der(&r, &tag, &value)) {
		uint8_t flags;

		if (tag == DER_UTF8_STRING)
			object->label = value;
		if (tag != DER_BIT_STRING)
			continue;
		if (value.len < 1 || value.at[0] > 7)
			return false;
		flags = value.len > 1 ? value.at[1] : 0;
		object->is_private = (flags & FLAG_PRIVATE) != 0;
		object->is_modifiable = (flags & FLAG_MODIFIABLE) != 0;
	}
	return !r.bad;
}

/* CommonDataObjectAttributes ::= SEQUENCE { applicationName UTF8String, applicationOID, ... }, all of it
 * OPTIONAL */
static bool read_class_attributes(struct bytes sequence, struct bytes *ret_oid, struct pkcs15_object *object)
{
	struct reader r = reader_of(sequence);
	struct bytes value;
	uint32_t tag;

	while (read_der(&r, &tag, &value)) {
		if (tag == DER_UTF8_STRING && object->label.len == 0)
			object->label = value;
		if (tag == DER_OID)
			*ret_oid = value;
	}
	return !r.bad;
}

/* OidDO ::= SEQUENCE { id OBJECT IDENTIFIER, value ObjectValue }, of which the path is a kind */
static bool read_oid_attributes(struct bytes attributes, struct bytes *ret_oid, struct bytes *ret_path)
{
	struct reader r = reader_of(attributes), inner;

	inner = reader_of(read_expected(&r, DER_SEQUENCE));
	*ret_oid = read_expected(&inner, DER_OID);
	return !r.bad && !inner.bad && read_path(read_expected(&inner, DER_SEQUENCE), ret_path);
}

static bool read_opaque_attributes(struct bytes attributes, struct bytes *ret_path)
{
	struct reader r = reader_of(attributes);

	return read_path(read_expected(&r, DER_SEQUENCE), ret_path);
}

enum read_result { NOT_OURS, OURS, BROKEN };

/* PKCS15Object ::= SEQUENCE { common, class, [1] type attributes }; between the last two [0] may stand */
static enum read_result read_object(struct bytes value, bool is_opaque, struct pkcs15_object *ret_object)
{
	struct pkcs15_object object = { .is_opaque = is_opaque };
	struct reader r = reader_of(value);
	struct bytes common = read_expected(&r, DER_SEQUENCE), class = read_expected(&r, DER_SEQUENCE);
	struct bytes oid = { 0 }, attributes;

	if (r.bad || !read_common_attributes(common, &object) ||
	    !read_class_attributes(class, &oid, &object) ||
	    tlv_find(read_rest(&r), TYPE_ATTRIBUTES, &attributes) != ERR_NONE)
		return BROKEN;
	if (!is_opaque && !read_oid_attributes(attributes, &oid, &object.path))
		return NOT_OURS; /* a value that is no path may be anybody's */
	if (!is_bootstrap_oid(oid, &object.has_double_encoded_oid))
		return NOT_OURS;
	if (is_opaque && !read_opaque_attributes(attributes, &object.path))
		return BROKEN;
	*ret_object = object;
	return OURS;
}

enum err pkcs15_object_read(struct bytes file, struct pkcs15_object *ret_object, struct fault *fault)
{
	struct reader r = reader_of(file);
	struct bytes value;
	uint32_t tag;

	while (read_next(&r, &tag, &value)) {
		enum read_result result = NOT_OURS;

		if (tag == DODF_OPAQUE || tag == DODF_OID)
			result = read_object(value, tag == DODF_OPAQUE, ret_object);
		else if (tag != DODF_EXTERNAL)
			return refuse(fault, "EF(DODF)", "something else than data objects");
		if (result == OURS)
			return ERR_NONE;
		if (result == BROKEN)
			return refuse(fault, "EF(DODF)", "a data object is broken");
	}
	if (r.bad)
		return refuse(fault, "EF(DODF)", "a length goes past the end");
	return fault_set(fault, ERR_NOT_FOUND,
			 "EF(DODF): no object " PKCS15_BOOTSTRAP_OID
			 ", which would be the bootstrap information");
}

static void build_oid(struct builder *b, const struct pkcs15_object *object)
{
	build_tlv(b, DER_OID,
		  object->has_double_encoded_oid ? bytes_of(double_encoded_oid, sizeof(double_encoded_oid))
						 : bytes_of(oid_octets, sizeof(oid_octets)));
}

/* DER: a named bit list has no zeros at its end (X.690 11.2.2). */
static void build_flags(struct builder *b, const struct pkcs15_object *object)
{
	const uint8_t flags = (uint8_t)((object->is_private ? FLAG_PRIVATE : 0) |
					(object->is_modifiable ? FLAG_MODIFIABLE : 0));
	const uint8_t bits[] = { object->is_modifiable ? 6 : 7, flags };

	if (flags != 0)
		build_tlv(b, DER_BIT_STRING, bytes_of(bits, sizeof(bits)));
}

enum err pkcs15_object_write(struct arena *arena, const struct pkcs15_object *object, struct bytes *ret_file)
{
	struct builder b = builder_in(arena);
	size_t whole = build_open(&b, object->is_opaque ? DODF_OPAQUE : DODF_OID), part, inner;

	part = build_open(&b, DER_SEQUENCE);
	if (object->label.len > 0 && object->is_opaque)
		build_tlv(&b, DER_UTF8_STRING, object->label);
	build_flags(&b, object);
	build_close(&b, part);

	part = build_open(&b, DER_SEQUENCE);
	if (object->is_opaque)
		build_oid(&b, object);
	else if (object->label.len > 0)
		build_tlv(&b, DER_UTF8_STRING, object->label); /* as applicationName */
	build_close(&b, part);

	part = build_open(&b, TYPE_ATTRIBUTES);
	if (object->is_opaque) {
		build_path(&b, object->path);
	} else {
		inner = build_open(&b, DER_SEQUENCE);
		build_oid(&b, object);
		build_path(&b, object->path);
		build_close(&b, inner);
	}
	build_close(&b, part);
	build_close(&b, whole);
	return builder_bytes(&b, ret_file);
}
