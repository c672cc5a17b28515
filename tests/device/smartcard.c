#include "smartcard.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "bootstrap.h"
#include "log.h"
#include "smartcard_files.h"
#include "smartcard_reader.h"
#include "state.h"

#define CHECK_BYTES_MAX (1 << 22)
#define FILES_MAX       16

/* ---- kept ---- */

enum err smartcard_load(struct device *device)
{
	struct smartcard *smartcard = &device->smartcard;
	struct arena *arena;
	struct bytes content;
	enum err err;

	if (device->folder == NULL)
		return ERR_NONE;
	smartcard->path = arena_printf(device->paths, "%s/smartcard", device->folder);
	arena = arena_create(CHECK_BYTES_MAX);
	err = smartcard->path == NULL || arena == NULL ? ERR_NOMEM
						       : state_read(smartcard->path, arena, &content);
	if (err == ERR_NONE)
		err = buffer_set(&smartcard->applied, content);
	arena_free(arena);
	return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

void smartcard_free(struct smartcard *smartcard)
{
	wipe(smartcard->applied.at, smartcard->applied.len);
	buffer_clear(&smartcard->applied);
}

bool smartcard_is_applied(const struct device *device)
{
	return device->smartcard.applied.len > 0;
}

/* The values first: a card that is not known to be applied is applied again, which does no harm. */
static enum err save(struct device *device)
{
	const struct smartcard *smartcard = &device->smartcard;
	enum err err = device_save(device);

	return err == ERR_NONE && smartcard->path != NULL
		       ? state_write(smartcard->path, buffer_bytes(&smartcard->applied))
		       : err;
}

/* ---- what the card has ---- */

static enum err transmit(void *arg, struct arena *arena, struct bytes command, struct bytes *ret_answer)
{
	return se_transmit(arg, arena, command, ret_answer);
}

static enum err read_card(const struct device *device, struct arena *arena, struct bytes *ret_file,
			  struct fault *fault)
{
	struct smartcard_access access = { .transmit = transmit, .pin = device->options->smartcard_pin };
	const struct smartcard_keys *keys = &device->options->smartcard_keys;

	if (device->agent_count == 0 || device->options->is_se_absent)
		return fault_set(fault, ERR_NOT_FOUND, "there is no card");
	access.arg = device->agents[0].se;
	access.keys = keys->enc.len > 0 ? keys : NULL;
	return smartcard_read(&access, arena, ret_file, fault);
}

/* ---- its accounts ---- */

/* What the device does not have it passes, since a card is made for many kinds of them. */
static enum err write_objects(struct device *device, const struct smartcard_content *content,
			      struct arena *arena, struct fault *fault)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < content->count && err == ERR_NONE; i++) {
		const struct object *object = object_find(content->objects[i].id);

		if (object == NULL || object_is_fixed(object))
			log_warn("smartcard.object_passed", "endpoint=%s object=%u", device->endpoint,
				 content->objects[i].id);
		else
			err = bootstrap_write_object(device, object, content->objects[i].instances, arena,
						     fault);
	}
	return err;
}

/* Whatever else a bootstrap brought is gone then. */
static enum err take_over(struct device *device, struct bytes file, struct arena *arena, struct fault *fault)
{
	struct smartcard_content content;
	enum err err = smartcard_read_content(file, &content, fault);

	if (err == ERR_NONE)
		err = buffer_set(&device->smartcard.applied, bytes_first(file, content.used));
	if (err != ERR_NONE)
		return err;
	bootstrap_remove_all(device);
	err = write_objects(device, &content, arena, fault);
	return err == ERR_NONE ? accounts_check_card(device, fault) : err;
}

static enum err apply(struct device *device, struct bytes file, struct arena *arena, struct fault *fault)
{
	struct values before = { 0 };
	enum err err = values_copy(&device->values, &before);

	if (err == ERR_NONE)
		err = take_over(device, file, arena, fault);
	if (err == ERR_NONE)
		err = save(device);
	if (err != ERR_NONE) {
		values_free(&device->values);
		device->values = before;
	} else {
		values_free(&before);
	}
	return err;
}

/* What the device has without its card. */
static void remove_applied(struct device *device)
{
	smartcard_free(&device->smartcard);
	bootstrap_remove_all(device);
	device_fill_objects(device);
	if (save(device) != ERR_NONE)
		log_error("smartcard.not_saved", "endpoint=%s", device->endpoint);
}

/* ---- checking ---- */

/* Scripts wait for these lines. */
static void announce(const struct device *device, const char *state)
{
	printf("smartcard endpoint=%s state=%s\n", device->endpoint, state);
	fflush(stdout);
}

static bool is_same(const struct device *device, struct bytes file)
{
	struct bytes applied = buffer_bytes(&device->smartcard.applied);

	return applied.len > 0 && bytes_equal(bytes_first(file, applied.len), applied);
}

/* Not now is no change; anything else that keeps the device from its card is as if there were none. */
static bool lose(struct device *device, enum err err, const struct fault *fault)
{
	bool was_applied = smartcard_is_applied(device);

	if (err == ERR_UNAVAILABLE || err == ERR_NOMEM)
		return false;
	if (err == ERR_NOT_FOUND)
		log_info("smartcard.absent", "endpoint=%s reason=\"%s\"", device->endpoint, fault->text);
	else
		log_error("smartcard.refused", "endpoint=%s reason=\"%s\"", device->endpoint, fault->text);
	if (was_applied)
		remove_applied(device);
	announce(device, was_applied ? "removed" : err == ERR_NOT_FOUND ? "absent" : "refused");
	return was_applied;
}

bool smartcard_check(struct device *device)
{
	struct fault fault = { .kind = ERR_NONE };
	struct arena *arena;
	struct bytes file = bytes_of(NULL, 0);
	bool is_changed = false;
	enum err err;

	if (!device->options->reads_smartcard)
		return false;
	arena = arena_create(CHECK_BYTES_MAX);
	err = arena == NULL ? ERR_NOMEM : read_card(device, arena, &file, &fault);
	if (err == ERR_NONE && !is_same(device, file)) {
		struct buffer before = device->smartcard.applied;

		device->smartcard.applied = (struct buffer){ 0 };
		err = apply(device, file, arena, &fault);
		if (err == ERR_NONE) {
			buffer_clear(&before);
			announce(device, "applied");
			is_changed = true;
		} else {
			smartcard_free(&device->smartcard);
			device->smartcard.applied = before;
		}
	}
	if (err != ERR_NONE)
		is_changed = lose(device, err, &fault);
	arena_free(arena);
	return is_changed;
}

void smartcard_forget(struct device *device)
{
	smartcard_free(&device->smartcard);
	if (save(device) != ERR_NONE)
		log_error("smartcard.not_saved", "endpoint=%s", device->endpoint);
}

/* ---- a card for it ---- */

static bool identifier_of(const char *name, uint16_t *ret_id)
{
	char *end;
	unsigned long id = strtoul(name, &end, 16);

	*ret_id = (uint16_t)id;
	return strlen(name) == 4 && *end == '\0' && id != 0;
}

static enum err load_file(const char *folder, const char *name, struct arena *arena,
			  struct card_file *ret_file, struct fault *fault)
{
	char *path = arena_printf(arena, "%s/%s", folder, name);
	enum err err = path == NULL ? ERR_NOMEM : state_read(path, arena, &ret_file->content);

	return err == ERR_NONE ? err : fault_set(fault, err, "%s/%s: %s", folder, name, err_name(err));
}

enum err smartcard_load_files(const char *folder, struct arena *arena, const struct card_file **ret_files,
			      size_t *ret_count, struct fault *fault)
{
	struct card_file *files = arena_alloc_array(arena, FILES_MAX, sizeof(*files));
	DIR *list = opendir(folder);
	enum err err = ERR_NONE;
	size_t count = 0;

	if (files == NULL || list == NULL) {
		if (list != NULL)
			closedir(list);
		return files == NULL ? ERR_NOMEM
				     : fault_set(fault, ERR_NOT_FOUND, "%s: no such folder", folder);
	}
	for (const struct dirent *entry = readdir(list);
	     entry != NULL && err == ERR_NONE && count < FILES_MAX; entry = readdir(list)) {
		if (identifier_of(entry->d_name, &files[count].id))
			err = load_file(folder, entry->d_name, arena, &files[count++], fault);
	}
	closedir(list);
	if (err != ERR_NONE)
		return err;
	*ret_files = files;
	*ret_count = count;
	return ERR_NONE;
}
