#include "operations/install_look.h"

#include <inttypes.h>

#include "gp/gp_json.h"
#include "operations/look.h"

const char *install_hex(struct task *task, struct bytes bytes)
{
	const char *hex = bytes_to_hex(task->arena, bytes);

	return hex != NULL ? hex : "?";
}

bool install_see(struct task *task, struct install_seen *ret_seen)
{
	const struct install *install = task->order;
	struct registry registry;
	struct install_seen seen = { 0 };

	if (!look_registry(task, install->load_files, &registry))
		return false;
	seen.file = registry_entry_find(&registry, install->file.aid);
	for (size_t i = 0; i < install->application_count; i++) {
		if (!look_registry(task, install->applications[i].query, &registry))
			return false;
		seen.instances[i] = registry_entry_find(&registry, install->applications[i].instance);
	}
	*ret_seen = seen;
	return true;
}

/* 01 00 on the card is 1.0 in the file. */
static bool is_other_version(const struct install *install, const struct registry_entry *file)
{
	return install->has_package && install->file.form != LOAD_FILE_CIPHERED && file->version.len == 2 &&
	       (file->version.at[0] != install->file.major || file->version.at[1] != install->file.minor);
}

static bool is_foreign(const struct install *install, const struct install_seen *seen, size_t i)
{
	const struct registry_entry *instance = seen->instances[i];

	if (instance == NULL)
		return false;
	if (instance->load_file.len > 0)
		return !bytes_equal(instance->load_file, install->file.aid);
	return seen->file == NULL;
}

/* What is in the way, or missing for good. */
bool install_is_impossible(struct task *task, const struct install_seen *seen)
{
	const struct install *install = task->order;

	if (seen->file != NULL && is_other_version(install, seen->file)) {
		task_fail(task, ERR_CONFLICT,
			  "load file %s is on the card in version %u.%u, the package is %u.%u",
			  install_hex(task, install->file.aid), seen->file->version.at[0],
			  seen->file->version.at[1], install->file.major, install->file.minor);
		return true;
	}
	for (size_t i = 0; i < install->application_count; i++) {
		if (!is_foreign(install, seen, i))
			continue;
		const struct bytes owner = seen->instances[i]->load_file;
		task_fail(task, ERR_CONFLICT, "%s is already on the card and belongs to load file %s",
			  install_hex(task, install->applications[i].instance),
			  owner.len > 0 ? install_hex(task, owner) : "of somebody else");
		return true;
	}
	if (seen->file != NULL || install->has_package)
		return false;
	task_fail(task, ERR_NOT_FOUND, "load file %s is not on the card, and there is no package",
		  install_hex(task, install->file.aid));
	return true;
}

static unsigned need_of(const struct application *application, const struct registry_entry *instance)
{
	if (instance == NULL)
		return NEEDS_INSTALL;
	if (application->make_selectable && instance->life_cycle.len > 0 &&
	    instance->life_cycle.at[0] == 0x03)
		return NEEDS_SELECT;
	return 0;
}

/* The first application for which something is to be done; their number when there is none. */
size_t install_find_due(const struct install *install, const struct install_seen *seen, unsigned *ret_need)
{
	size_t i = 0;

	*ret_need = 0;
	while (i < install->application_count) {
		*ret_need = need_of(&install->applications[i], seen->instances[i]);
		if (*ret_need != 0)
			break;
		i++;
	}
	return i;
}

/* ---- memory ---- */

static bool read_resources(const struct task *task, struct card_resources *ret_resources)
{
	const struct install *install = task->order;
	const struct query_answer *answer = &task->kept.queries[install->resources];

	return sw_is_success(answer->sw) &&
	       card_resources_parse(answer->data, ret_resources, NULL) == ERR_NONE;
}

void install_tell_memory(struct task *task, const char *name)
{
	struct card_resources resources;

	if (read_resources(task, &resources))
		task_report(task, name, card_resources_json(&resources));
}

/* What the card needs at least: the code, and what is reserved. Quotas are promises, not memory. */
static void count_memory(const struct install *install, const struct install_seen *seen,
			 uint64_t *ret_non_volatile, uint64_t *ret_volatile)
{
	uint64_t non_volatile = 0, volatile_bytes = 0;

	if (seen->file == NULL) {
		non_volatile += (uint64_t)install->file.block.len + install->memory.non_volatile_bytes;
		volatile_bytes += install->memory.volatile_bytes;
	}
	for (size_t i = 0; i < install->application_count; i++) {
		const struct install_parameters *parameters = &install->applications[i].parameters;
		if (seen->instances[i] != NULL)
			continue;
		non_volatile += parameters->reserved_non_volatile_bytes;
		volatile_bytes += parameters->reserved_volatile_bytes;
	}
	*ret_non_volatile = non_volatile;
	*ret_volatile = volatile_bytes;
}

/* Where the card tells what it has, what cannot fit is not begun. */
bool install_has_room(struct task *task, const struct install_seen *seen)
{
	struct card_resources resources;
	uint64_t non_volatile, volatile_bytes;

	if (!read_resources(task, &resources))
		return true;
	count_memory(task->order, seen, &non_volatile, &volatile_bytes);
	const bool is_code = non_volatile > resources.free_non_volatile_bytes;
	if (!is_code && volatile_bytes <= resources.free_volatile_bytes)
		return true;
	task_fail(task, ERR_LIMIT, "%" PRIu64 " bytes of %s memory are needed, the card has %" PRIu64 " free",
		  is_code ? non_volatile : volatile_bytes, is_code ? "non-volatile" : "volatile",
		  is_code ? resources.free_non_volatile_bytes : resources.free_volatile_bytes);
	return false;
}

bool install_has_foreign(const struct install *install, const struct install_seen *seen)
{
	bool has = false;

	for (size_t i = 0; i < install->application_count; i++)
		has = has || is_foreign(install, seen, i);
	return has;
}
