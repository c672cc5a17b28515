/* LwM2M Core TS 1.1, 7.4.3 TLV.
 *
 * Type byte: bits 8-7 say what it is, bit 6 that the identifier has 16 bits, bits 5-4 how many length bytes
 * follow; when none follow, bits 3-1 are the length itself. */
#include "format.h"

enum tlv_what {
	OBJECT_INSTANCE = 0x00,
	RESOURCE_INSTANCE = 0x40,
	MULTIPLE_RESOURCE = 0x80,
	RESOURCE = 0xC0,
};

#define WHAT_MASK     0xC0
#define LONG_ID       0x20
#define LENGTH_SHIFT  3
#define LENGTH_MASK   0x03
#define INLINE_LENGTH 0x07

struct element {
	enum tlv_what what;
	uint16_t id;
	struct bytes value;
};

/* ---- writing ---- */

static void build_element(struct builder *b, enum tlv_what what, uint16_t id, struct bytes value)
{
	size_t length_bytes = value.len < 8 ? 0 : value.len <= 0xFF ? 1 : value.len <= 0xFFFF ? 2 : 3;
	uint8_t type = (uint8_t)(what | (id > 0xFF ? LONG_ID : 0) | (length_bytes << LENGTH_SHIFT));

	if (value.len > 0xFFFFFF) {
		b->bad = true;
		return;
	}
	build_u8(b, length_bytes == 0 ? (uint8_t)(type | value.len) : type);
	build_uint(b, id, id > 0xFF ? 2 : 1);
	if (length_bytes > 0)
		build_uint(b, value.len, length_bytes);
	build_bytes(b, value);
}

static size_t integer_width(int64_t integer)
{
	if (integer == (int8_t)integer)
		return 1;
	if (integer == (int16_t)integer)
		return 2;
	return integer == (int32_t)integer ? 4 : 8;
}

static void build_integer(struct builder *b, int64_t integer)
{
	size_t width = integer_width(integer);
	uint64_t mask = width == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * width) - 1;

	build_uint(b, (uint64_t)integer & mask, width);
}

/* Four bytes when they hold the number exactly. */
static void build_real(struct builder *b, double real)
{
	float single = (float)real;
	uint64_t bits;
	uint32_t single_bits;

	if ((double)single == real) {
		memcpy(&single_bits, &single, sizeof(single_bits));
		build_u32(b, single_bits);
	} else {
		memcpy(&bits, &real, sizeof(bits));
		build_u64(b, bits);
	}
}

static size_t unsigned_width(uint64_t whole)
{
	return whole <= 0xFF ? 1 : whole <= 0xFFFF ? 2 : whole <= 0xFFFFFFFF ? 4 : 8;
}

static void build_value(struct builder *b, struct value value)
{
	switch (value.kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		build_integer(b, value.integer);
		break;
	case KIND_UNSIGNED:
		build_uint(b, value.whole, unsigned_width(value.whole));
		break;
	case KIND_FLOAT:
		build_real(b, value.real);
		break;
	case KIND_BOOLEAN:
		build_u8(b, value.boolean);
		break;
	case KIND_LINK:
		build_u16(b, value.link.object);
		build_u16(b, value.link.instance);
		break;
	case KIND_STRING:
	case KIND_OPAQUE:
		build_bytes(b, value.bytes);
		break;
	default:
		b->bad = true;
	}
}

static enum err build_level(const struct record *at, size_t count, size_t level, struct builder *b);

/* One element for records that share the identifier at `level` (1 object instance, 2 resource, 3 its
 * instance). */
static enum err build_group(const struct record *at, size_t count, size_t level, struct builder *b)
{
	static const enum tlv_what whats[] = {
		[1] = OBJECT_INSTANCE, [2] = RESOURCE, [3] = RESOURCE_INSTANCE
	};
	struct builder content = builder_in(b->arena);
	enum tlv_what what = whats[level];
	struct bytes bytes;
	enum err err = ERR_NONE;

	if (at->path.depth == level + 1 && at->value.kind == KIND_NONE && level == 2) {
		what = MULTIPLE_RESOURCE; /* without instances */
	} else if (at->path.depth == level + 1) {
		build_value(&content, at->value);
	} else {
		if (level == 2)
			what = MULTIPLE_RESOURCE;
		err = build_level(at, count, level + 1, &content);
	}
	if (err != ERR_NONE)
		return err;
	err = builder_bytes(&content, &bytes);
	if (err != ERR_NONE)
		return err;
	build_element(b, what, at->path.id[level], bytes);
	return ERR_NONE;
}

static enum err build_level(const struct record *at, size_t count, size_t level, struct builder *b)
{
	for (size_t i = 0, next; i < count; i = next) {
		enum err err;
		if (at[i].path.depth <= level)
			return ERR_UNSUPPORTED;
		for (next = i + 1; next < count && at[next].path.id[level] == at[i].path.id[level];)
			next++;
		err = build_group(at + i, next - i, level, b);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

enum err tlv_write(const struct records *records, struct path base, struct builder *b)
{
	if (base.depth == 0)
		return ERR_UNSUPPORTED;
	/* A resource is written with its own element, so that its answer says whether it is multiple. */
	return build_level(records->at, records->count, base.depth <= 2 ? base.depth : base.depth - 1u, b);
}

/* ---- reading ---- */

static bool read_element(struct reader *r, struct element *ret_element)
{
	uint8_t type;
	size_t length_bytes, length;
	struct element element;

	if (reader_left(r) == 0)
		return false;
	type = read_u8(r);
	length_bytes = (type >> LENGTH_SHIFT) & LENGTH_MASK;
	element.what = (enum tlv_what)(type & WHAT_MASK);
	element.id = (uint16_t)read_uint(r, type & LONG_ID ? 2 : 1);
	length = length_bytes == 0 ? type & INLINE_LENGTH : read_uint(r, length_bytes);
	element.value = read_bytes(r, length);
	if (r->bad)
		return false;
	*ret_element = element;
	return true;
}

static bool has_path(const struct records *records, size_t from, struct path path)
{
	for (size_t i = from; i < records->count; i++)
		if (path_equal(records->at[i].path, path))
			return true;
	return false;
}

static enum err add_value(struct records *records, size_t from, struct path path, struct bytes value,
			  struct fault *fault)
{
	if (has_path(records, from, path))
		return fault_set(fault, ERR_MALFORMED, "identifier %u occurs twice", path.id[path.depth - 1]);
	records_add(records, path, (struct value){ .kind = KIND_TLV_BYTES, .bytes = value });
	return records->bad ? ERR_NOMEM : ERR_NONE;
}

static enum err read_instances(struct bytes bytes, struct path resource, struct records *records,
			       struct fault *fault)
{
	struct reader r = reader_of(bytes);
	size_t from = records->count;
	struct element element;

	if (bytes.len == 0)
		records_add(records, resource, (struct value){ .kind = KIND_NONE });
	while (read_element(&r, &element)) {
		enum err err;
		if (element.what != RESOURCE_INSTANCE || element.id == ID_NONE)
			return fault_set(fault, ERR_MALFORMED,
					 "resource %u holds something other than its instances",
					 resource.id[2]);
		err = add_value(records, from, path_append(resource, element.id), element.value, fault);
		if (err != ERR_NONE)
			return err;
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "resource %u ends inside an element", resource.id[2]);
	return records->bad ? ERR_NOMEM : ERR_NONE;
}

/* One resource, single or multiple, of `instance`. */
static enum err read_resource(const struct element *element, size_t from, struct path instance,
			      struct records *records, struct fault *fault)
{
	struct path resource = path_append(instance, element->id);

	if (element->id == ID_NONE)
		return fault_set(fault, ERR_MALFORMED, "resource id 65535 is reserved");
	for (size_t i = from; i < records->count; i++)
		if (path_covers(resource, records->at[i].path))
			return fault_set(fault, ERR_MALFORMED, "resource %u occurs twice", element->id);
	if (element->what == RESOURCE)
		return add_value(records, from, resource, element->value, fault);
	if (element->what == MULTIPLE_RESOURCE)
		return read_instances(element->value, resource, records, fault);
	return fault_set(fault, ERR_MALFORMED, "element %u is neither a resource nor a multiple resource",
			 element->id);
}

static enum err read_resources(struct bytes bytes, struct path instance, struct records *records,
			       struct fault *fault)
{
	struct reader r = reader_of(bytes);
	size_t from = records->count;
	struct element element;

	while (read_element(&r, &element)) {
		enum err err = read_resource(&element, from, instance, records, fault);
		if (err != ERR_NONE)
			return err;
	}
	return reader_done(&r) ? ERR_NONE
			       : fault_set(fault, ERR_MALFORMED, "the payload ends inside an element");
}

/* Whether an element before this one, in the same list, has the same identifier. */
static bool is_repeated(struct bytes list, const struct reader *after, const struct element *element)
{
	struct reader r = reader_of(list);
	struct element earlier;
	size_t count = 0;

	while (r.at < after->at && read_element(&r, &earlier))
		count += earlier.id == element->id;
	return count > 1;
}

static enum err check_instance(const struct element *element, struct path base, struct fault *fault)
{
	if (element->what != OBJECT_INSTANCE)
		return fault_set(fault, ERR_MALFORMED, "resource %u beside an object instance", element->id);
	if (base.depth >= 2 && element->id != base.id[1])
		return fault_set(fault, ERR_MALFORMED, "instance %u is not the one addressed", element->id);
	return ERR_NONE;
}

/* Elements below an object or an object instance: instances, or the resources of one. */
static enum err read_tree(struct bytes payload, struct path base, struct records *records,
			  struct fault *fault)
{
	struct reader look = reader_of(payload), r = reader_of(payload);
	struct element element;

	if (!read_element(&look, &element) || element.what != OBJECT_INSTANCE)
		return read_resources(payload, base.depth == 1 ? path_append(base, ID_NONE) : base, records,
				      fault);
	while (read_element(&r, &element)) {
		enum err err = check_instance(&element, base, fault);
		if (err == ERR_NONE && is_repeated(payload, &r, &element))
			err = fault_set(fault, ERR_MALFORMED, "instance %u occurs twice", element.id);
		if (err == ERR_NONE)
			err = read_resources(element.value, path_append(OBJECT_PATH(base.id[0]), element.id),
					     records, fault);
		if (err != ERR_NONE)
			return err;
	}
	return reader_done(&r) ? ERR_NONE
			       : fault_set(fault, ERR_MALFORMED, "the payload ends inside an element");
}

/* A resource path takes the resource; and, as some servers send them, its bare instances, or the resource
 * wrapped in its object instance. */
static enum err read_at_resource(struct bytes payload, struct path base, struct records *records,
				 struct fault *fault)
{
	struct reader r = reader_of(payload);
	struct element element;
	enum err err;

	if (!read_element(&r, &element) || element.what == RESOURCE_INSTANCE)
		return r.bad ? fault_set(fault, ERR_MALFORMED, "the payload ends inside an element")
			     : read_instances(payload, base, records, fault);
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "more than the resource addressed");
	if (element.what == OBJECT_INSTANCE) {
		err = check_instance(&element, base, fault);
		r = reader_of(element.value);
		if (err != ERR_NONE)
			return err;
		if (!read_element(&r, &element) || !reader_done(&r))
			return fault_set(fault, ERR_MALFORMED, "not exactly the resource addressed");
	}
	if (element.id != base.id[2])
		return fault_set(fault, ERR_MALFORMED, "resource %u is not the one addressed", element.id);
	return read_resource(&element, records->count, INSTANCE_PATH(base.id[0], base.id[1]), records, fault);
}

static enum err read_at_resource_instance(struct bytes payload, struct path base, struct records *records,
					  struct fault *fault)
{
	struct reader r = reader_of(payload);
	struct element element;

	if (!read_element(&r, &element) || !reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "not exactly one element");
	if (element.what != RESOURCE_INSTANCE || element.id != base.id[3])
		return fault_set(fault, ERR_MALFORMED, "element %u is not the resource instance addressed",
				 element.id);
	return add_value(records, records->count, base, element.value, fault);
}

enum err tlv_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	switch (base.depth) {
	case 1:
	case 2:
		return read_tree(payload, base, records, fault);
	case 3:
		return read_at_resource(payload, base, records, fault);
	case 4:
		return read_at_resource_instance(payload, base, records, fault);
	default:
		return fault_set(fault, ERR_UNSUPPORTED, "TLV does not name objects");
	}
}
