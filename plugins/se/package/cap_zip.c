/* A CAP file as its converter writes it: a ZIP with <package>/javacard/Header.cap and so on */
#include "package/cap.h"

#include <string.h>
#include <strings.h>
#include <zip.h>

#define MAX_ZIP_ENTRIES 4096
#define MAX_INFLATION   1024u /* no compiler output shrinks like this */

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
	if (entry->size > COMPONENT_MAX_SIZE || entry->size / MAX_INFLATION > entry->comp_size)
		return fault_set(fault, ERR_LIMIT, "%.60s unpacks to %llu bytes; a component has at most %u",
				 entry->name, (unsigned long long)entry->size, COMPONENT_MAX_SIZE);
	if ((entry->valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && entry->encryption_method != ZIP_EM_NONE)
		return fault_set(fault, ERR_UNSUPPORTED, "%.60s is encrypted", entry->name);
	return ERR_NONE;
}

static enum err read_entry(zip_t *zip, const zip_stat_t *entry, struct arena *arena,
			   struct bytes *ret_content, struct fault *fault)
{
	uint8_t *at = arena_alloc(arena, (size_t)entry->size + 1), more;
	zip_file_t *f = at == NULL ? NULL : zip_fopen_index(zip, entry->index, 0);

	if (at == NULL)
		return ERR_NOMEM;
	bool is_good = f != NULL && zip_fread(f, at, entry->size) == (zip_int64_t)entry->size;
	/* only who reads the end learns whether the check sum fits */
	is_good = is_good && zip_fread(f, &more, 1) == 0;
	if (f != NULL && zip_fclose(f) != 0)
		is_good = false;
	if (!is_good)
		return fault_set(fault, ERR_MALFORMED, "%.60s cannot be unpacked: it is damaged",
				 entry->name);
	*ret_content = bytes_of(at, (size_t)entry->size);
	return ERR_NONE;
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

enum err cap_unzip(struct bytes content, struct arena *arena, struct components *ret_components,
		   struct fault *fault)
{
	zip_error_t error;

	zip_error_init(&error);
	zip_source_t *source = zip_source_buffer_create(content.at, content.len, 0, &error);
	zip_t *zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &error);
	enum err err;
	if (zip == NULL) {
		err = fault_set(fault, ERR_MALFORMED, "not a readable ZIP: %.100s",
				zip_error_strerror(&error));
		zip_source_free(source);
	} else {
		err = read_components(zip, arena, ret_components, fault);
		zip_discard(zip);
	}
	zip_error_fini(&error);
	return err;
}
