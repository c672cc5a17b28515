/* se.install: a load file and one instance of an application in it are on the card, exactly once.
 *
 *   LOOK -> is all there? done. Is something else in its place? refuse.
 *     ^         else ACT: INSTALL [for load], LOAD ..., INSTALL [for install and make selectable]
 *     '---------------'
 *   When an act fails, LOOK, and DELETE the load file if it was us who loaded it. */
#include "operations/operations.h"

#include "channel/channel.h"
#include "operations/look.h"
#include "package/load_file.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_DELETE };

enum { ACT_FOR_LOAD = 100, ACT_LOAD, ACT_INSTALL, ACT_SELECT, ACT_DELETE };

/* Flags of the kept state. */
enum {
	NEEDS_LOAD = 1 << 0,
	NEEDS_INSTALL = 1 << 1,
	NEEDS_SELECT = 1 << 2, /* what the last look found missing */
	DID_FOR_LOAD = 1 << 3,
	DID_INSTALL = 1 << 4,  /* in this secure channel */
	CHANGED = 1 << 5,      /* something was sent by this job */
	LOADED_BY_US = 1 << 6, /* the load file was not there before */
	ROLLING_BACK = 1 << 7, /* kept.kind and reason say why */
	CONFIRMED = 1 << 8,    /* the card said so; the look must agree */
	DELETE_REFUSED = 1 << 9,
};

struct order {
	struct load_file file;
	struct bytes module, instance;
	uint32_t privileges;
	struct command install;
	struct install_parameters memory; /* of INSTALL [for load] */
	bool make_selectable;
	unsigned load_files, applications; /* queries */
};

/* ---- parameters ---- */

static enum err choose_module(struct task *task, struct order *order, struct fault *fault)
{
	const struct load_file *file = &order->file;
	struct builder b = builder_in(task->arena);
	struct bytes choices;
	enum err err = task_hex(task, "moduleAidHex", &order->module, fault);

	if (err != ERR_NONE)
		return err;
	if (order->module.len == 0 && file->applet_count == 1)
		order->module = file->applets[0];
	for (size_t i = 0; i < file->applet_count; i++) {
		const char *hex = bytes_to_hex(task->arena, file->applets[i]);
		if (bytes_equal(file->applets[i], order->module))
			return ERR_NONE;
		build_printf(&b, "%s%s", i == 0 ? "" : ", ", hex != NULL ? hex : "");
	}
	build_u8(&b, 0);
	err = builder_bytes(&b, &choices);
	if (err != ERR_NONE)
		return err;
	if (file->applet_count == 0)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the package is a library: it has no applet to install");
	return fault_set(fault, ERR_MALFORMED, "moduleAidHex must be one of the applets of the package: %s",
			 (const char *)choices.at);
}

static enum err read_privileges(struct task *task, struct order *order, struct fault *fault)
{
	json_t *names = json_object_get(task->params, "privileges"), *name;
	size_t i;

	json_array_foreach (names, i, name) {
		if (!json_is_string(name) ||
		    privilege_add(json_string_value(name), &order->privileges) != ERR_NONE)
			return fault_set(fault, ERR_MALFORMED, "privileges: %s does not exist",
					 json_is_string(name) ? json_string_value(name)
							      : "a value that is no name");
	}
	return ERR_NONE;
}

static enum err compose_install(struct task *task, struct order *order,
				const struct install_parameters *install, struct fault *fault)
{
	struct install_order parts = {
		.load_file = order->file.aid,
		.module = order->module,
		.instance = order->instance,
		.privileges = order->privileges,
		.make_selectable = order->make_selectable,
	};
	enum err err = install_parameters_build(task->arena, install, &parts.parameters);

	if (err == ERR_NONE)
		err = gp_install_for_install(task->arena, &parts, &order->install);
	if (err == ERR_LIMIT)
		fault_set(fault, err, "parametersHex is too long for one INSTALL command");
	return err;
}

static enum err read_parameters(struct task *task, struct order *order, struct fault *fault)
{
	struct install_parameters install = {
		.volatile_bytes = (uint32_t)task_number(task, "volatileBytes", 0),
		.non_volatile_bytes = (uint32_t)task_number(task, "nonVolatileBytes", 0),
	};
	enum err err = task_hex(task, "instanceAidHex", &order->instance, fault);

	if (err == ERR_NONE)
		err = task_hex(task, "parametersHex", &install.application, fault);
	if (order->instance.len == 0)
		order->instance = order->module;
	order->make_selectable = task_flag(task, "makeSelectable", true);
	order->memory = (struct install_parameters){ .code_bytes = (uint32_t)order->file.block.len };
	return err == ERR_NONE ? compose_install(task, order, &install, fault) : err;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = load_file_parse(task->step->package, task->arena, &order->file, fault);
	if (err == ERR_NONE)
		err = choose_module(task, order, fault);
	if (err == ERR_NONE)
		err = read_privileges(task, order, fault);
	if (err == ERR_NONE)
		err = read_parameters(task, order, fault);
	if (err != ERR_NONE)
		return err;
	order->load_files = look_ask_status(task, SCOPE_LOAD_FILES, order->file.aid, look_load_file_tags);
	order->applications =
		look_ask_status(task, SCOPE_APPLICATIONS, order->instance, look_application_tags);
	task->order = order;
	return ERR_NONE;
}

/* ---- looking ---- */

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	task->kept.flags &= ~(unsigned)(DID_FOR_LOAD | DID_INSTALL);
	task->kept.position = task->kept.blocks = 0;
	look_again(task);
}

/* 01 00 on the card is 1.0 in the file. */
static bool is_other_version(const struct order *order, const struct registry_entry *file)
{
	return file->version.len == 2 &&
	       (file->version.at[0] != order->file.major || file->version.at[1] != order->file.minor);
}

static bool is_foreign_instance(const struct order *order, const struct registry_entry *instance,
				bool has_file)
{
	if (instance->load_file.len > 0)
		return !bytes_equal(instance->load_file, order->file.aid);
	return !has_file;
}

static const char *hex_of(struct task *task, struct bytes bytes)
{
	const char *hex = bytes_to_hex(task->arena, bytes);

	return hex != NULL ? hex : "?";
}

/* What the card has against what it shall have. */
static void compare(struct task *task, const struct registry_entry *file,
		    const struct registry_entry *instance)
{
	const struct order *order = task->order;
	uint32_t *flags = &task->kept.flags;

	if (file != NULL && is_other_version(order, file)) {
		task_fail(task, ERR_CONFLICT,
			  "load file %s is on the card in version %u.%u, the package is %u.%u",
			  hex_of(task, order->file.aid), file->version.at[0], file->version.at[1],
			  order->file.major, order->file.minor);
		return;
	}
	if (instance != NULL && is_foreign_instance(order, instance, file != NULL)) {
		task_fail(task, ERR_CONFLICT, "%s is already on the card and belongs to load file %s",
			  hex_of(task, order->instance),
			  instance->load_file.len > 0 ? hex_of(task, instance->load_file)
						      : "of somebody else");
		return;
	}
	*flags &= ~(unsigned)(NEEDS_LOAD | NEEDS_INSTALL | NEEDS_SELECT);
	if (file == NULL)
		*flags |= NEEDS_LOAD;
	if (instance == NULL)
		*flags |= NEEDS_INSTALL;
	else if (order->make_selectable && instance->life_cycle.len > 0 && instance->life_cycle.at[0] == 0x03)
		*flags |= NEEDS_SELECT;
	if ((*flags & (NEEDS_LOAD | NEEDS_INSTALL | NEEDS_SELECT)) == 0) {
		task_succeed(task);
	} else if ((*flags & CONFIRMED) != 0) {
		task_break(task, ERR_CONFLICT,
			   "the card confirmed the installation, but its registry does not show it");
	} else {
		if ((*flags & NEEDS_LOAD) != 0)
			*flags |= LOADED_BY_US;
		*flags |= CHANGED;
		task->kept.stage = STAGE_ACT;
	}
}

/* The job fails for the reason that is kept; what it brought goes again. */
static void roll_back(struct task *task, const struct registry_entry *file,
		      const struct registry_entry *instance)
{
	const struct order *order = task->order;
	const uint32_t flags = task->kept.flags;
	const enum err kind = task->kept.kind;
	const char *reason = arena_strdup(task->arena, task->kept.reason);

	if (!task_is_good(task, reason == NULL ? ERR_NOMEM : ERR_NONE))
		return;
	if (file == NULL || (flags & LOADED_BY_US) == 0)
		task_fail(task, kind, "%s", reason);
	else if ((flags & DELETE_REFUSED) != 0)
		task_fail(task, kind, "%s; load file %s stays on the card, which refused to delete it",
			  reason, hex_of(task, order->file.aid));
	else if (instance != NULL && is_foreign_instance(order, instance, true))
		task_fail(task, kind, "%s; load file %s stays on the card", reason,
			  hex_of(task, order->file.aid));
	else
		task->kept.stage = STAGE_DELETE;
}

static void advance(struct task *task)
{
	struct order *order = task->order;
	struct registry files, applications;

	if (task->kept.stage != STAGE_LOOK || !look_is_done(task) || task->kept.ending != ENDING_NONE)
		return;
	if (!look_registry(task, order->load_files, &files) ||
	    !look_registry(task, order->applications, &applications))
		return;
	const struct registry_entry *file = registry_entry_find(&files, order->file.aid);
	const struct registry_entry *instance = registry_entry_find(&applications, order->instance);
	task->kept.is_unproven = false;
	if ((task->kept.flags & ROLLING_BACK) != 0)
		roll_back(task, file, instance);
	else
		compare(task, file, instance);
}

/* ---- acting ---- */

static bool has_too_many_blocks(struct task *task, size_t block_size)
{
	const struct order *order = task->order;
	const size_t left = order->file.content.len - task->kept.position;
	const size_t blocks = task->kept.blocks + (left + block_size - 1) / block_size;

	if (blocks <= LOAD_MAX_BLOCKS)
		return false;
	task_break(task, ERR_LIMIT, "the load file needs %zu blocks of %zu bytes, a card takes %d", blocks,
		   block_size, LOAD_MAX_BLOCKS);
	return true;
}

static void plan_load(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	const size_t size = batch_max_data(batch);
	size_t position = task->kept.position;
	size_t number = task->kept.blocks;
	struct command command;
	struct bytes hash = { 0 };
	uint8_t digest[SHA256_SIZE];

	if (has_too_many_blocks(task, size))
		return;
	if ((task->kept.flags & DID_FOR_LOAD) == 0) {
		if (order->file.is_signed && task_is_good(task, sha256(order->file.block, digest)))
			hash = bytes_of(digest, sizeof(digest));
		if (!task_is_good(task, gp_install_for_load(task->arena, order->file.aid, bytes_of(NULL, 0),
							    hash, &order->memory, &command)) ||
		    !batch_add_change(batch, &command, ACT_FOR_LOAD))
			return;
	}
	while (position < order->file.content.len) {
		struct bytes block = bytes_first(bytes_from(order->file.content, position), size);
		position += block.len;
		command = gp_load(block, number++, position == order->file.content.len);
		if (!batch_add_change(batch, &command, ACT_LOAD))
			return;
	}
}

static void plan_act(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	const uint32_t flags = task->kept.flags;
	const struct install_parameters none = { 0 };
	struct command command;

	if ((flags & NEEDS_LOAD) != 0 && task->kept.position < order->file.content.len)
		plan_load(task, batch);
	if (task->kept.ending != ENDING_NONE)
		return;
	if ((flags & NEEDS_INSTALL) != 0) {
		batch_add_change(batch, &order->install, ACT_INSTALL);
	} else if ((flags & NEEDS_SELECT) != 0 &&
		   task_is_good(task, gp_make_selectable(task->arena, order->instance, order->privileges,
							 &none, &command))) {
		batch_add_change(batch, &command, ACT_SELECT);
	}
}

static void plan(struct task *task, struct batch *batch)
{
	const struct order *order = task->order;
	struct command command;

	if (task->kept.stage == STAGE_LOOK)
		look_plan(task, batch);
	else if (task->kept.stage == STAGE_ACT)
		plan_act(task, batch);
	else if (task_is_good(task, gp_delete(task->arena, order->file.aid, true, &command)))
		batch_add_change(batch, &command, ACT_DELETE);
}

static void act_failed(struct task *task, const struct planned *planned, uint16_t sw)
{
	task->kept.flags |= ROLLING_BACK;
	task_note_reason(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain), sw,
			 sw_text(sw));
	go_look(task);
}

static void take_act(struct task *task, const struct planned *planned)
{
	const struct order *order = task->order;
	struct kept *kept = &task->kept;

	switch (planned->what) {
	case ACT_FOR_LOAD:
		kept->flags |= DID_FOR_LOAD;
		break;
	case ACT_LOAD:
		kept->position += (uint32_t)planned->plain.data.len;
		kept->blocks++;
		task_progress(task, kept->position, order->file.content.len);
		break;
	case ACT_INSTALL:
	case ACT_SELECT:
		go_look(task);
		kept->flags |= CONFIRMED;
		break;
	default:
		go_look(task);
		break;
	}
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const uint16_t sw = answer->response.sw;

	if (planned->what < ACT_FOR_LOAD) {
		look_take(task, planned, answer);
		return;
	}
	if (task->kept.stage == STAGE_LOOK)
		return; /* an answer after the failed one: the card refused it all the same */
	if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
		go_look(task);
	} else if (sw_is_success(sw)) {
		take_act(task, planned);
	} else if (planned->what == ACT_DELETE) {
		task->kept.flags |= DELETE_REFUSED;
		go_look(task);
	} else {
		act_failed(task, planned, sw);
	}
}

/* ---- the end ---- */

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report_hex(task, "aidHex", order->file.aid);
	task_report_hex(task, "moduleAidHex", order->module);
	task_report_hex(task, "instanceAidHex", order->instance);
	task_report(task, "alreadyInstalled", json_boolean((task->kept.flags & CHANGED) == 0));
	task_report(task, "loadFileBytes", json_integer((json_int_t)order->file.content.len));
	channel_report(task);
}

const struct operation install_operation = {
	.name = "se.install",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
};
