/* GPCS 2.3.1, 11.4: GET STATUS and its pages */
#include "operations/look.h"

static const uint8_t application_tags[] = { 0x4F, 0x9F, 0x70, 0xC5, 0xC4, 0xCC, 0xCF };
static const uint8_t load_file_tags[] = { 0x4F, 0x9F, 0x70, 0xCE, 0xCC };
static const uint8_t module_tags[] = { 0x4F, 0x9F, 0x70, 0xCE, 0xCC, 0x84 };

const struct bytes look_application_tags = { application_tags, sizeof(application_tags) };
const struct bytes look_load_file_tags = { load_file_tags, sizeof(load_file_tags) };
const struct bytes look_module_tags = { module_tags, sizeof(module_tags) };

static unsigned add(struct task *task, struct query query)
{
	if (task->query_count == KEPT_MAX_QUERIES) {
		task_is_good(task, ERR_LIMIT);
		return 0;
	}
	task->queries[task->query_count] = query;
	return (unsigned)task->query_count++;
}

unsigned look_ask_data(struct task *task, uint16_t tag)
{
	return add(task, (struct query){ .tag = tag });
}

unsigned look_ask_memory(struct task *task)
{
	return look_ask_data(task, 0xFF21);
}

unsigned look_ask_status(struct task *task, enum status_scope scope, struct bytes aid, struct bytes tags)
{
	return add(task, (struct query){ .scope = scope, .aid = aid, .tags = tags });
}

void look_again(struct task *task)
{
	for (unsigned i = 0; i < KEPT_MAX_QUERIES; i++) {
		struct query_answer *answer = &task->kept.queries[i];
		*answer = (struct query_answer){ .is_without_tags = answer->is_without_tags };
	}
	task->kept.is_look_old = false;
}

static bool is_more(uint16_t sw)
{
	return sw == SW_MORE || sw == SW_MORE_PRIVATE;
}

static bool has_answer(uint16_t sw)
{
	return sw_is_success(sw) || sw == SW_NO_SUCH_DATA;
}

/* A fall-back is needed once the query before it was refused. */
static bool is_needed(const struct task *task, unsigned i)
{
	const struct query_answer *before = i == 0 ? NULL : &task->kept.queries[i - 1];

	return !task->queries[i].is_fallback || before == NULL ||
	       (before->state == QUERY_DONE && !has_answer(before->sw));
}

/* The next query to be asked in one of two states; query_count when there is none. */
static unsigned find(const struct task *task, enum query_state state)
{
	unsigned i = 0;

	while (i < task->query_count && (task->kept.queries[i].state != state || !is_needed(task, i)))
		i++;
	return i;
}

bool look_is_done(const struct task *task)
{
	return find(task, QUERY_PENDING) == task->query_count &&
	       find(task, QUERY_ALONE) == task->query_count && find(task, QUERY_MORE) == task->query_count;
}

/* How long answers usually are; any may be longer. */
static size_t usual_bytes(const struct query *query)
{
	static const struct {
		uint16_t tag;
		uint16_t bytes;
	} rows[] = {
		{ 0x0042, 20 }, { 0x0045, 20 }, { 0x0066, 112 }, { 0x0067, 64 },
		{ 0x00C1, 8 },  { 0x00E0, 80 }, { 0x9F7F, 45 },  { 0xFF21, 24 },
	};
	const size_t one_entry = 80;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && query->tag != 0; i++) {
		if (rows[i].tag == query->tag)
			return rows[i].bytes;
	}
	/* of the registry: the one with that name, the one issuer, or as much as fits */
	return query->tag == 0 && (query->aid.len > 0 || query->scope == SCOPE_ISSUER_DOMAIN) ? one_entry
											      : ANSWER_LONG;
}

static bool add_query(struct task *task, struct batch *batch, unsigned i, bool is_next)
{
	const struct query *query = &task->queries[i];
	const struct query_answer *answer = &task->kept.queries[i];
	const bool is_long = answer->state == QUERY_ALONE || answer->state == QUERY_MORE;
	struct command command = gp_get_data(query->tag);

	command.data = query->criterion;
	if (query->tag == 0 &&
	    !task_is_good(task,
			  gp_get_status(task->arena, query->scope, is_next, query->aid,
					answer->is_without_tags ? bytes_of(NULL, 0) : query->tags, &command)))
		return false;
	return batch_add(batch, &command, i, is_long ? ANSWER_LONG : usual_bytes(query));
}

/* A page must follow the one before it directly, and a list of which we know that it has pages ends its
 * script. */
void look_plan(struct task *task, struct batch *batch)
{
	unsigned more = find(task, QUERY_MORE);

	if (more < task->query_count) {
		add_query(task, batch, more, true);
		return;
	}
	for (unsigned i = 0; i < task->query_count; i++) {
		if (task->kept.queries[i].state == QUERY_PENDING && is_needed(task, i) &&
		    !add_query(task, batch, i, false))
			return;
	}
	if (find(task, QUERY_ALONE) < task->query_count)
		add_query(task, batch, find(task, QUERY_ALONE), false);
}

void look_plan_after(struct task *task, struct batch *batch)
{
	for (unsigned i = 0; i < task->query_count; i++) {
		if (!task->queries[i].is_fallback && !add_query(task, batch, i, false))
			return;
	}
}

static void add_page(struct task *task, struct query_answer *answer, struct bytes page)
{
	struct builder b = builder_in(task->arena);
	size_t total = page.len;

	for (unsigned i = 0; i < task->query_count; i++)
		total += task->kept.queries[i].data.len;
	if (total > KEPT_MAX_ANSWERS) {
		task_break(task, ERR_LIMIT, "the card tells more than %u bytes about itself",
			   KEPT_MAX_ANSWERS);
		return;
	}
	build_bytes(&b, answer->data);
	build_bytes(&b, page);
	task_is_good(task, builder_bytes(&b, &answer->data));
}

static void take_cut(struct task *task, struct query_answer *answer)
{
	if (answer->state == QUERY_PENDING)
		answer->state = QUERY_ALONE;
	else
		task_break(task, ERR_LIMIT,
			   "an answer of the card does not come whole; the agent has a Max Response Size of "
			   "%u bytes",
			   task->kept.max_response_bytes);
}

void look_take(struct task *task, const struct planned *planned, const struct card_answer *card_answer)
{
	const struct query *query = &task->queries[planned->what];
	struct query_answer *answer = &task->kept.queries[planned->what];
	const struct response *response = &card_answer->response;

	if (card_answer->is_cut) {
		take_cut(task, answer);
		return;
	}
	if (is_more(response->sw) && !planned->is_last) {
		answer->state = QUERY_ALONE; /* something else came after it: from its first page again */
		return;
	}
	if (response->sw == SW_WRONG_DATA && query->tags.len > 0 && !answer->is_without_tags) {
		*answer = (struct query_answer){ .is_without_tags = true };
		return;
	}
	answer->sw = response->sw;
	answer->state = is_more(response->sw) ? QUERY_MORE : QUERY_DONE;
	if (is_more(response->sw) || sw_is_success(response->sw))
		add_page(task, answer, response->data);
}

bool look_registry(struct task *task, unsigned query, struct registry *ret_registry)
{
	const struct query_answer *answer = &task->kept.queries[query];
	struct fault fault = { 0 };

	if (!has_answer(answer->sw)) {
		task_break(task, sw_kind(answer->sw), "GET STATUS: %04X %s", answer->sw, sw_text(answer->sw));
		return false;
	}
	enum err err = registry_parse(answer->data, task->arena, ret_registry, &fault);
	if (err == ERR_NOMEM)
		task_is_good(task, err);
	else if (err != ERR_NONE)
		task_break(task, err, "GET STATUS: %s", fault.text);
	return err == ERR_NONE;
}

bool look_key_information(struct task *task, unsigned query, struct key_information *ret_keys)
{
	const struct query_answer *answer = &task->kept.queries[query];
	struct fault fault = { 0 };

	if (!sw_is_success(answer->sw)) {
		task_break(task, sw_kind(answer->sw), "GET DATA 00E0: %04X %s", answer->sw,
			   sw_text(answer->sw));
		return false;
	}
	enum err err = key_information_parse(answer->data, task->arena, ret_keys, &fault);
	if (err == ERR_NOMEM)
		task_is_good(task, err);
	else if (err != ERR_NONE)
		task_break(task, err, "GET DATA 00E0: %s", fault.text);
	return err == ERR_NONE;
}
