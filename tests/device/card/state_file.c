/* The durable image of the registry: version, entries, SHA-256 over both. A file is never changed in place.
 */
#include "chip.h"
#include "upgrade.h"

#include <cardea/tlv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#define IMAGE_VERSION   4 /* 1: without the counter of receipts; 2: without an upgrade; 3: without services and restrictions */
#define IMAGE_MAX_BYTES (16 << 20)

/* ---- registry to image ---- */

static void build_sized(struct builder *b, struct bytes value)
{
	build_u16(b, (uint16_t)value.len);
	build_bytes(b, value);
	b->bad |= value.len > UINT16_MAX;
}

/* A list is its elements, each behind a 1, and a 0. */
static void build_element(struct builder *b)
{
	build_u8(b, 1);
}

static void build_end(struct builder *b)
{
	build_u8(b, 0);
}

static void build_aids(struct builder *b, const struct aid_item *item)
{
	for (; item != NULL; item = item->next) {
		build_element(b);
		build_lv(b, aid_bytes(&item->aid));
	}
	build_end(b);
}

static void build_keys(struct builder *b, const struct entry *entry)
{
	for (const struct key_version *version = entry->key_versions; version != NULL;
	     version = version->next) {
		build_element(b);
		build_u8(b, version->version);
		build_u24(b, version->sequence_counter);
		build_u8(b, version->failures);
	}
	build_end(b);
	for (const struct card_key *key = entry->keys; key != NULL; key = key->next) {
		build_element(b);
		build_u8(b, key->id);
		build_u8(b, key->version);
		for (const struct key_component *part = key->components; part != NULL; part = part->next) {
			build_element(b);
			build_u8(b, part->type);
			build_sized(b, part->value);
		}
		build_end(b);
	}
	build_end(b);
}

static void build_entry(struct builder *b, const struct entry *entry)
{
	build_u8(b, (uint8_t)entry->kind);
	build_lv(b, aid_bytes(&entry->aid));
	build_u8(b, entry->life_cycle);
	build_u24(b, entry->privileges);
	build_lv(b, aid_bytes(&entry->security_domain));
	build_u32(b, entry->nonvolatile_bytes);
	build_u32(b, entry->volatile_bytes);
	build_lv(b, aid_bytes(&entry->load_file));
	build_lv(b, aid_bytes(&entry->module));
	build_sized(b, entry->implicit_selection);
	for (const struct data_object *object = entry->objects; object != NULL; object = object->next) {
		build_element(b);
		build_u32(b, object->tag);
		build_sized(b, object->value);
	}
	build_end(b);
	build_keys(b, entry);
	build_u16(b, entry->version);
	build_bytes(b, bytes_of(entry->block_sha256, SHA256_SIZE));
	build_aids(b, entry->modules);
	build_aids(b, entry->imports);
	build_u16(b, entry->confirmation_counter);
	build_sized(b, entry->services);
	build_u8(b, entry->restrictions);
}

static void build_upgrade(struct builder *b, const struct upgrade *upgrade)
{
	build_u8(b, upgrade->status);
	build_lv(b, aid_bytes(&upgrade->load_file));
	build_lv(b, aid_bytes(&upgrade->security_domain));
	for (const struct entry *entry = upgrade->saved; entry != NULL; entry = entry->next) {
		build_element(b);
		build_entry(b, entry);
	}
	build_end(b);
}

static enum err image_build(const struct registry *registry, struct arena *arena, struct bytes *ret_image)
{
	struct builder b = builder_in(arena);
	uint8_t digest[SHA256_SIZE];
	build_u8(&b, IMAGE_VERSION);
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		build_element(&b);
		build_entry(&b, entry);
	}
	build_end(&b);
	build_upgrade(&b, &registry->upgrade);
	struct bytes content;
	enum err err = builder_bytes(&b, &content);
	if (err == ERR_NONE)
		err = sha256(content, digest);
	if (err != ERR_NONE)
		return err;
	build_bytes(&b, bytes_of(digest, sizeof(digest)));
	return builder_bytes(&b, ret_image);
}

/* ---- image to registry ---- */

/* A reader of the image with the memory for what it reads; running out of either marks the reader bad. */
struct image_reader {
	struct reader r;
	struct arena *arena;
	uint8_t version;
};

static void *image_alloc(struct image_reader *image, size_t size)
{
	void *at = image->r.bad ? NULL : arena_alloc(image->arena, size);
	if (at == NULL)
		image->r.bad = true;
	return at;
}

static bool has_element(struct image_reader *image)
{
	return read_u8(&image->r) == 1 && !image->r.bad;
}

static struct bytes read_sized(struct image_reader *image)
{
	struct bytes copy = { 0 };
	if (bytes_copy(image->arena, read_bytes(&image->r, read_u16(&image->r)), &copy) != ERR_NONE)
		image->r.bad = true;
	return copy;
}

static struct card_aid read_aid(struct image_reader *image)
{
	struct card_aid aid = { 0 };
	struct bytes value = read_lv(&image->r);
	if (value.len > 0 && !aid_read(value, &aid))
		image->r.bad = true;
	return aid;
}

static struct aid_item *read_aids(struct image_reader *image)
{
	struct aid_item *list = NULL;
	while (has_element(image)) {
		struct aid_item *item = image_alloc(image, sizeof(*item));
		if (item == NULL)
			break;
		item->aid = read_aid(image);
		LL_APPEND(list, item);
	}
	return list;
}

static void read_keys(struct image_reader *image, struct entry *entry)
{
	while (has_element(image)) {
		struct key_version *version = image_alloc(image, sizeof(*version));
		if (version == NULL)
			return;
		version->version = read_u8(&image->r);
		version->sequence_counter = read_u24(&image->r);
		version->failures = read_u8(&image->r);
		LL_APPEND(entry->key_versions, version);
	}
	while (has_element(image)) {
		struct card_key *key = image_alloc(image, sizeof(*key));
		if (key == NULL)
			return;
		key->id = read_u8(&image->r);
		key->version = read_u8(&image->r);
		while (has_element(image)) {
			struct key_component *part = image_alloc(image, sizeof(*part));
			if (part == NULL)
				return;
			part->type = read_u8(&image->r);
			part->value = read_sized(image);
			LL_APPEND(key->components, part);
		}
		image->r.bad |= key->components == NULL;
		LL_APPEND(entry->keys, key);
	}
}

static void read_entry(struct image_reader *image, struct entry *entry)
{
	struct reader *r = &image->r;
	uint8_t kind = read_u8(r);
	r->bad |= kind > CARD_LOAD_FILE;
	entry->kind = kind;
	entry->aid = read_aid(image);
	entry->life_cycle = read_u8(r);
	entry->privileges = read_u24(r);
	entry->security_domain = read_aid(image);
	entry->nonvolatile_bytes = read_u32(r);
	entry->volatile_bytes = read_u32(r);
	entry->load_file = read_aid(image);
	entry->module = read_aid(image);
	entry->implicit_selection = read_sized(image);
	while (has_element(image)) {
		struct data_object *object = image_alloc(image, sizeof(*object));
		if (object == NULL)
			return;
		object->tag = read_u32(r);
		object->value = read_sized(image);
		LL_APPEND(entry->objects, object);
	}
	read_keys(image, entry);
	entry->version = read_u16(r);
	struct bytes digest = read_bytes(r, SHA256_SIZE);
	if (digest.len == SHA256_SIZE)
		memcpy(entry->block_sha256, digest.at, SHA256_SIZE);
	entry->modules = read_aids(image);
	entry->imports = read_aids(image);
	if (image->version > 1)
		entry->confirmation_counter = read_u16(r);
	if (image->version > 3) {
		entry->services = read_sized(image);
		entry->restrictions = read_u8(r);
	}
}

static void read_upgrade(struct image_reader *image, struct upgrade *upgrade)
{
	upgrade->status = read_u8(&image->r);
	image->r.bad |= !upgrade_status_is_known(upgrade->status);
	upgrade->load_file = read_aid(image);
	upgrade->security_domain = read_aid(image);
	while (has_element(image)) {
		struct entry *entry = image_alloc(image, sizeof(*entry));
		if (entry == NULL)
			return;
		read_entry(image, entry);
		LL_APPEND(upgrade->saved, entry);
	}
}

/* Every association leads to the root of a hierarchy: what the walks through them rely on. */
static bool hierarchy_is_sound(const struct registry *registry)
{
	const struct entry *isd = registry_isd(registry);
	if (isd == NULL || isd->kind != CARD_SECURITY_DOMAIN || entry_object(isd, 0xCF) == NULL)
		return false;
	for (const struct entry *entry = registry->entries; entry != NULL; entry = entry->next) {
		const struct entry *at = entry;
		const struct entry *bound =
			registry->entries; /* as many steps as there are entries are enough */
		while (bound != NULL && !aid_equal(&at->security_domain, &at->aid)) {
			at = registry_find(registry, aid_bytes(&at->security_domain));
			if (at == NULL || at->kind != CARD_SECURITY_DOMAIN)
				return false;
			bound = bound->next;
		}
		if (bound == NULL)
			return false;
	}
	return true;
}

static enum err image_read(struct bytes bytes, struct registry *ret_registry, struct fault *fault)
{
	uint8_t digest[SHA256_SIZE];
	size_t len = bytes.len < SHA256_SIZE ? 0 : bytes.len - SHA256_SIZE;
	struct bytes content = bytes_first(bytes, len);
	enum err err = sha256(content, digest);
	if (err != ERR_NONE)
		return err;
	if (!bytes_equal(bytes_from(bytes, len), bytes_of(digest, sizeof(digest))))
		return fault_set(fault, ERR_MALFORMED, "card state: its checksum is wrong");

	struct registry registry = { .arena = arena_create(0) };
	if (registry.arena == NULL)
		return ERR_NOMEM;
	struct image_reader image = { reader_of(content), registry.arena, 0 };
	image.version = read_u8(&image.r);
	while (has_element(&image)) {
		struct entry *entry = image_alloc(&image, sizeof(*entry));
		if (entry == NULL)
			break;
		read_entry(&image, entry);
		LL_APPEND(registry.entries, entry);
	}
	if (image.version > 2)
		read_upgrade(&image, &registry.upgrade);
	if (image.version == 0 || image.version > IMAGE_VERSION || !reader_done(&image.r) ||
	    !hierarchy_is_sound(&registry)) {
		arena_free(registry.arena);
		return fault_set(fault, ERR_MALFORMED, "card state: not of version %d, or damaged",
				 IMAGE_VERSION);
	}
	*ret_registry = registry;
	return ERR_NONE;
}

/* ---- durable ---- */

static bool write_all(int fd, struct bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t count = write(fd, bytes.at, bytes.len);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		bytes = bytes_from(bytes, (size_t)count);
	}
	return true;
}

static bool folder_sync(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash == NULL ? "." : arena_strndup(arena, path, (size_t)(slash - path) + 1);
	int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool is_synced = fsync(fd) == 0;
	close(fd);
	return is_synced;
}

static bool file_replace(struct arena *arena, const char *path, struct bytes content)
{
	char *temporary = arena_printf(arena, "%s.new", path);
	if (temporary == NULL)
		return false;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	bool is_written = write_all(fd, content) && fsync(fd) == 0;
	is_written &= close(fd) == 0;
	if (is_written && rename(temporary, path) == 0)
		return folder_sync(arena, path);
	unlink(temporary);
	return false;
}

static void image_keep(struct card *card, uint8_t *take_image, size_t len)
{
	if (card->image != NULL)
		wipe(card->image, card->image_len);
	free(card->image);
	card->image = take_image;
	card->image_len = len;
}

void state_forget(struct card *card)
{
	image_keep(card, NULL, 0);
}

enum err state_restore(struct card *card, struct fault *fault)
{
	struct registry registry;
	enum err err = image_read(bytes_of(card->image, card->image_len), &registry, fault);
	if (err != ERR_NONE)
		return err;
	arena_free(card->registry.arena);
	card->registry = registry;
	return ERR_NONE;
}

/* False when it cannot be written, or the power goes instead. */
static bool image_write(struct card *card)
{
	struct bytes image;
	if (card->writes_to_cut > 0 && --card->writes_to_cut == 0)
		card->has_no_power = true;
	if (card->has_no_power || image_build(&card->registry, card->scratch, &image) != ERR_NONE)
		return false;
	uint8_t *kept = malloc(image.len);
	if (kept == NULL)
		return false;
	if (card->state_path != NULL && !file_replace(card->scratch, card->state_path, image)) {
		free(kept);
		return false;
	}
	memcpy(kept, image.at, image.len);
	image_keep(card, kept, image.len);
	card->write_count++;
	return true;
}

uint16_t state_commit(struct card *card)
{
	bool is_written = image_write(card);
	/* what the card goes on with is what it would find after a reset */
	if (state_restore(card, NULL) != ERR_NONE)
		card->has_no_power = true;
	return is_written ? SW_SUCCESS : SW_MEMORY_FAILURE;
}

enum err state_load(struct card *card, struct fault *fault)
{
	struct stat status;
	int fd = open(card->state_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? ERR_NOT_FOUND
			       : fault_set(fault, ERR_IO, "%s: %s", card->state_path, strerror(errno));
	uint8_t *image = NULL;
	enum err err = ERR_NONE;
	if (fstat(fd, &status) != 0 || status.st_size < 0 || status.st_size > IMAGE_MAX_BYTES) {
		err = fault_set(fault, ERR_MALFORMED, "%s: not a card state", card->state_path);
		goto out;
	}
	size_t len = (size_t)status.st_size;
	image = malloc(len + 1);
	if (image == NULL) {
		err = ERR_NOMEM;
		goto out;
	}
	size_t have = 0;
	while (have < len) {
		ssize_t count = read(fd, &image[have], len - have);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		have += (size_t)count;
	}
	if (have < len) {
		err = fault_set(fault, ERR_IO, "%s: cannot be read", card->state_path);
		goto out;
	}
	image_keep(card, image, len);
	image = NULL;
	err = state_restore(card, fault);
out:
	free(image);
	close(fd);
	return err;
}
