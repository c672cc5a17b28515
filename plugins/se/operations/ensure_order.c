#include "operations/ensure_order.h"

#include <stdio.h>
#include <string.h>

#include "operations/content_parameters.h"
#include "operations/look.h"

/* Where in the parameters something is, for the fault. */
struct place {
	size_t file, application;
};

static enum err refuse_at(struct task *task, const struct place *place, const struct fault *why,
			  struct fault *fault)
{
	return fault_set(fault, why->kind, "present[%zu].applications[%zu]: %s", place->file,
			 place->application, why->text);
}

/* ---- applications ---- */

static enum err read_state(struct task *task, enum wanted_state *ret_state, struct fault *fault)
{
	static const char *const names[] = {
		[WANT_SELECTABLE] = "selectable",
		[WANT_INSTALLED] = "installed",
		[WANT_LOCKED] = "locked",
	};
	const char *name = task_text(task, "state", names[WANT_SELECTABLE]);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_state = (enum wanted_state)i;
			return ERR_NONE;
		}
	}
	return fault_set(fault, ERR_MALFORMED, "state: %s does not exist", name);
}

/* From task->params, which are those of the application. */
static enum err read_application(struct task *task, const struct load_file *file,
				 struct wanted_application *application, struct fault *fault)
{
	bool has_module = file->applet_count == 0; /* not known */
	enum err err = task_hex(task, "moduleAidHex", &application->module, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "aidHex", &application->aid, fault);
	if (err == ERR_NONE)
		err = content_privileges(task, "privileges", &application->privileges, fault);
	if (err == ERR_NONE)
		err = content_install_parameters(task, &application->parameters, fault);
	if (err == ERR_NONE)
		err = read_state(task, &application->state, fault);
	if (err != ERR_NONE)
		return err;
	application->has_privileges = json_object_get(task->params, "privileges") != NULL;
	if (application->module.len == 0 && file->applet_count == 1)
		application->module = file->applets[0];
	for (size_t i = 0; i < file->applet_count; i++)
		has_module = has_module || bytes_equal(file->applets[i], application->module);
	if (application->module.len == 0 || !has_module)
		return fault_set(fault, ERR_MALFORMED, "moduleAidHex must be an applet of the load file");
	if (application->aid.len == 0)
		application->aid = application->module;
	return ERR_NONE;
}

static enum err read_applications(struct task *task, const struct load_file *file, size_t number,
				  struct wanted_file *wanted, struct fault *fault)
{
	json_t *const params = task->params;
	const json_t *list = json_object_get(params, "applications");
	enum err err = ERR_NONE;

	if (json_array_size(list) > ENSURE_MAX_APPLICATIONS)
		return fault_set(fault, ERR_LIMIT, "present[%zu].applications: at most %d", number,
				 ENSURE_MAX_APPLICATIONS);
	for (size_t i = 0; i < json_array_size(list) && err == ERR_NONE; i++) {
		const struct place place = { number, i };
		struct fault why = { .kind = ERR_NONE };
		task->params = json_array_get(list, i);
		err = read_application(task, file, &wanted->applications[wanted->application_count++], &why);
		if (err != ERR_NONE && why.kind != ERR_NONE)
			err = refuse_at(task, &place, &why, fault);
	}
	task->params = params;
	return err;
}

/* ---- load files ---- */

/* What the server knows of a package since its upload. */
static enum err read_description(struct task *task, const char *text, struct load_file *file,
				 struct wanted_file *wanted, struct fault *fault)
{
	json_t *description = json_loads(text, 0, NULL), *applet;
	const char *aid = json_string_value(json_object_get(description, "aidHex"));
	const char *version = json_string_value(json_object_get(description, "version"));
	unsigned major, minor;
	size_t i;
	enum err err = ERR_NONE;

	if (aid == NULL || version == NULL || sscanf(version, "%u.%u", &major, &minor) != 2 || major > 255 ||
	    minor > 255) {
		json_decref(description);
		return fault_set(fault, ERR_INTERNAL, "the package's description lacks AID or version");
	}
	wanted->has_version = true;
	wanted->major = (uint8_t)major;
	wanted->minor = (uint8_t)minor;
	wanted->bytes = (uint64_t)json_integer_value(json_object_get(description, "loadFileBytes"));
	err = bytes_from_hex(task->arena, aid, &wanted->aid);
	json_array_foreach (json_object_get(description, "appletAidsHex"), i, applet) {
		if (err == ERR_NONE && file->applet_count < LOAD_FILE_MAX_APPLETS)
			err = bytes_from_hex(task->arena, json_string_value(applet),
					     &file->applets[file->applet_count++]);
	}
	json_decref(description);
	return err;
}

static enum err check_version(struct task *task, size_t number, struct wanted_file *wanted,
			      struct fault *fault)
{
	const char *text = task_text(task, "version", NULL);
	unsigned major, minor;

	if (text == NULL)
		return ERR_NONE;
	if (sscanf(text, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255)
		return fault_set(fault, ERR_MALFORMED, "present[%zu].version: as 1.0", number);
	if (wanted->has_version && (wanted->major != major || wanted->minor != minor))
		return fault_set(fault, ERR_CONFLICT, "present[%zu].version: the package is %u.%u", number,
				 wanted->major, wanted->minor);
	wanted->has_version = true;
	wanted->major = (uint8_t)major;
	wanted->minor = (uint8_t)minor;
	return ERR_NONE;
}

static enum err read_package(struct task *task, size_t number, struct load_file *file,
			     struct wanted_file *wanted, struct fault *fault)
{
	struct cardea_package package;
	enum err err = task->plugin->api->package(task->out, wanted->package_id, &package);

	if (err != ERR_NONE)
		return fault_set(fault, err, "present[%zu].packageId: the job does not have it", number);
	return read_description(task, package.description, file, wanted, fault);
}

/* From task->params, which are those of the load file. */
static enum err read_file(struct task *task, size_t number, struct wanted_file *wanted, struct fault *fault)
{
	struct load_file file = { 0 };
	struct bytes aid;
	enum err err = task_hex(task, "loadFileAidHex", &aid, fault);

	wanted->package_id = task_text(task, "packageId", NULL);
	if (err == ERR_NONE && wanted->package_id != NULL)
		err = read_package(task, number, &file, wanted, fault);
	if (err != ERR_NONE)
		return err;
	if (wanted->package_id == NULL)
		wanted->aid = aid;
	if (wanted->aid.len == 0)
		return fault_set(fault, ERR_MALFORMED, "present[%zu]: packageId or loadFileAidHex", number);
	if (aid.len > 0 && !bytes_equal(aid, wanted->aid))
		return fault_set(fault, ERR_CONFLICT, "present[%zu].loadFileAidHex: the package is %s",
				 number, bytes_to_hex(task->arena, wanted->aid));
	err = check_version(task, number, wanted, fault);
	return err == ERR_NONE ? read_applications(task, &file, number, wanted, fault) : err;
}

static enum err read_present(struct task *task, struct ensure *ensure, struct fault *fault)
{
	json_t *const params = task->params;
	const json_t *list = json_object_get(params, "present");
	enum err err = ERR_NONE;

	if (json_array_size(list) > ENSURE_MAX_FILES)
		return fault_set(fault, ERR_LIMIT, "present: at most %d load files", ENSURE_MAX_FILES);
	for (size_t i = 0; i < json_array_size(list) && err == ERR_NONE; i++) {
		task->params = json_array_get(list, i);
		err = read_file(task, i, &ensure->files[ensure->file_count++], fault);
	}
	task->params = params;
	return err;
}

static enum err read_absent(struct task *task, struct ensure *ensure, struct fault *fault)
{
	json_t *const params = task->params;
	const json_t *list = json_object_get(params, "absent");
	enum err err = ERR_NONE;

	if (json_array_size(list) > ENSURE_MAX_ABSENT)
		return fault_set(fault, ERR_LIMIT, "absent: at most %d", ENSURE_MAX_ABSENT);
	for (size_t i = 0; i < json_array_size(list) && err == ERR_NONE; i++) {
		task->params = json_array_get(list, i);
		err = task_hex(task, "aidHex", &ensure->absent[ensure->absent_count++], fault);
	}
	task->params = params;
	return err;
}

/* ---- all of it ---- */

bool ensure_is_absent(const struct ensure *ensure, struct bytes aid)
{
	for (size_t i = 0; i < ensure->absent_count; i++) {
		if (bytes_equal(ensure->absent[i], aid))
			return true;
	}
	return false;
}

const struct wanted_application *ensure_application(const struct ensure *ensure, struct bytes aid)
{
	for (size_t i = 0; i < ensure->file_count; i++) {
		const struct wanted_file *file = &ensure->files[i];
		for (size_t n = 0; n < file->application_count; n++) {
			if (bytes_equal(file->applications[n].aid, aid))
				return &file->applications[n];
		}
	}
	return NULL;
}

static bool is_wanted_file(const struct ensure *ensure, struct bytes aid, const struct wanted_file *other)
{
	for (size_t i = 0; i < ensure->file_count; i++) {
		if (&ensure->files[i] != other && bytes_equal(ensure->files[i].aid, aid))
			return true;
	}
	return false;
}

/* An AID has one meaning on a card. */
static enum err check_meanings(struct task *task, const struct ensure *ensure, struct fault *fault)
{
	for (size_t i = 0; i < ensure->file_count; i++) {
		const struct wanted_file *file = &ensure->files[i];
		if (is_wanted_file(ensure, file->aid, file) || ensure_application(ensure, file->aid) != NULL)
			return fault_set(fault, ERR_MALFORMED, "present: %s is there twice",
					 bytes_to_hex(task->arena, file->aid));
		for (size_t n = 0; n < file->application_count; n++) {
			const struct wanted_application *one = &file->applications[n];
			if (ensure_application(ensure, one->aid) != one ||
			    bytes_equal(one->aid, task->domain_aid))
				return fault_set(fault, ERR_MALFORMED,
						 "present: %s is there twice, or the security domain itself",
						 bytes_to_hex(task->arena, one->aid));
		}
	}
	for (size_t i = 0; i < ensure->absent_count; i++) {
		const struct bytes aid = ensure->absent[i];
		if (is_wanted_file(ensure, aid, NULL) || ensure_application(ensure, aid) != NULL)
			return fault_set(fault, ERR_MALFORMED, "absent[%zu]: it is wanted too", i);
		if (bytes_equal(aid, task->domain_aid))
			return fault_set(fault, ERR_CONFLICT,
					 "absent[%zu] is the security domain that would have to delete it",
					 i);
	}
	return ERR_NONE;
}

enum err ensure_read(struct task *task, struct ensure **ret_ensure, struct fault *fault)
{
	const struct bytes all = { NULL, 0 };
	struct ensure *ensure = arena_alloc(task->arena, sizeof(*ensure));

	if (ensure == NULL)
		return ERR_NOMEM;
	*ensure = (struct ensure){ .removes_instances = task_flag(task, "removeInstances", false),
				   .is_plan = task_flag(task, "plan", false) };
	enum err err = read_present(task, ensure, fault);
	if (err == ERR_NONE)
		err = read_absent(task, ensure, fault);
	if (err == ERR_NONE)
		err = check_meanings(task, ensure, fault);
	if (err != ERR_NONE)
		return err;
	ensure->modules = look_ask_status(task, SCOPE_MODULES, all, look_module_tags);
	ensure->load_files = look_ask_status(task, SCOPE_LOAD_FILES, all, look_load_file_tags);
	task->queries[ensure->load_files].is_fallback = true;
	ensure->applications = look_ask_status(task, SCOPE_APPLICATIONS, all, look_application_tags);
	ensure->resources = look_ask_memory(task);
	*ret_ensure = ensure;
	return ERR_NONE;
}

enum err ensure_load_file(struct task *task, const struct wanted_file *wanted, struct load_file *ret_file,
			  struct fault *fault)
{
	struct cardea_package package;
	enum err err = task->plugin->api->package(task->out, wanted->package_id, &package);

	return err == ERR_NONE ? load_file_parse(package.content, task->arena, ret_file, fault) : err;
}
