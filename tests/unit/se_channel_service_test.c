/* The service "se.channel/1": another plugin's commands under the secure channel, inside its own job, with
 * everything that may break on the way. */
#include <cardea/se_channel.h>

#include "se_lab.h"

#include <stdio.h>
#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

#define PACKAGE "D07002CA44900101"
#define APPLET  "D07002CA4490010101"

#define GET_APPLICATIONS                                                                                     \
	"80F2400211"                                                                                         \
	"4F09" APPLET "5C049F70C5CC"                                                                         \
	"00"
#define LOCK   "80F0408009" APPLET
#define UNLOCK "80F0400009" APPLET
#define LOCK_ABSENT                                                                                          \
	"80F0408009"                                                                                         \
	"D07002CA4490010999"
#define SET_STATUS 0xF0

/* ---- the other plugin: two orders, one after another, and a byte of its own state before the service's ----
 */

struct caller {
	struct lab *lab;
	struct se_channel_order orders[2];
	size_t order_count;
	enum cardea_result results[2];
	char text[2][80]; /* "9000;6A88;" */
	size_t answer_bytes[2];
	struct fault fault;
};

static void note(struct caller *caller, size_t i, const struct se_channel_progress *progress)
{
	size_t len = 0;

	caller->results[i] = progress->result;
	caller->fault = progress->fault;
	caller->text[i][0] = '\0';
	caller->answer_bytes[i] = 0;
	for (size_t n = 0; n < progress->answer_count; n++) {
		len += (size_t)snprintf(caller->text[i] + len, sizeof(caller->text[i]) - len, "%04X;",
					progress->answers[n].sw);
		caller->answer_bytes[i] += progress->answers[n].data.len;
	}
}

static enum cardea_result go_on(struct caller *caller, const struct cardea_step *step, cardea_out *out,
				size_t i, struct bytes inner)
{
	const struct se_channel *channel = caller->lab->job.service_table;
	struct se_channel_progress progress;
	struct builder b = builder_in(step->arena);
	struct bytes state;

	assert_int_equal(channel->step(channel, &caller->orders[i], step, out, inner, &progress), ERR_NONE);
	if (progress.result != CARDEA_NEXT) {
		note(caller, i, &progress);
		if (progress.result == CARDEA_DONE && i + 1 < caller->order_count)
			return go_on(caller, step, out, i + 1, bytes_of(NULL, 0));
		return progress.result;
	}
	build_u8(&b, (uint8_t)i);
	build_bytes(&b, progress.state);
	assert_int_equal(builder_bytes(&b, &state), ERR_NONE);
	assert_int_equal(bytes_copy(caller->lab->job.arena, state, &caller->lab->job.state), ERR_NONE);
	return CARDEA_NEXT;
}

static enum cardea_result caller_step(void *self, const struct cardea_step *step, cardea_out *out)
{
	struct caller *caller = (struct caller *)(uintptr_t)step->context;

	return step->state.len == 0 ? go_on(caller, step, out, 0, bytes_of(NULL, 0))
				    : go_on(caller, step, out, step->state.at[0], bytes_from(step->state, 1));
}

/* ---- the lab ---- */

static void open_lab(struct lab *lab)
{
	const struct card_settings settings = card_settings_default();
	struct bytes file;

	lab_open(lab, &settings);
	const struct cap_order order = { .package_aid = lab_hex(lab, PACKAGE),
					 .applets = { lab_hex(lab, APPLET) },
					 .applet_count = 1,
					 .major = 1,
					 .code_bytes = 300 };
	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	lab_run(lab, "se.install", "{\"package\":\"1\"}", file);
	assert_int_equal(lab->job.result, CARDEA_DONE);
	lab->agent.commands = 0;
}

static struct se_channel_order order_of(struct lab *lab, const char *const *hex, size_t count)
{
	struct se_channel_command *commands = arena_alloc_array(lab->job.arena, count, sizeof(*commands));

	for (size_t i = 0; i < count; i++)
		commands[i] = (struct se_channel_command){ .apdu = lab_hex(lab, hex[i]),
							   .changes = strncmp(hex[i], "80F0", 4) == 0 };
	return (struct se_channel_order){ "{}", commands, count };
}

static void run(struct lab *lab, struct caller *caller)
{
	const struct cardea_operation operation = { .name = "other.work",
						    .step = caller_step,
						    .context = caller };

	caller->lab = lab;
	lab->job.operation = &operation;
	lab_run(lab, "other.work", "{\"own\":true}", bytes_of(NULL, 0));
	lab->job.operation = NULL;
}

static uint8_t state_of(struct lab *lab)
{
	struct card_object object;

	assert_true(card_find(lab->agent.card, lab_hex(lab, APPLET), &object));
	return object.life_cycle;
}

/* ---- claims ---- */

static void commands_are_carried_and_their_answers_come_back(void **state)
{
	static const char *const first[] = { GET_APPLICATIONS, LOCK, GET_APPLICATIONS };
	static const char *const second[] = { UNLOCK };
	struct caller caller = { .order_count = 2 };
	struct lab lab;

	open_lab(&lab);
	assert_string_equal(lab.job.service, CARDEA_SE_CHANNEL);
	caller.orders[0] = order_of(&lab, first, 3);
	caller.orders[1] = order_of(&lab, second, 1);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_DONE);
	assert_string_equal(caller.text[0], "9000;9000;9000;");
	assert_int_equal(caller.results[1], CARDEA_DONE);
	assert_string_equal(caller.text[1], "9000;");
	assert_int_equal(state_of(&lab), 0x07);
	assert_int_equal(json_object_size(lab.job.reported), 0);
	lab_close(&lab);
}

static void the_first_refusal_is_the_last_answer(void **state)
{
	static const char *const hex[] = { GET_APPLICATIONS, LOCK_ABSENT, LOCK };
	struct caller caller = { .order_count = 1 };
	struct lab lab;

	open_lab(&lab);
	caller.orders[0] = order_of(&lab, hex, 3);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_DONE);
	assert_string_equal(caller.text[0], "9000;6A88;");
	assert_int_equal(state_of(&lab), 0x07);
	lab_close(&lab);
}

static void what_cannot_be_carried_fails_with_the_reason(void **state)
{
	static const char *const bad[] = { GET_APPLICATIONS, "80F2" };
	static const char *const select[] = { "00A4040000" };
	struct caller caller = { .order_count = 1 };
	struct lab lab;

	open_lab(&lab);
	caller.orders[0] = order_of(&lab, bad, 2);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_FAILED);
	assert_non_null(strstr(caller.fault.text, "command 2"));
	caller.orders[0] = order_of(&lab, select, 1);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_FAILED);
	assert_non_null(strstr(caller.fault.text, "selects"));
	lab.job.keyset_count = 0;
	caller.orders[0] = order_of(&lab, bad, 1);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_FAILED);
	assert_int_equal(caller.fault.kind, ERR_NOT_FOUND);
	lab_close(&lab);
}

static void a_break_never_repeats_a_change(void **state)
{
	static const char *const hex[] = { GET_APPLICATIONS, LOCK, GET_APPLICATIONS };

	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct caller caller = { .order_count = 1 };
			struct lab lab;
			open_lab(&lab);
			caller.orders[0] = order_of(&lab, hex, 3);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run(&lab, &caller);
			requests = lab.job.requests;
			assert_true(agent_count(&lab.agent, SET_STATUS) <= 1);
			if (caller.results[0] == CARDEA_DONE) {
				assert_string_equal(caller.text[0], "9000;9000;9000;");
				assert_int_equal(state_of(&lab), 0x87);
			}
			if (caller.results[0] == CARDEA_FAILED && strlen(caller.text[0]) < 10)
				assert_int_equal(state_of(&lab), 0x07);
			lab_close(&lab);
		}
	}
}

static void what_changes_nothing_begins_again_after_any_break(void **state)
{
	static const char *const hex[] = { GET_APPLICATIONS, GET_APPLICATIONS };

	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct caller caller = { .order_count = 1 };
			struct lab lab;
			open_lab(&lab);
			caller.orders[0] = order_of(&lab, hex, 2);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			run(&lab, &caller);
			requests = lab.job.requests;
			assert_int_equal(caller.results[0], CARDEA_DONE);
			assert_string_equal(caller.text[0], "9000;9000;");
			lab_close(&lab);
		}
	}
}

/* ---- R-MAC sessions of the caller's own ---- */

#define GET_IIN "80CA004200" /* six bytes */

static const char *const rmac_session[] = { "807A10010403AABBCC", GET_IIN, GET_IIN, "8078000300", GET_IIN };

static struct se_channel_order rmac_order(struct lab *lab)
{
	struct se_channel_order order = order_of(lab, rmac_session, 5);

	order.params = "{\"protocol\":\"scp03\",\"securityLevel\":\"c-mac\"}";
	return order;
}

static void an_rmac_session_is_followed_from_script_to_script(void **state)
{
	static const uint32_t sizes[] = { 4096, 64 };
	uint32_t scripts[2];

	for (size_t i = 0; i < 2; i++) {
		struct caller caller = { .order_count = 1 };
		struct lab lab;
		open_lab(&lab);
		lab.agent.max_request = sizes[i];
		lab.agent.scripts = 0;
		caller.orders[0] = rmac_order(&lab);
		run(&lab, &caller);
		assert_int_equal(caller.results[0], CARDEA_DONE);
		assert_string_equal(caller.text[0], "9000;9000;9000;9000;9000;");
		assert_int_equal(caller.answer_bytes[0], 3 * 6);
		scripts[i] = lab.agent.scripts;
		lab_close(&lab);
	}
	assert_true(scripts[1] > scripts[0]);
}

static void a_wrong_rmac_in_an_rmac_session_ends_the_job(void **state)
{
	struct caller caller = { .order_count = 1 };
	struct lab lab;

	open_lab(&lab);
	card_misbehave(lab.agent.card, &(struct card_misbehaviour){ .corrupts_response_mac = true });
	caller.orders[0] = rmac_order(&lab);
	run(&lab, &caller);
	assert_int_equal(caller.results[0], CARDEA_FAILED);
	assert_int_equal(caller.fault.kind, ERR_DENIED);
	assert_non_null(strstr(caller.fault.text, "R-MAC of the answer 9000 does not verify"));
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_carried_and_their_answers_come_back),
		cmocka_unit_test(the_first_refusal_is_the_last_answer),
		cmocka_unit_test(what_cannot_be_carried_fails_with_the_reason),
		cmocka_unit_test(a_break_never_repeats_a_change),
		cmocka_unit_test(what_changes_nothing_begins_again_after_any_break),
		cmocka_unit_test(an_rmac_session_is_followed_from_script_to_script),
		cmocka_unit_test(a_wrong_rmac_in_an_rmac_session_ends_the_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
