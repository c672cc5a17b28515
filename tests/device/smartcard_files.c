/* LwM2M Core TS 1.1, appendix G.3; PKCS #15 v1.1, 6.2 and 6.8 */
#include "smartcard_files.h"

#include <cardea/tlv.h>

#define PADDING 0xFF

/* ---- PKCS #15 ---- */

/* Goes into the element that has to come next. */
static bool enter(struct reader *outer, uint32_t expected, struct reader *ret_inner)
{
	struct bytes value;
	uint32_t tag;

	if (!read_der(outer, &tag, &value) || tag != expected)
		return false;
	*ret_inner = reader_of(value);
	return true;
}

static bool take_path(struct reader *r, struct bytes *ret_path)
{
	struct reader sequence, octets;

	if (!enter(r, 0x30, &sequence) || !enter(&sequence, 0x04, &octets))
		return false;
	*ret_path = read_rest(&octets);
	return ret_path->len == 2 || ret_path->len == 4 || ret_path->len == 6;
}

static bool is_at_end(const struct reader *r)
{
	return reader_left(r) == 0 || peek_u8(r) == PADDING;
}

enum err smartcard_read_directories(struct bytes file, struct smartcard_directories *ret_directories,
				    struct fault *fault)
{
	struct smartcard_directories directories = { .count = 0 };
	struct reader r = reader_of(file), choice;
	struct bytes value;
	uint32_t tag;

	while (!is_at_end(&r)) {
		if (!read_der(&r, &tag, &value))
			return fault_set(fault, ERR_MALFORMED, "EF(ODF) is broken");
		if (tag != 0xA7 || directories.count == SMARTCARD_DIRECTORIES_MAX)
			continue;
		choice = reader_of(value);
		if (!take_path(&choice, &directories.paths[directories.count]))
			return fault_set(fault, ERR_MALFORMED, "EF(ODF): data objects without a path");
		directories.count++;
	}
	*ret_directories = directories;
	return ERR_NONE;
}

/* 2.23.43.9.1, which many cards have encoded twice. */
static bool is_our_type(struct bytes oid)
{
	static const uint8_t twice[] = { 0x06, 0x04, 0x67, 0x2B, 0x09, 0x01 };

	return bytes_equal(oid, bytes_of(twice, sizeof(twice))) ||
	       bytes_equal(oid, bytes_of(twice + 2, sizeof(twice) - 2));
}

static bool take_oid(struct reader *r, struct bytes *ret_oid)
{
	struct reader oid;

	if (!enter(r, 0x06, &oid))
		return false;
	*ret_oid = read_rest(&oid);
	return true;
}

static bool is_private(struct reader *common)
{
	struct bytes value;
	uint32_t tag;

	while (read_der(common, &tag, &value)) {
		if (tag == 0x03 && value.len >= 2)
			return value.at[1] >> 7;
	}
	return false;
}

/* The type of an opaque object is among the attributes of its class, behind the name of an application. */
static bool take_class_oid(struct reader *class, struct bytes *ret_oid)
{
	while (reader_left(class) > 0 && peek_u8(class) != 0x06) {
		struct bytes value;
		uint32_t tag;

		if (!read_der(class, &tag, &value))
			return false;
	}
	return reader_left(class) == 0 || take_oid(class, ret_oid);
}

/* One data object; false when it is broken. `ret_oid` is empty when it is of no type. */
static bool take_object(struct bytes object, bool is_opaque, struct bytes *ret_oid,
			struct smartcard_place *ret_place)
{
	struct reader r = reader_of(object), common, class, attributes, inner;

	*ret_oid = bytes_of(NULL, 0);
	if (!enter(&r, 0x30, &common) || !enter(&r, 0x30, &class))
		return false;
	ret_place->is_private = is_private(&common);
	if (reader_left(&r) > 0 && peek_u8(&r) == 0xA0 && !enter(&r, 0xA0, &inner))
		return false; /* attributes of a subclass */
	if (!enter(&r, 0xA1, &attributes))
		return false;
	if (is_opaque)
		return take_class_oid(&class, ret_oid) &&
		       (!is_our_type(*ret_oid) || take_path(&attributes, &ret_place->path));
	return enter(&attributes, 0x30, &inner) && take_oid(&inner, ret_oid) &&
	       (!is_our_type(*ret_oid) || take_path(&inner, &ret_place->path));
}

enum err smartcard_read_place(struct bytes file, struct smartcard_place *ret_place, struct fault *fault)
{
	struct reader r = reader_of(file);
	struct smartcard_place place;
	struct bytes value, oid;
	uint32_t tag;

	while (!is_at_end(&r)) {
		if (!read_der(&r, &tag, &value) ||
		    (tag != 0xA0 && !take_object(value, tag == 0x30, &oid, &place)))
			return fault_set(fault, ERR_MALFORMED, "EF(DODF) is broken");
		if (tag != 0xA0 && is_our_type(oid)) {
			*ret_place = place;
			return ERR_NONE;
		}
	}
	return fault_set(fault, ERR_NOT_FOUND, "EF(DODF) has no bootstrap information");
}

/* ---- the file itself ---- */

enum err smartcard_read_content(struct bytes file, struct smartcard_content *ret_content, struct fault *fault)
{
	struct smartcard_content content = { .count = 0 };
	struct reader r = reader_of(file);
	size_t count = read_u16(&r);
	struct bytes objects = read_bytes(&r, read_u16(&r));

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "EF(LwM2M_Bootstrap) is shorter than it says");
	if (count > SMARTCARD_OBJECTS_MAX)
		return fault_set(fault, ERR_LIMIT, "EF(LwM2M_Bootstrap) has more than %d objects",
				 SMARTCARD_OBJECTS_MAX);
	content.used = 4 + objects.len;
	r = reader_of(objects);
	for (; content.count < count; content.count++) {
		uint8_t major;

		content.objects[content.count].id = read_u16(&r);
		content.objects[content.count].major = major = read_u8(&r);
		content.objects[content.count].minor = major == 0 ? 0 : read_u8(&r);
		content.objects[content.count].instances = read_bytes(&r, read_u16(&r));
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED,
				 "EF(LwM2M_Bootstrap): its objects are %s than its size says",
				 r.bad ? "longer" : "shorter");
	*ret_content = content;
	return ERR_NONE;
}
