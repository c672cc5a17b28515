/* Java Card VM specification, chapter 6: the CAP file format */
#include "package/cap.h"

#include <cardea/tlv.h>

#define HEADER_MAGIC  0xDECAFFEDu
#define FLAG_EXTENDED 0x08 /* CAP 2.3: sizes of four bytes, several packages */

const char *const component_names[COMPONENT_COUNT] = {
	[COMPONENT_HEADER] = "Header",
	[COMPONENT_DIRECTORY] = "Directory",
	[COMPONENT_APPLET] = "Applet",
	[COMPONENT_IMPORT] = "Import",
	[COMPONENT_CONSTANT_POOL] = "ConstantPool",
	[COMPONENT_CLASS] = "Class",
	[COMPONENT_METHOD] = "Method",
	[COMPONENT_STATIC_FIELD] = "StaticField",
	[COMPONENT_REFERENCE_LOCATION] = "RefLocation",
	[COMPONENT_EXPORT] = "Export",
	[COMPONENT_DESCRIPTOR] = "Descriptor",
	[COMPONENT_DEBUG] = "Debug",
};

static const enum component mandatory[] = {
	COMPONENT_HEADER,
	COMPONENT_DIRECTORY,
	COMPONENT_IMPORT,
	COMPONENT_CONSTANT_POOL,
	COMPONENT_METHOD,
	COMPONENT_STATIC_FIELD,
	COMPONENT_REFERENCE_LOCATION,
};

/* ---- one component ---- */

/* Checks tag and size and gives what is inside. */
static enum err open_component(const struct components *c, enum component id, struct reader *ret_content,
			       struct fault *fault)
{
	struct reader r = reader_of(c->at[id]);
	uint8_t tag = read_u8(&r);
	uint16_t size = read_u16(&r);

	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "component %s is missing or shorter than its own head",
				 component_names[id]);
	if (tag != id)
		return fault_set(fault, ERR_MALFORMED, "component %s has tag %u instead of %u",
				 component_names[id], tag, (unsigned)id);
	if (size != reader_left(&r))
		return fault_set(fault, ERR_MALFORMED, "component %s says %u bytes and holds %zu",
				 component_names[id], size, reader_left(&r));
	*ret_content = r;
	return ERR_NONE;
}

static enum err check_aid(struct bytes aid, const char *what, struct fault *fault)
{
	if (aid.len < 5 || aid.len > 16)
		return fault_set(fault, ERR_MALFORMED, "%s has an AID of %zu bytes; 5 to 16 are allowed",
				 what, aid.len);
	return ERR_NONE;
}

static enum err parse_header(const struct components *c, struct load_file *file, struct fault *fault)
{
	struct reader r;
	enum err err = open_component(c, COMPONENT_HEADER, &r, fault);

	if (err != ERR_NONE)
		return err;
	uint32_t magic = read_u32(&r);
	uint8_t cap_minor = read_u8(&r), cap_major = read_u8(&r), flags = read_u8(&r);
	file->minor = read_u8(&r);
	file->major = read_u8(&r);
	file->aid = read_lv(&r);
	if (magic != HEADER_MAGIC)
		return fault_set(fault, ERR_MALFORMED, "component Header has magic %08X instead of DECAFFED",
				 (unsigned)magic);
	if (cap_major != 2)
		return fault_set(fault, ERR_UNSUPPORTED, "CAP format %u.%u; 2.x is supported", cap_major,
				 cap_minor);
	if ((flags & FLAG_EXTENDED) != 0)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "extended CAP files (several packages) are not supported");
	if (r.bad)
		return fault_set(fault, ERR_MALFORMED, "component Header ends within the package AID");
	return check_aid(file->aid, "the package", fault);
}

static enum err parse_applets(const struct components *c, struct load_file *file, struct fault *fault)
{
	struct reader r;

	if (c->at[COMPONENT_APPLET].len == 0)
		return ERR_NONE; /* a library package */
	enum err err = open_component(c, COMPONENT_APPLET, &r, fault);
	if (err != ERR_NONE)
		return err;
	size_t count = read_u8(&r);
	if (count > LOAD_FILE_MAX_APPLETS)
		return fault_set(fault, ERR_LIMIT, "%zu applets; at most %d are supported", count,
				 LOAD_FILE_MAX_APPLETS);
	for (size_t i = 0; i < count; i++) {
		file->applets[i] = read_lv(&r);
		read_u16(&r); /* where its install method is */
		if (r.bad)
			return fault_set(fault, ERR_MALFORMED,
					 "component Applet ends within applet %zu of %zu", i + 1, count);
		err = check_aid(file->applets[i], "an applet", fault);
		if (err != ERR_NONE)
			return err;
	}
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "component Applet has %zu bytes after its %zu applets",
				 reader_left(&r), count);
	file->applet_count = count;
	return ERR_NONE;
}

/* The Directory tells the size of each component: who built the file and who packed it must agree. */
static enum err check_directory(const struct components *c, const struct load_file *file, struct fault *fault)
{
	struct reader r;
	enum err err = open_component(c, COMPONENT_DIRECTORY, &r, fault);

	if (err != ERR_NONE)
		return err;
	for (enum component id = COMPONENT_HEADER; id <= COMPONENT_DESCRIPTOR; id++) {
		uint16_t size = read_u16(&r);
		size_t held = c->at[id].len > 3 ? c->at[id].len - 3 : 0;
		if (r.bad)
			return fault_set(fault, ERR_MALFORMED,
					 "component Directory ends before the size of %s",
					 component_names[id]);
		if (size != held && !(id == COMPONENT_DESCRIPTOR && held == 0))
			return fault_set(fault, ERR_MALFORMED,
					 "the Directory says %u bytes of %s, the file holds %zu", size,
					 component_names[id], held);
	}
	for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
		err = open_component(c, mandatory[i], &r, fault);
		if (err != ERR_NONE)
			return err;
	}
	if ((c->at[COMPONENT_APPLET].len > 0) != (file->applet_count > 0))
		return fault_set(fault, ERR_MALFORMED, "component Applet names no applet");
	return ERR_NONE;
}

/* ---- components one after another ---- */

enum err cap_split(struct bytes content, struct components *ret_components, struct fault *fault)
{
	struct components c = { 0 };
	struct reader r = reader_of(content);

	while (reader_left(&r) > 0) {
		size_t offset = content.len - reader_left(&r);
		struct reader head = r;
		uint8_t tag = read_u8(&head);
		size_t size = 3u + read_u16(&head);
		struct bytes whole = read_bytes(&r, size);
		if (head.bad || r.bad)
			return fault_set_at(fault, ERR_MALFORMED, offset,
					    "the component at byte %zu runs past the end of the file",
					    offset);
		if (tag == 0)
			return fault_set_at(fault, ERR_MALFORMED, offset, "component tag 0 at byte %zu",
					    offset);
		if (tag >= COMPONENT_COUNT)
			continue; /* custom components have tags from 128 on */
		if (c.at[tag].len > 0)
			return fault_set_at(fault, ERR_MALFORMED, offset, "component %s occurs twice",
					    component_names[tag]);
		c.at[tag] = whole;
	}
	*ret_components = c;
	return ERR_NONE;
}

/* ---- what they say together ---- */

static enum err check_heads(const struct components *c, struct fault *fault)
{
	struct reader r;

	for (enum component id = COMPONENT_HEADER; id < COMPONENT_COUNT; id++) {
		enum err err = c->at[id].len == 0 ? ERR_NONE : open_component(c, id, &r, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

enum err cap_describe(const struct components *components, struct load_file *file, struct fault *fault)
{
	enum err err = check_heads(components, fault);

	if (err == ERR_NONE)
		err = parse_header(components, file, fault);
	if (err == ERR_NONE)
		err = parse_applets(components, file, fault);
	if (err == ERR_NONE)
		err = check_directory(components, file, fault);
	return err;
}
