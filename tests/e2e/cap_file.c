/* Java Card VM specification, chapter 6: the CAP file format 2.1 */
#include "cap_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <zip.h>

#include <cardea/tlv.h>

#define MAX_CODE 65000

enum {
	HEADER = 1,
	DIRECTORY,
	APPLET,
	IMPORT,
	CONSTANT_POOL,
	CLASS,
	METHOD,
	STATIC_FIELD,
	REFERENCE_LOCATION,
	EXPORT,
	DESCRIPTOR,
	COMPONENTS
};

static const char *const names[COMPONENTS] = {
	[HEADER] = "Header",         [DIRECTORY] = "Directory",        [APPLET] = "Applet",
	[IMPORT] = "Import",         [CONSTANT_POOL] = "ConstantPool", [CLASS] = "Class",
	[METHOD] = "Method",         [STATIC_FIELD] = "StaticField",   [REFERENCE_LOCATION] = "RefLocation",
	[DESCRIPTOR] = "Descriptor",
};

static const int loading_order[] = { HEADER,       DIRECTORY,     IMPORT,
				     APPLET,       CLASS,         METHOD,
				     STATIC_FIELD, CONSTANT_POOL, REFERENCE_LOCATION,
				     DESCRIPTOR };

struct contents {
	struct bytes at[COMPONENTS]; /* without tag and size */
};

static void fill_header(struct builder *b, const struct cap_order *order)
{
	build_u32(b, 0xDECAFFED);
	build_u8(b, 1); /* format 2.1 */
	build_u8(b, 2);
	build_u8(b, order->applet_count > 0 ? 0x04 : 0x00);
	build_u8(b, order->minor);
	build_u8(b, order->major);
	build_lv(b, order->package_aid);
}

static void fill_applets(struct builder *b, const struct cap_order *order)
{
	build_u8(b, (uint8_t)order->applet_count);
	for (size_t i = 0; i < order->applet_count; i++) {
		build_lv(b, order->applets[i]);
		build_u16(b, 1);
	}
}

/* Looks like code: the same for the same size, and not to be compressed to nothing. */
static void fill_code(struct builder *b, size_t size)
{
	uint32_t state = 1;

	build_u8(b, 0); /* exception handlers */
	for (size_t i = 1; i < size; i++) {
		state = state * 1103515245 + 12345;
		build_u8(b, (uint8_t)(state >> 16));
	}
}

static void fill_directory(struct builder *b, const struct contents *c, const struct cap_order *order)
{
	for (int id = HEADER; id <= DESCRIPTOR; id++)
		build_u16(b, id == DIRECTORY ? 31 : (uint16_t)c->at[id].len);
	build_u16(b, 0); /* static image, array initialisations, their size */
	build_u16(b, 0);
	build_u16(b, 0);
	build_u8(b, 1); /* imports */
	build_u8(b, (uint8_t)order->applet_count);
	build_u8(b, 0); /* custom components */
}

static enum err fill(struct arena *arena, const struct cap_order *order, struct contents *ret_contents)
{
	static const uint8_t framework[] = { 1, 0, 1, 7, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01 };
	struct builder builders[COMPONENTS];
	struct contents c = { 0 };
	enum err err = ERR_NONE;

	if (order->code_bytes > MAX_CODE || order->applet_count > CAP_MAX_APPLETS)
		return ERR_LIMIT;
	for (int id = HEADER; id < COMPONENTS; id++)
		builders[id] = builder_in(arena);
	fill_header(&builders[HEADER], order);
	build_bytes(&builders[IMPORT], bytes_of(framework, sizeof(framework)));
	if (order->applet_count > 0)
		fill_applets(&builders[APPLET], order);
	build_u16(&builders[CONSTANT_POOL], 0);
	build_zeros(&builders[CLASS], 10);
	fill_code(&builders[METHOD], order->code_bytes > 0 ? order->code_bytes : 1);
	build_zeros(&builders[STATIC_FIELD], 10);
	build_zeros(&builders[REFERENCE_LOCATION], 4);
	build_zeros(&builders[DESCRIPTOR], 3);
	for (int id = HEADER; id < COMPONENTS && err == ERR_NONE; id++)
		err = builder_bytes(&builders[id], &c.at[id]);
	if (err != ERR_NONE)
		return err;
	fill_directory(&builders[DIRECTORY], &c, order);
	err = builder_bytes(&builders[DIRECTORY], &c.at[DIRECTORY]);
	if (err == ERR_NONE)
		*ret_contents = c;
	return err;
}

static void build_component(struct builder *b, const struct contents *c, int id)
{
	if (c->at[id].len == 0)
		return;
	build_u8(b, (uint8_t)id);
	build_u16(b, (uint16_t)c->at[id].len);
	build_bytes(b, c->at[id]);
}

enum err cap_build_ijc(struct arena *arena, const struct cap_order *order, struct bytes *ret_file)
{
	struct builder b = builder_in(arena);
	struct contents c;
	enum err err = fill(arena, order, &c);

	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(loading_order) / sizeof(loading_order[0]); i++)
		build_component(&b, &c, loading_order[i]);
	return builder_bytes(&b, ret_file);
}

static bool add_file(zip_t *zip, struct arena *arena, const struct contents *c, int id)
{
	struct builder b = builder_in(arena);
	struct bytes component;
	char path[64];

	build_component(&b, c, id);
	if (builder_bytes(&b, &component) != ERR_NONE)
		return false;
	snprintf(path, sizeof(path), "org/example/javacard/%s.cap", names[id]);
	zip_source_t *source = zip_source_buffer(zip, component.at, component.len, 0);
	if (source == NULL || zip_file_add(zip, path, source, ZIP_FL_ENC_UTF_8) < 0) {
		zip_source_free(source);
		return false;
	}
	return true;
}

/* Reads back what the library wrote into its memory. */
static enum err copy_source(zip_source_t *source, struct arena *arena, struct bytes *ret_file)
{
	zip_stat_t stat;

	if (zip_source_stat(source, &stat) < 0 || zip_source_open(source) < 0)
		return ERR_IO;
	uint8_t *at = arena_alloc(arena, stat.size);
	enum err err = at == NULL ? ERR_NOMEM : ERR_NONE;
	if (err == ERR_NONE && zip_source_read(source, at, stat.size) != (zip_int64_t)stat.size)
		err = ERR_IO;
	zip_source_close(source);
	if (err == ERR_NONE)
		*ret_file = bytes_of(at, stat.size);
	return err;
}

enum err cap_build_zip(struct arena *arena, const struct cap_order *order, struct bytes *ret_file)
{
	struct contents c;
	enum err err = fill(arena, order, &c);
	bool is_good = true;

	if (err != ERR_NONE)
		return err;
	zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
	if (source == NULL)
		return ERR_NOMEM;
	zip_source_keep(source);
	zip_t *zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	if (zip == NULL) {
		zip_source_free(source);
		zip_source_free(source);
		return ERR_IO;
	}
	for (int id = HEADER; id < COMPONENTS && is_good; id++)
		is_good = c.at[id].len == 0 || add_file(zip, arena, &c, id);
	if (!is_good || zip_close(zip) < 0) {
		zip_discard(zip);
		err = ERR_IO;
	}
	if (err == ERR_NONE)
		err = copy_source(source, arena, ret_file);
	zip_source_free(source);
	return err;
}
