/* Java Card VM specification, chapter 6 (CAP file format); GPCS 2.3.1, 11.6.2.3 load file structure.
 *
 * Three forms are taken:
 *   CAP    a ZIP with <package>/javacard/Header.cap and so on; its components are put into loading order
 *   IJC    the same components, already one after another
 *   ready  { E2 DAP block }... C4 load file data block, as LOAD carries it */
#include "load_file.h"

#include <limits.h>
#include <strings.h>
#include <zip.h>

#include <cardea/tlv.h>

#define HEADER_MAGIC    0xDECAFFEDu
#define FLAG_EXTENDED   0x08 /* CAP 2.3: sizes of four bytes, several packages */
#define MAX_ZIP_ENTRIES 4096
#define MAX_COMPONENT   (3u + UINT16_MAX)
#define MAX_INFLATION   1024u /* no compiler output shrinks like this */

enum component {
	COMPONENT_HEADER = 1,
	COMPONENT_DIRECTORY,
	COMPONENT_APPLET,
	COMPONENT_IMPORT,
	COMPONENT_CONSTANT_POOL,
	COMPONENT_CLASS,
	COMPONENT_METHOD,
	COMPONENT_STATIC_FIELD,
	COMPONENT_REFERENCE_LOCATION,
	COMPONENT_EXPORT,
	COMPONENT_DESCRIPTOR,
	COMPONENT_DEBUG,
	COMPONENT_COUNT
};

static const char *const component_names[COMPONENT_COUNT] = {
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

/* The order in which they are loaded; Descriptor and Debug stay behind. */
static const enum component loading_order[] = {
	COMPONENT_HEADER,        COMPONENT_DIRECTORY,
	COMPONENT_IMPORT,        COMPONENT_APPLET,
	COMPONENT_CLASS,         COMPONENT_METHOD,
	COMPONENT_STATIC_FIELD,  COMPONENT_EXPORT,
	COMPONENT_CONSTANT_POOL, COMPONENT_REFERENCE_LOCATION,
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

/* Whole components, with tag and size; empty when absent. */
struct components {
	struct bytes at[COMPONENT_COUNT];
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

static enum err describe(const struct components *c, struct load_file *file, struct fault *fault)
{
	enum err err = parse_header(c, file, fault);

	if (err == ERR_NONE)
		err = parse_applets(c, file, fault);
	if (err == ERR_NONE)
		err = check_directory(c, file, fault);
	return err;
}

/* ---- components one after another ---- */

static enum err split_components(struct bytes content, struct components *ret_components, struct fault *fault)
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

static enum err wrap_block(struct arena *arena, struct load_file *file)
{
	struct builder b = builder_in(arena);

	build_tlv(&b, 0xC4, file->block);
	return builder_bytes(&b, &file->content);
}

static enum err parse_ijc(struct bytes content, struct arena *arena, struct load_file *file,
			  struct fault *fault)
{
	struct components c;
	enum err err = split_components(content, &c, fault);

	if (err == ERR_NONE)
		err = describe(&c, file, fault);
	if (err != ERR_NONE)
		return err;
	file->form = LOAD_FILE_IJC;
	file->block = content;
	return wrap_block(arena, file);
}

static enum err parse_ready(struct bytes content, struct load_file *file, struct fault *fault)
{
	struct reader r = reader_of(content);
	struct components c;
	uint32_t tag = 0;
	struct bytes value = { 0 };

	while (read_tlv(&r, &tag, &value) && tag == 0xE2)
		file->is_signed = true;
	if (r.bad || (tag != 0xC4 && tag != 0xD3 && tag != 0xD4))
		return fault_set(fault, ERR_MALFORMED,
				 "the load file is cut short: no whole data block (C4)");
	if (tag != 0xC4)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the load file is ciphered (%X): package and applets cannot be read",
				 (unsigned)tag);
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED, "%zu bytes after the load file data block",
				 reader_left(&r));
	enum err err = split_components(value, &c, fault);
	if (err == ERR_NONE)
		err = describe(&c, file, fault);
	if (err != ERR_NONE)
		return err;
	file->form = LOAD_FILE_READY;
	file->block = value;
	file->content = content;
	return ERR_NONE;
}

/* ---- ZIP ---- */

/* The component that a path names: ".../Header.cap"; 0 for other files. */
static enum component component_of_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	for (enum component id = COMPONENT_HEADER; id < COMPONENT_COUNT; id++) {
		size_t len = strlen(component_names[id]);
		if (strncasecmp(name, component_names[id], len) == 0 && strcasecmp(name + len, ".cap") == 0)
			return id;
	}
	return 0;
}

static enum err check_entry(const zip_stat_t *entry, struct fault *fault)
{
	if ((entry->valid & (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_NAME)) !=
	    (ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_NAME))
		return fault_set(fault, ERR_MALFORMED, "an entry of the ZIP has no size");
	if (entry->size > MAX_COMPONENT || entry->size / MAX_INFLATION > entry->comp_size)
		return fault_set(fault, ERR_LIMIT, "%.60s unpacks to %llu bytes; a component has at most %u",
				 entry->name, (unsigned long long)entry->size, MAX_COMPONENT);
	if ((entry->valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && entry->encryption_method != ZIP_EM_NONE)
		return fault_set(fault, ERR_UNSUPPORTED, "%.60s is encrypted", entry->name);
	return ERR_NONE;
}

static enum err read_entry(zip_t *zip, const zip_stat_t *entry, struct arena *arena,
			   struct bytes *ret_content, struct fault *fault)
{
	uint8_t *at = arena_alloc(arena, (size_t)entry->size + 1);
	enum err err = ERR_NONE;

	if (at == NULL)
		return ERR_NOMEM;
	zip_file_t *f = zip_fopen_index(zip, entry->index, 0);
	/* the byte more makes the library reach the end and check the sum */
	if (f == NULL || zip_fread(f, at, entry->size + 1) != (zip_int64_t)entry->size)
		err = fault_set(fault, ERR_MALFORMED, "%.60s cannot be unpacked: damaged or of another size",
				entry->name);
	if (f != NULL && zip_fclose(f) != 0 && err == ERR_NONE)
		err = fault_set(fault, ERR_MALFORMED, "%.60s does not fit its check sum", entry->name);
	if (err == ERR_NONE)
		*ret_content = bytes_of(at, (size_t)entry->size);
	return err;
}

static enum err read_components(zip_t *zip, struct arena *arena, struct components *ret_components,
				struct fault *fault)
{
	struct components c = { 0 };
	zip_int64_t count = zip_get_num_entries(zip, 0);
	size_t folder_len = SIZE_MAX;
	const char *folder = NULL;

	if (count > MAX_ZIP_ENTRIES)
		return fault_set(fault, ERR_LIMIT, "%lld entries in the ZIP; at most %d are read",
				 (long long)count, MAX_ZIP_ENTRIES);
	for (zip_int64_t i = 0; i < count; i++) {
		zip_stat_t entry;
		if (zip_stat_index(zip, (zip_uint64_t)i, 0, &entry) != 0)
			return fault_set(fault, ERR_MALFORMED, "entry %lld of the ZIP cannot be read",
					 (long long)i);
		enum component id = component_of_path(entry.name);
		if (id == 0)
			continue;
		const char *slash = strrchr(entry.name, '/');
		size_t len = slash == NULL ? 0 : (size_t)(slash - entry.name);
		if (folder != NULL && (len != folder_len || strncmp(folder, entry.name, len) != 0))
			return fault_set(fault, ERR_UNSUPPORTED,
					 "the CAP file holds two packages: %.50s and %.50s", folder,
					 entry.name);
		folder = entry.name;
		folder_len = len;
		if (c.at[id].len > 0)
			return fault_set(fault, ERR_MALFORMED, "component %s occurs twice",
					 component_names[id]);
		enum err err = check_entry(&entry, fault);
		if (err == ERR_NONE)
			err = read_entry(zip, &entry, arena, &c.at[id], fault);
		if (err != ERR_NONE)
			return err;
	}
	if (folder == NULL)
		return fault_set(fault, ERR_MALFORMED, "a ZIP without Header.cap: not a CAP file");
	*ret_components = c;
	return ERR_NONE;
}

static enum err check_heads(const struct components *c, struct fault *fault)
{
	for (enum component id = COMPONENT_HEADER; id < COMPONENT_COUNT; id++) {
		struct reader r;
		if (c->at[id].len == 0)
			continue;
		enum err err = open_component(c, id, &r, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err parse_zip(struct bytes content, struct arena *arena, struct load_file *file,
			  struct fault *fault)
{
	zip_error_t error;
	struct components c;
	struct builder block = builder_in(arena);

	zip_error_init(&error);
	zip_source_t *source = zip_source_buffer_create(content.at, content.len, 0, &error);
	zip_t *zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &error);
	if (zip == NULL) {
		enum err refused = fault_set(fault, ERR_MALFORMED, "not a readable ZIP: %.100s",
					     zip_error_strerror(&error));
		zip_source_free(source);
		zip_error_fini(&error);
		return refused;
	}
	enum err err = read_components(zip, arena, &c, fault);
	zip_discard(zip);
	zip_error_fini(&error);
	if (err == ERR_NONE)
		err = check_heads(&c, fault);
	if (err == ERR_NONE)
		err = describe(&c, file, fault);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(loading_order) / sizeof(loading_order[0]); i++)
		build_bytes(&block, c.at[loading_order[i]]);
	err = builder_bytes(&block, &file->block);
	if (err != ERR_NONE)
		return err;
	file->form = LOAD_FILE_CAP;
	return wrap_block(arena, file);
}

/* ---- entry ---- */

const char *load_file_form_text(enum load_file_form form)
{
	static const char *const texts[] = { "cap", "ijc", "load-file" };

	return texts[form];
}

enum err load_file_parse(struct bytes content, struct arena *arena, struct load_file *ret_file,
			 struct fault *fault)
{
	struct load_file file = { 0 };
	enum err err;

	if (content.len == 0)
		return fault_set(fault, ERR_MALFORMED, "the file is empty");
	if (content.len > LOAD_FILE_MAX_SIZE)
		return fault_set(fault, ERR_LIMIT, "%zu bytes; at most %u are taken", content.len,
				 LOAD_FILE_MAX_SIZE);
	switch (content.at[0]) {
	case 'P':
		err = parse_zip(content, arena, &file, fault);
		break;
	case COMPONENT_HEADER:
		err = parse_ijc(content, arena, &file, fault);
		break;
	case 0xC4:
	case 0xD4:
	case 0xE2:
		err = parse_ready(content, &file, fault);
		break;
	default:
		err = fault_set(fault, ERR_MALFORMED,
				"neither a CAP file (ZIP), nor its components (01 ...), nor a load file (C4 "
				"...): begins with %02X",
				content.at[0]);
		break;
	}
	if (err == ERR_NONE)
		*ret_file = file;
	return err;
}
