#include "operations/install_order.h"

#include "operations/content_parameters.h"
#include "operations/look.h"

/* What a package has, as a text for people. */
static enum err refuse_module(struct task *task, const struct load_file *file, struct fault *fault)
{
	struct builder b = builder_in(task->arena);
	struct bytes choices;

	if (file->applet_count == 0)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the package is a library: it has no applet to install");
	for (size_t i = 0; i < file->applet_count; i++) {
		const char *hex = bytes_to_hex(task->arena, file->applets[i]);
		build_printf(&b, "%s%s", i == 0 ? "" : ", ", hex != NULL ? hex : "");
	}
	build_u8(&b, 0);
	enum err err = builder_bytes(&b, &choices);
	if (err != ERR_NONE)
		return err;
	return fault_set(fault, ERR_MALFORMED, "moduleAidHex must be one of the applets of the package: %s",
			 (const char *)choices.at);
}

static enum err choose_module(struct task *task, const struct install *install,
			      struct application *application, struct fault *fault)
{
	const struct load_file *file = &install->file;
	enum err err = task_hex(task, "moduleAidHex", &application->module, fault);

	/* what is on the card already, or ciphered, only the card can read */
	if (err != ERR_NONE || !install->has_package || file->form == LOAD_FILE_CIPHERED)
		return err;
	if (application->module.len == 0 && file->applet_count == 1)
		application->module = file->applets[0];
	for (size_t i = 0; i < file->applet_count; i++) {
		if (bytes_equal(file->applets[i], application->module))
			return ERR_NONE;
	}
	return refuse_module(task, file, fault);
}

/* What is for the moment of becoming selectable is given in that command, and in no other. */
static enum err compose_install(struct task *task, const struct install *install,
				struct application *application, struct fault *fault)
{
	struct install_parameters parameters = application->parameters;
	struct install_order parts = {
		.load_file = install->file.aid,
		.module = application->module,
		.instance = application->instance,
		.privileges = application->privileges,
		.make_selectable = application->make_selectable,
	};

	if (!application->make_selectable)
		parameters.implicit_selection = bytes_of(NULL, 0);
	enum err err = install_parameters_build(task->arena, &parameters, &parts.parameters);
	if (err == ERR_NONE)
		err = gp_install_for_install(task->arena, &parts, &application->install);
	if (err == ERR_LIMIT)
		fault_set(fault, err, "parametersHex is too long for one INSTALL command");
	return err;
}

/* From the parameters, or from an element of their list. */
static enum err read_application(struct task *task, struct install *install, struct application *application,
				 struct fault *fault)
{
	enum err err = choose_module(task, install, application, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "instanceAidHex", &application->instance, fault);
	if (err == ERR_NONE)
		err = content_privileges(task, "privileges", &application->privileges, fault);
	if (err == ERR_NONE)
		err = content_install_parameters(task, &application->parameters, fault);
	if (err != ERR_NONE)
		return err;
	if (application->instance.len == 0)
		application->instance = application->module;
	if (application->instance.len == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "moduleAidHex or instanceAidHex must say which application");
	err = delegation_prepare_application(task, &install->delegation,
					     (size_t)(application - install->applications), fault);
	if (err != ERR_NONE)
		return err;
	application->make_selectable = task_flag(task, "makeSelectable", true);
	application->query =
		look_ask_status(task, SCOPE_APPLICATIONS, application->instance, look_application_tags);
	return compose_install(task, install, application, fault);
}

static bool has_twice(const struct install *install, struct bytes instance)
{
	size_t count = 0;

	for (size_t i = 0; i < install->application_count; i++)
		count += bytes_equal(install->applications[i].instance, instance);
	return count > 1;
}

static enum err read_list(struct task *task, struct install *install, const json_t *list, struct fault *fault)
{
	json_t *const parameters = task->params;
	enum err err = ERR_NONE;

	if (json_array_size(list) > INSTALL_MAX_APPLICATIONS)
		return fault_set(fault, ERR_LIMIT, "applications: at most %d", INSTALL_MAX_APPLICATIONS);
	for (size_t i = 0; i < json_array_size(list) && err == ERR_NONE; i++) {
		struct application *application = &install->applications[install->application_count++];
		task->params = json_array_get(list, i);
		err = read_application(task, install, application, fault);
		if (err == ERR_NONE && has_twice(install, application->instance))
			err = fault_set(fault, ERR_MALFORMED, "applications: %s is there twice",
					bytes_to_hex(task->arena, application->instance));
	}
	task->params = parameters;
	return err;
}

static enum err read_applications(struct task *task, struct install *install, struct fault *fault)
{
	const json_t *list = json_object_get(task->params, "applications");

	if (task_flag(task, "loadOnly", false)) {
		if (list != NULL || !install->has_package)
			return fault_set(fault, ERR_MALFORMED,
					 "loadOnly: with a package, and without applications");
		return ERR_NONE;
	}
	if (list != NULL && (json_object_get(task->params, "moduleAidHex") != NULL ||
			     json_object_get(task->params, "instanceAidHex") != NULL))
		return fault_set(fault, ERR_MALFORMED,
				 "applications: each names its moduleAidHex and instanceAidHex itself");
	if (list != NULL)
		return read_list(task, install, list, fault);
	return read_application(task, install, &install->applications[install->application_count++], fault);
}

static enum err read_load_file(struct task *task, struct install *install, struct fault *fault)
{
	struct bytes aid;
	enum err err = task_hex(task, "loadFileAidHex", &aid, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "loadIntoAidHex", &install->domain, fault);
	if (err != ERR_NONE)
		return err;
	install->has_package = task->step->package.len > 0;
	if (!install->has_package && aid.len == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "package, or loadFileAidHex for a load file that is on the card");
	if (!install->has_package) {
		install->file.aid = aid;
		return ERR_NONE;
	}
	err = load_file_parse(task->step->package, task->arena, &install->file, fault);
	if (err == ERR_NONE && install->file.form == LOAD_FILE_CIPHERED) {
		install->file.aid = aid;
		return aid.len > 0 ? ERR_NONE
				   : fault_set(fault, ERR_MALFORMED,
					       "the load file is ciphered: loadFileAidHex must tell its AID");
	}
	if (err == ERR_NONE && aid.len > 0 && !bytes_equal(aid, install->file.aid))
		err = fault_set(fault, ERR_MALFORMED, "loadFileAidHex: the package is %s",
				bytes_to_hex(task->arena, install->file.aid));
	return err;
}

enum err install_read(struct task *task, struct install **ret_install, struct fault *fault)
{
	struct install *install = arena_alloc(task->arena, sizeof(*install));

	if (install == NULL)
		return ERR_NOMEM;
	*install = (struct install){ 0 };
	enum err err = read_load_file(task, install, fault);
	if (err == ERR_NONE)
		err = delegation_prepare(task, &install->delegation, fault);
	if (err != ERR_NONE)
		return err;
	install->memory = (struct install_parameters){
		.code_bytes = (uint32_t)install->file.block.len,
		.volatile_bytes = (uint32_t)task_number(task, "loadVolatileBytes", 0),
		.non_volatile_bytes = (uint32_t)task_number(task, "loadNonVolatileBytes", 0),
	};
	install->loading = (struct loading){ .file = &install->file,
					     .delegation = &install->delegation,
					     .domain = install->domain,
					     .memory = &install->memory };
	err = loading_prepare(task, &install->loading, fault);
	if (err != ERR_NONE)
		return err;
	install->load_files = look_ask_status(task, SCOPE_LOAD_FILES, install->file.aid, look_load_file_tags);
	install->resources = look_ask_data(task, 0xFF21);
	err = read_applications(task, install, fault);
	if (err == ERR_NONE)
		*ret_install = install;
	return err;
}
