#include "operations/ensure_plan.h"

#include <inttypes.h>

#include "gp/gp_json.h"

struct planning {
	struct task *task;
	const struct ensure *ensure;
	const struct card_view *card;
	struct plan *plan;
	struct fault *fault;
};

static const char *hex_of(const struct planning *p, struct bytes bytes)
{
	const char *hex = bytes_to_hex(p->task->arena, bytes);

	return hex != NULL ? hex : "?";
}

static enum err add(const struct planning *p, struct action action)
{
	if (p->plan->count == PLAN_MAX_ACTIONS)
		return fault_set(p->fault, ERR_LIMIT, "more than %d commands are needed", PLAN_MAX_ACTIONS);
	p->plan->actions[p->plan->count++] = action;
	return ERR_NONE;
}

static bool is_planned(const struct planning *p, enum action_kind kind, struct bytes aid)
{
	for (size_t i = 0; i < p->plan->count; i++) {
		if (p->plan->actions[i].kind == kind && bytes_equal(p->plan->actions[i].aid, aid))
			return true;
	}
	return false;
}

/* ---- deletions ---- */

static enum err delete_application(const struct planning *p, struct bytes aid, const char *why)
{
	if (is_planned(p, ACTION_DELETE_APPLICATION, aid))
		return ERR_NONE;
	if (bytes_equal(aid, p->task->domain_aid))
		return fault_set(p->fault, ERR_CONFLICT, "%s is the security domain that would delete itself",
				 hex_of(p, aid));
	return add(p, (struct action){ .kind = ACTION_DELETE_APPLICATION, .aid = aid, .why = why });
}

static bool is_mentioned(const struct planning *p, struct bytes aid)
{
	return ensure_is_absent(p->ensure, aid) || ensure_application(p->ensure, aid) != NULL;
}

/* A load file goes after what was made from it, and that only when it is mentioned or may go. */
static enum err delete_file(const struct planning *p, struct bytes aid, const char *why)
{
	const struct registry *applications = &p->card->applications;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < applications->count && err == ERR_NONE; i++) {
		const struct registry_entry *one = &applications->entries[i];
		if (!bytes_equal(one->load_file, aid))
			continue;
		if (!p->ensure->removes_instances && !is_mentioned(p, one->aid))
			return fault_set(p->fault, ERR_CONFLICT,
					 "load file %s has the instance %s, which is not mentioned; "
					 "removeInstances would delete it",
					 hex_of(p, aid), hex_of(p, one->aid));
		err = delete_application(p, one->aid, why);
	}
	if (err == ERR_NONE)
		err = add(p, (struct action){ .kind = ACTION_DELETE_LOAD_FILE, .aid = aid, .why = why });
	return err;
}

static enum err delete_absent(const struct planning *p)
{
	const struct ensure *ensure = p->ensure;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < ensure->absent_count && err == ERR_NONE; i++) {
		if (registry_entry_find(&p->card->applications, ensure->absent[i]) != NULL)
			err = delete_application(p, ensure->absent[i], "not-wanted");
	}
	for (size_t i = 0; i < ensure->absent_count && err == ERR_NONE; i++) {
		if (registry_entry_find(&p->card->files, ensure->absent[i]) != NULL)
			err = delete_file(p, ensure->absent[i], "not-wanted");
	}
	return err;
}

/* 01 00 on the card is 1.0 in the file. A card that does not tell a version has the right one. */
static bool is_other_version(const struct wanted_file *wanted, const struct registry_entry *file)
{
	return wanted->has_version && file->version.len == 2 &&
	       (file->version.at[0] != wanted->major || file->version.at[1] != wanted->minor);
}

/* The last first: what is listed later may need what is listed before. */
static enum err delete_other_versions(const struct planning *p)
{
	enum err err = ERR_NONE;

	for (size_t i = p->ensure->file_count; i-- > 0 && err == ERR_NONE;) {
		const struct wanted_file *wanted = &p->ensure->files[i];
		const struct registry_entry *file = registry_entry_find(&p->card->files, wanted->aid);
		if (file == NULL || !is_other_version(wanted, file))
			continue;
		if (wanted->package_id == NULL)
			return fault_set(p->fault, ERR_CONFLICT,
					 "load file %s is on the card in version %u.%u, not %u.%u, and there "
					 "is no package",
					 hex_of(p, wanted->aid), file->version.at[0], file->version.at[1],
					 wanted->major, wanted->minor);
		err = delete_file(p, wanted->aid, "other-version");
	}
	return err;
}

/* What stands where an application shall be, and is another. */
static const char *obstacle(const struct wanted_file *wanted, const struct wanted_application *application,
			    const struct registry_entry *there)
{
	if (there->load_file.len > 0 && !bytes_equal(there->load_file, wanted->aid))
		return "other-load-file";
	if (application->has_privileges && there->privileges.len > 0 &&
	    privileges_of(there->privileges) != application->privileges)
		return "other-privileges";
	return NULL;
}

static enum err delete_obstacles(const struct planning *p, const struct wanted_file *wanted)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < wanted->application_count && err == ERR_NONE; i++) {
		const struct wanted_application *one = &wanted->applications[i];
		const struct registry_entry *there = registry_entry_find(&p->card->applications, one->aid);
		const char *why = there != NULL ? obstacle(wanted, one, there) : NULL;
		if (why == NULL || is_planned(p, ACTION_DELETE_APPLICATION, one->aid))
			continue;
		if (!p->ensure->removes_instances)
			return fault_set(p->fault, ERR_CONFLICT,
					 "%s is on the card with %s; removeInstances would replace it",
					 hex_of(p, one->aid),
					 there->load_file.len > 0 &&
							 !bytes_equal(there->load_file, wanted->aid)
						 ? "another load file"
						 : "other privileges");
		err = delete_application(p, one->aid, why);
	}
	return err;
}

/* ---- what is brought ---- */

static enum err load(const struct planning *p, const struct wanted_file *wanted)
{
	const struct registry_entry *file = registry_entry_find(&p->card->files, wanted->aid);

	if (file != NULL && !is_planned(p, ACTION_DELETE_LOAD_FILE, wanted->aid))
		return ERR_NONE;
	if (wanted->package_id == NULL)
		return fault_set(p->fault, ERR_NOT_FOUND,
				 "load file %s is not on the card, and there is no package",
				 hex_of(p, wanted->aid));
	return add(p, (struct action){ .kind = ACTION_LOAD, .aid = wanted->aid, .file = wanted });
}

/* What the card has of an application, after the deletions; NULL when it has none. */
static const struct registry_entry *remaining(const struct planning *p,
					      const struct wanted_application *application)
{
	if (is_planned(p, ACTION_DELETE_APPLICATION, application->aid))
		return NULL;
	return registry_entry_find(&p->card->applications, application->aid);
}

static enum err install(const struct planning *p, const struct wanted_file *wanted,
			const struct wanted_application *application)
{
	if (remaining(p, application) != NULL)
		return ERR_NONE;
	return add(p, (struct action){ .kind = ACTION_INSTALL,
				       .aid = application->aid,
				       .file = wanted,
				       .application = application });
}

/* From the state that it has, or will have once it is installed. */
static enum err set_state(const struct planning *p, const struct wanted_file *wanted,
			  const struct wanted_application *application)
{
	const struct registry_entry *there = remaining(p, application);
	const uint8_t state = there != NULL && there->life_cycle.len > 0 ? there->life_cycle.at[0] : 0;
	const bool is_locked = (state & STATE_LOCKED) != 0;
	const bool is_installed = (state & (uint8_t)~STATE_LOCKED) == STATE_INSTALLED;
	struct action action = { .aid = application->aid, .file = wanted, .application = application };
	enum err err = ERR_NONE;

	if (there != NULL && application->state == WANT_INSTALLED && !is_installed)
		return fault_set(p->fault, ERR_CONFLICT, "%s is %s: no way leads back to installed",
				 hex_of(p, application->aid), life_cycle_text(there, REGISTRY_APPLICATION));
	action.kind = ACTION_UNLOCK;
	if (is_locked && application->state != WANT_LOCKED)
		err = add(p, action);
	action.kind = ACTION_MAKE_SELECTABLE;
	if (err == ERR_NONE && is_installed && application->state == WANT_SELECTABLE)
		err = add(p, action);
	action.kind = ACTION_LOCK;
	if (err == ERR_NONE && !is_locked && application->state == WANT_LOCKED)
		err = add(p, action);
	return err;
}

/* ---- all of it ---- */

static enum err each_file(const struct planning *p,
			  enum err (*work)(const struct planning *, const struct wanted_file *))
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < p->ensure->file_count && err == ERR_NONE; i++)
		err = work(p, &p->ensure->files[i]);
	return err;
}

static enum err each_application(const struct planning *p,
				 enum err (*work)(const struct planning *, const struct wanted_file *,
						  const struct wanted_application *))
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < p->ensure->file_count; i++) {
		const struct wanted_file *wanted = &p->ensure->files[i];
		for (size_t n = 0; n < wanted->application_count && err == ERR_NONE; n++)
			err = work(p, wanted, &wanted->applications[n]);
	}
	return err;
}

/* Tokens are for one command each; they are not made for a plan. */
static enum err check_authority(const struct planning *p)
{
	const struct registry_entry *own = registry_entry_find(&p->card->applications, p->task->domain_aid);

	if (p->plan->count == 0 || own == NULL || !privileges_need_token(privileges_of(own->privileges)))
		return ERR_NONE;
	return fault_set(
		p->fault, ERR_UNSUPPORTED,
		"security domain %s has delegated management: se.install and se.delete go with tokens, "
		"se.ensure does not",
		hex_of(p, own->aid));
}

/* Only what is certain: how much a deletion frees is known to the card alone. */
static enum err check_memory(const struct planning *p)
{
	uint64_t needed = 0;
	bool frees = false;

	for (size_t i = 0; i < p->plan->count; i++) {
		const struct action *action = &p->plan->actions[i];
		frees = frees || action->kind == ACTION_DELETE_LOAD_FILE ||
			action->kind == ACTION_DELETE_APPLICATION;
		if (action->kind == ACTION_LOAD)
			needed += action->file->bytes;
	}
	if (frees || !p->card->has_resources || needed <= p->card->resources.free_non_volatile_bytes)
		return ERR_NONE;
	return fault_set(p->fault, ERR_LIMIT,
			 "%" PRIu64 " bytes of non-volatile memory are needed, the card has %" PRIu64 " free",
			 needed, p->card->resources.free_non_volatile_bytes);
}

enum err ensure_plan(struct task *task, const struct ensure *ensure, const struct card_view *card,
		     struct plan *ret_plan, struct fault *fault)
{
	const struct planning p = { task, ensure, card, ret_plan, fault };

	ret_plan->count = 0;
	enum err err = delete_absent(&p);
	if (err == ERR_NONE)
		err = delete_other_versions(&p);
	if (err == ERR_NONE)
		err = each_file(&p, delete_obstacles);
	if (err == ERR_NONE)
		err = each_file(&p, load);
	if (err == ERR_NONE)
		err = each_application(&p, install);
	if (err == ERR_NONE)
		err = each_application(&p, set_state);
	if (err == ERR_NONE)
		err = check_authority(&p);
	return err == ERR_NONE ? check_memory(&p) : err;
}

/* ---- for people ---- */

static const char *const kind_names[ACTION_KIND_COUNT] = {
	[ACTION_DELETE_APPLICATION] = "delete-application",
	[ACTION_DELETE_LOAD_FILE] = "delete-load-file",
	[ACTION_LOAD] = "load",
	[ACTION_INSTALL] = "install",
	[ACTION_UNLOCK] = "unlock",
	[ACTION_MAKE_SELECTABLE] = "make-selectable",
	[ACTION_LOCK] = "lock",
};

json_t *action_json(struct task *task, const struct action *action)
{
	json_t *object = json_object();

	json_object_set_new(object, "action", json_string(kind_names[action->kind]));
	json_object_set_new(object, "aidHex", json_hex(task->arena, action->aid));
	if (action->why != NULL)
		json_object_set_new(object, "why", json_string(action->why));
	if (action->kind == ACTION_LOAD) {
		json_object_set_new(object, "packageId", json_string(action->file->package_id));
		json_object_set_new(object, "version",
				    json_sprintf("%u.%u", action->file->major, action->file->minor));
	}
	if (action->kind == ACTION_INSTALL) {
		json_object_set_new(object, "moduleAidHex",
				    json_hex(task->arena, action->application->module));
		json_object_set_new(object, "loadFileAidHex", json_hex(task->arena, action->file->aid));
	}
	return object;
}
