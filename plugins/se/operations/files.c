/* se.files: files of a card are read, changed, made and deleted, one act after another.
 *
 *   LOOK -> READ what is there -> WRITE -> CHECK what is there now -> the next act
 *
 * Done is what was read back. What was there before is in the result, also of a job that fails. A file that
 * is as wanted is left alone. */
#include "operations/operations.h"

#include <stdarg.h>
#include <stdio.h>

#include "channel/channel.h"
#include "operations/file_acts.h"

#define MAX_ATTEMPTS 3
#define FCP_BYTES    64 /* of an answer to SELECT, at most as they are seen */

enum stage { STAGE_LOOK, STAGE_READ, STAGE_WRITE, STAGE_CHECK_FILE, STAGE_CHECK_CONTENT };
enum what { WHAT_PATH = 100, WHAT_SELECT, WHAT_READ, WHAT_WRITE };
enum slot { SLOT_FILE, SLOT_BEFORE, SLOT_NOW, SLOT_COUNT };

/* Of kept.flags: a bit for each act, then those of the act at work. */
enum { CHANGED = 1 << 0, CONFIRMED = 1 << FILE_MAX_ACTS, ATTEMPT = 1 << (FILE_MAX_ACTS + 1) };

_Static_assert(FILE_MAX_ACTS *SLOT_COUNT <= KEPT_MAX_QUERIES, "an act keeps what it learned");

/* ---- the act at work ---- */

static const struct file_act *act_of(const struct task *task)
{
	const struct file_order *order = task->order;

	return &order->acts[task->kept.position];
}

static struct query_answer *slot(struct task *task, enum slot which)
{
	return &task->kept.queries[task->kept.position * SLOT_COUNT + which];
}

static void forget(struct task *task, enum slot which)
{
	*slot(task, which) = (struct query_answer){ .state = QUERY_PENDING };
}

static bool is_there(struct task *task)
{
	return slot(task, SLOT_FILE)->sw != SW_NOT_FOUND;
}

static bool is_read_if_allowed(const struct file_act *act)
{
	return act->kind == ACT_DELETE || act->kind == ACT_RESIZE;
}

static bool file_of(struct task *task, struct file_parameters *ret_file, struct fault *fault)
{
	const struct query_answer *answer = slot(task, SLOT_FILE);

	return answer->sw != SW_NOT_FOUND && file_parameters_parse(answer->data, ret_file, fault) == ERR_NONE;
}

/* ---- the result ---- */

static void add_hex(struct task *task, json_t *object, const char *name, const struct query_answer *answer)
{
	const char *hex = bytes_to_hex(task->arena, answer->data);

	if (answer->data.len > 0 && hex != NULL)
		json_object_set_new(object, name, json_string(hex));
}

static json_t *act_result(struct task *task, size_t number)
{
	const struct file_order *order = task->order;
	const struct file_act *act = &order->acts[number];
	const struct query_answer *slots = &task->kept.queries[number * SLOT_COUNT];
	json_t *object = json_pack("{s:s, s:s}", "act", act_text(act->kind), "path", act->path_text);
	struct file_parameters file;

	if (act->kind != ACT_READ)
		json_object_set_new(object, "changed",
				    json_boolean((task->kept.flags & CHANGED << number) != 0));
	if (slots[SLOT_FILE].data.len > 0 &&
	    file_parameters_parse(slots[SLOT_FILE].data, &file, NULL) == ERR_NONE) {
		json_object_set_new(object, "structure", json_string(file_structure_text(file.structure)));
		if (file.structure != FILE_DIRECTORY)
			json_object_set_new(object, "sizeBytes", json_integer(file.size));
		if (file.record_size > 0)
			json_object_set_new(object, "recordBytes", json_integer(file.record_size));
		json_object_set_new(object, "active", json_boolean(!file.is_deactivated));
	}
	add_hex(task, object, act->kind == ACT_READ ? "contentHex" : "beforeHex", &slots[SLOT_BEFORE]);
	add_hex(task, object, "contentHex", &slots[SLOT_NOW]);
	return object;
}

/* After each act, so that what was there before is known whatever comes later. */
static void report_files(struct task *task, size_t count)
{
	json_t *files = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(files, act_result(task, i));
	task_report(task, "files", files);
}

__attribute__((format(printf, 3, 4))) static void fail(struct task *task, enum err kind, const char *format,
						       ...)
{
	const struct file_act *act = act_of(task);
	char reason[KEPT_REASON_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	report_files(task, task->kept.position + 1);
	task_break(task, kind, "acts[%u], %s %s: %s", (unsigned)task->kept.position, act_text(act->kind),
		   act->path_text, reason);
}

/* ---- from stage to stage ---- */

static void go(struct task *task, enum stage stage)
{
	task->kept.stage = stage;
	task->kept.blocks = 0;
	if (stage == STAGE_LOOK || stage == STAGE_CHECK_FILE)
		forget(task, SLOT_FILE);
	if (stage == STAGE_READ)
		forget(task, SLOT_BEFORE);
	if (stage == STAGE_CHECK_CONTENT)
		forget(task, SLOT_NOW);
	if (stage == STAGE_WRITE)
		task->kept.flags |= CHANGED << task->kept.position;
}

static void next_act(struct task *task)
{
	const struct file_order *order = task->order;

	task->kept.is_unproven = false;
	task->kept.flags &= CONFIRMED - 1u; /* what is of this act alone goes */
	report_files(task, task->kept.position + 1);
	if (++task->kept.position == order->count)
		task_succeed(task);
	else
		go(task, STAGE_LOOK);
	task_progress(task, task->kept.position, order->count);
}

static void prepare_write(struct task *task)
{
	if (task->kept.flags / ATTEMPT >= MAX_ATTEMPTS) {
		fail(task, ERR_UNAVAILABLE, "it was interrupted %d times", MAX_ATTEMPTS);
		return;
	}
	task->kept.flags += ATTEMPT;
	go(task, STAGE_WRITE);
}

/* It is not as wanted: done now, unless the card says that it was done already. */
static void not_as_wanted(struct task *task)
{
	if ((task->kept.flags & CONFIRMED) != 0)
		fail(task, ERR_CONFLICT, "the card confirmed it, and shows something else");
	else
		prepare_write(task);
}

static bool is_shape_wanted(const struct file_act *act, const struct file_parameters *file)
{
	return file->structure == act->structure && file->size == act->size &&
	       file->record_size == act->record_size;
}

/* Acts on the file itself, which SELECT shows. */
static void compare_file(struct task *task, const struct file_parameters *file)
{
	const struct file_act *act = act_of(task);
	bool is_wanted = false;

	switch (act->kind) {
	case ACT_CREATE:
		if (file != NULL && !is_shape_wanted(act, file)) {
			fail(task, ERR_CONFLICT, "there is a file of another structure or size");
			return;
		}
		is_wanted = file != NULL;
		break;
	case ACT_DELETE:
		is_wanted = file == NULL;
		break;
	case ACT_RESIZE:
		is_wanted = file->size == act->size;
		break;
	default:
		is_wanted = file->is_deactivated == (act->kind == ACT_DEACTIVATE);
		break;
	}
	if (is_wanted)
		next_act(task);
	else if (task->kept.stage == STAGE_LOOK && is_read_if_allowed(act) &&
		 file->structure != FILE_DIRECTORY)
		go(task, STAGE_READ);
	else
		not_as_wanted(task);
}

static void looked(struct task *task)
{
	const struct file_act *act = act_of(task);
	struct file_parameters file;
	struct fault fault = { 0 };
	uint32_t offset, size;
	const bool has_file = file_of(task, &file, &fault);

	if (!has_file && is_there(task)) {
		fail(task, fault.kind, "%s", fault.text);
	} else if (!has_file && act->kind != ACT_CREATE && act->kind != ACT_DELETE) {
		fail(task, ERR_NOT_FOUND, "there is no such file");
	} else if (act->kind != ACT_READ && act->kind != ACT_UPDATE) {
		compare_file(task, has_file ? &file : NULL);
	} else if (act->kind == ACT_READ && file.structure == FILE_DIRECTORY) {
		next_act(task); /* that it is one is all there is to read */
	} else if (file_act_region(act, &file, &offset, &size, &fault) != ERR_NONE) {
		fail(task, fault.kind, "%s", fault.text);
	} else {
		go(task, STAGE_READ);
	}
}

/* What the region of the act should hold after it. */
static struct bytes wanted_content(struct task *task, const struct file_parameters *file)
{
	const struct file_act *act = act_of(task);
	const struct bytes before = slot(task, SLOT_BEFORE)->data;
	struct builder b = builder_in(task->arena);
	struct bytes wanted = act->data;

	if (file->structure != FILE_CYCLIC)
		return wanted;
	build_bytes(&b, act->data);
	build_bytes(&b, bytes_first(before, before.len - act->data.len));
	task_is_good(task, builder_bytes(&b, &wanted));
	return wanted;
}

static void content_was_read(struct task *task, const struct file_parameters *file)
{
	const struct file_act *act = act_of(task);
	const struct bytes before = slot(task, SLOT_BEFORE)->data, now = slot(task, SLOT_NOW)->data;

	if (act->kind == ACT_READ) {
		next_act(task);
	} else if (act->kind != ACT_UPDATE) {
		not_as_wanted(task);
	} else if (task->kept.stage == STAGE_READ) {
		if (file->structure != FILE_CYCLIC && bytes_equal(before, act->data))
			next_act(task);
		else
			prepare_write(task);
	} else if (bytes_equal(now, wanted_content(task, file))) {
		next_act(task);
	} else if (file->structure == FILE_CYCLIC && !bytes_equal(now, before)) {
		fail(task, ERR_CONFLICT, "the file holds what nobody wrote here");
	} else {
		not_as_wanted(task);
	}
}

static size_t write_size(struct task *task)
{
	const struct file_act *act = act_of(task);

	return act->kind == ACT_UPDATE ? act->data.len : 1;
}

static void advance(struct task *task)
{
	const struct file_act *act = act_of(task);
	const enum stage stage = (enum stage)task->kept.stage;
	struct file_parameters file;
	uint32_t offset, size;

	if (task->kept.ending != ENDING_NONE)
		return;
	if (stage == STAGE_LOOK || stage == STAGE_CHECK_FILE) {
		if (slot(task, SLOT_FILE)->state == QUERY_DONE)
			looked(task);
		return;
	}
	if (stage == STAGE_WRITE) {
		if (task->kept.blocks < write_size(task))
			return;
		task->kept.flags |= CONFIRMED;
		go(task, act->kind == ACT_UPDATE ? STAGE_CHECK_CONTENT : STAGE_CHECK_FILE);
		return;
	}
	const struct query_answer *answer = slot(task, stage == STAGE_READ ? SLOT_BEFORE : SLOT_NOW);
	if (!file_of(task, &file, NULL) || file_act_region(act, &file, &offset, &size, NULL) != ERR_NONE)
		return;
	if (answer->state == QUERY_DONE || answer->data.len >= size)
		content_was_read(task, &file);
}

static void lost(struct task *task)
{
	const struct file_act *act = act_of(task);
	const enum stage stage = (enum stage)task->kept.stage;
	const bool was_writing =
		stage == STAGE_WRITE || stage == STAGE_CHECK_FILE || stage == STAGE_CHECK_CONTENT;

	if (stage == STAGE_WRITE)
		task->kept.flags &= ~(unsigned)CONFIRMED;
	if (!was_writing)
		go(task, stage);
	else
		go(task, act->kind == ACT_UPDATE ? STAGE_CHECK_CONTENT : STAGE_CHECK_FILE);
}

/* ---- commands ---- */

/* Nothing is selected between two scripts, or something that somebody else selected. */
static bool plan_selection(struct task *task, struct batch *batch, const struct file_path *path,
			   bool wants_parameters)
{
	const struct file_order *order = task->order;
	struct command command = file_select_application(order->aid);

	if (order->aid.len > 0 && channel_target(task).len == 0 && !batch_add(batch, &command, WHAT_PATH, 0))
		return false;
	return task_is_good(task, file_select(task->arena, path, wants_parameters, &command)) &&
	       batch_add(batch, &command, wants_parameters ? WHAT_SELECT : WHAT_PATH,
			 wants_parameters ? FCP_BYTES : 0);
}

static void plan_read(struct task *task, struct batch *batch, enum slot which)
{
	const struct file_act *act = act_of(task);
	struct file_parameters file;
	uint32_t offset, size, at = (uint32_t)slot(task, which)->data.len;

	if (!file_of(task, &file, NULL) || file_act_region(act, &file, &offset, &size, NULL) != ERR_NONE ||
	    !plan_selection(task, batch, &act->path, false))
		return;
	const size_t most = batch_max_answer(batch);
	while (at < size) {
		const size_t step = file.record_size > 0 ? file.record_size
				    : size - at < most   ? size - at
							 : most;
		const struct command command =
			file.record_size > 0
				? file_read_record((uint8_t)((offset + at) / file.record_size + 1), step)
				: file_read(offset + at, step);
		/* a short answer is one that nobody misses, where only the last one comes back */
		if (!batch_add(batch, &command, WHAT_READ, step > ANSWER_SHORT ? step : ANSWER_SHORT + 1))
			return;
		at += (uint32_t)step;
	}
}

static void plan_update(struct task *task, struct batch *batch)
{
	const struct file_act *act = act_of(task);
	struct file_parameters file;
	size_t at = task->kept.blocks;

	if (!file_of(task, &file, NULL) || !plan_selection(task, batch, &act->path, false))
		return;
	while (at < act->data.len) {
		const size_t room = file.record_size > 0 ? act->data.len : batch_room(batch);
		const struct bytes piece = bytes_first(bytes_from(act->data, at), room);
		const struct command command = file.record_size > 0
						       ? file_update_record(act->record, piece)
						       : file_update(act->offset + (uint32_t)at, piece);
		if (room == 0 || !batch_add_change(batch, &command, WHAT_WRITE))
			return;
		at += piece.len;
	}
}

static enum err build_change(struct task *task, struct command *ret_command)
{
	const struct file_act *act = act_of(task);
	const uint16_t id = file_path_last(&act->path);
	const struct new_file file = { id, act->structure, act->size, act->record_size, act->access };

	switch (act->kind) {
	case ACT_CREATE:
		return file_create(task->arena, &file, ret_command);
	case ACT_DELETE:
		return file_delete(task->arena, id, ret_command);
	case ACT_RESIZE:
		return file_resize(task->arena, id, act->size, ret_command);
	default:
		*ret_command = file_set_active(act->kind == ACT_ACTIVATE);
		return ERR_NONE;
	}
}

/* In the directory, or in the file that it is about. */
static void plan_change(struct task *task, struct batch *batch)
{
	const struct file_act *act = act_of(task);
	const bool is_of_directory =
		act->kind == ACT_CREATE || act->kind == ACT_DELETE || act->kind == ACT_RESIZE;
	const struct file_path path = is_of_directory ? file_path_parent(&act->path) : act->path;
	struct command command;

	if (plan_selection(task, batch, &path, false) && task_is_good(task, build_change(task, &command)))
		batch_add_change(batch, &command, WHAT_WRITE);
}

static void plan(struct task *task, struct batch *batch)
{
	switch ((enum stage)task->kept.stage) {
	case STAGE_LOOK:
	case STAGE_CHECK_FILE:
		plan_selection(task, batch, &act_of(task)->path, true);
		break;
	case STAGE_READ:
		plan_read(task, batch, SLOT_BEFORE);
		break;
	case STAGE_CHECK_CONTENT:
		plan_read(task, batch, SLOT_NOW);
		break;
	case STAGE_WRITE:
		if (act_of(task)->kind == ACT_UPDATE)
			plan_update(task, batch);
		else
			plan_change(task, batch);
		break;
	}
}

/* ---- answers ---- */

static bool is_done(uint16_t sw)
{
	return sw_is_success(sw) || sw >> 8 == 0x62 || sw >> 8 == 0x63 || sw >> 8 == 0x91;
}

static void refused(struct task *task, const struct planned *planned, uint16_t sw)
{
	fail(task, sw_kind(sw), "%s: %04X %s", command_text(task->arena, &planned->plain), sw, sw_text(sw));
}

static void take_read(struct task *task, const struct planned *planned, const struct response *response)
{
	struct query_answer *answer = slot(task, task->kept.stage == STAGE_READ ? SLOT_BEFORE : SLOT_NOW);
	struct builder b = builder_in(task->arena);

	if (!is_done(response->sw) && is_read_if_allowed(act_of(task))) {
		answer->state = QUERY_DONE; /* what may not be read may still be deleted */
		answer->sw = response->sw;
		return;
	}
	if (!is_done(response->sw)) {
		refused(task, planned, response->sw);
		return;
	}
	if (response->data.len == 0) {
		fail(task, ERR_MALFORMED, "%s brings nothing", command_text(task->arena, &planned->plain));
		return;
	}
	build_bytes(&b, answer->data);
	build_bytes(&b, response->data);
	task_is_good(task, builder_bytes(&b, &answer->data));
}

static void take_write(struct task *task, const struct planned *planned, uint16_t sw)
{
	const struct file_act *act = act_of(task);

	if (is_done(sw)) {
		task->kept.blocks += act->kind == ACT_UPDATE ? (uint32_t)planned->plain.data.len : 1;
		return;
	}
	task->kept.is_unproven = false; /* what was done before is known */
	if (task->kept.blocks > 0)
		fail(task, sw_kind(sw), "%s: %04X %s; %u of %zu bytes were written",
		     command_text(task->arena, &planned->plain), sw, sw_text(sw), (unsigned)task->kept.blocks,
		     act->data.len);
	else
		refused(task, planned, sw);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	const struct response *response = &answer->response;
	struct query_answer *file = slot(task, SLOT_FILE);

	if (answer->is_cut) {
		fail(task, ERR_LIMIT, "the answer to %s does not come whole",
		     command_text(task->arena, &planned->plain));
		return;
	}
	switch ((enum what)planned->what) {
	case WHAT_PATH:
		if (!is_done(response->sw))
			refused(task, planned, response->sw);
		break;
	case WHAT_SELECT:
		if (!is_done(response->sw) && response->sw != SW_NOT_FOUND) {
			refused(task, planned, response->sw);
			break;
		}
		file->sw = response->sw;
		file->data = response->data;
		file->state = QUERY_DONE;
		break;
	case WHAT_READ:
		take_read(task, planned, response);
		break;
	case WHAT_WRITE:
		take_write(task, planned, response->sw);
		break;
	}
}

/* ---- the operation ---- */

static enum err prepare(struct task *task, struct fault *fault)
{
	struct file_order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	enum err err = file_order_read(task, order, fault);
	if (err != ERR_NONE)
		return err;
	if (order->aid.len > 0 || task->wanted_protocol == CHOICE_PLAIN)
		task->target = order->aid;
	task->order = order;
	return ERR_NONE;
}

static void finish(struct task *task)
{
	channel_report(task);
}

const struct operation files_operation = {
	.name = "se.files",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = lost,
	.finish = finish,
};
