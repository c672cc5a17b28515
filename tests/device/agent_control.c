/* What is no command of the card: the agent answers for it (TS 102 226, 5.2.1; SERAM 2.0.0) */
#include "agent_script.h"
#include "log.h"

/* ---- a SERAM 2.0.0 session ---- */

static bool is_select(struct bytes command)
{
	return command.len > 5 && command.at[0] == 0x00 && command.at[1] == 0xA4 && command.at[2] == 0x04 &&
	       command.at[3] == 0x00;
}

/* By the call that opens a channel, which has no R-APDU. */
static int64_t select_application(struct agent *agent, int64_t now_ms, struct bytes command)
{
	struct run *run = agent->run;
	const struct bytes aid = bytes_first(bytes_from(command, 5), command.at[4]);
	int64_t next_ms;

	if (!run_may_open(agent, now_ms, aid, &next_ms) ||
	    !run_open_application(agent, now_ms, aid, &next_ms))
		return next_ms;
	run->body->build_answer(&run->answers, run->script.commands[run->next].list, bytes_of(NULL, 0));
	run->answer_bytes += run->body->answer_size(0);
	run->executed++;
	run->next++;
	run_count_lists(run);
	return run->next == run->script.count ? run_finish(agent, SCRIPT_OK, "") : now_ms;
}

int64_t run_transmit_in_session(struct agent *agent, int64_t now_ms, struct bytes command)
{
	if (!agent->is_started)
		return run_finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "the session was not started");
	if (is_select(command))
		return select_application(agent, now_ms, command);
	if (agent->channel == 0)
		return run_finish(agent, SCRIPT_TEMPORARILY_UNAVAILABLE, "no application is selected");
	return run_transmit(agent, now_ms, command);
}

/* ---- what is not an APDU never reaches the card: the agent answers for it ---- */

static int64_t go_on(struct agent *agent, int64_t now_ms)
{
	return agent->run->next == agent->run->script.count ? run_finish(agent, SCRIPT_OK, "") : now_ms;
}

static int64_t refuse_action(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)now_ms, (void)value;
	agent->run->end = SCRIPT_END_NO_SUSPENSION;
	return run_finish(agent, SCRIPT_OK, "immediate actions are not supported");
}

static int64_t set_error_action(struct agent *agent, int64_t now_ms, struct bytes value)
{
	agent->run->on_error = value.len == 0 ? GO_ON : STOP;
	return go_on(agent, now_ms);
}

/* A chain lives as long as its channel; over a reset of the card the agent cannot keep it. */
static int64_t chain_script(struct agent *agent, int64_t now_ms, struct bytes value)
{
	struct run *run = agent->run;
	const bool is_first = value.at[0] == CHAIN_FIRST;

	if (value.at[0] == CHAIN_FIRST_KEPT) {
		run->end = SCRIPT_END_NO_CHAINING;
		return run_finish(agent, SCRIPT_OK, "no chain is kept over a reset of the card");
	}
	if (!is_first && !(agent->is_chained && run->is_continued)) {
		run->end = SCRIPT_END_NO_PREVIOUS;
		return run_finish(agent, SCRIPT_OK, "there is no script to continue");
	}
	agent->is_chained = value.at[0] != CHAIN_LAST;
	return go_on(agent, now_ms);
}

static int64_t start_session(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)value;
	agent_close_channel(agent);
	agent->is_started = true;
	return go_on(agent, now_ms);
}

static int64_t notify_application(struct agent *agent, int64_t now_ms, struct bytes value)
{
	log_info("agent.notification", "text=%.*s", (int)value.len, (const char *)value.at);
	return go_on(agent, now_ms);
}

static int64_t stop_session(struct agent *agent, int64_t now_ms, struct bytes value)
{
	(void)now_ms, (void)value;
	agent_close_channel(agent);
	agent->is_started = false;
	agent->run->is_stopped = true;
	return run_finish(agent, SCRIPT_OK, "");
}

int64_t run_obey(struct agent *agent, int64_t now_ms, const struct script_command *command)
{
	static const struct {
		enum script_tag tag;
		int64_t (*obey)(struct agent *agent, int64_t now_ms, struct bytes value);
	} rows[] = {
		{ SCRIPT_IMMEDIATE_ACTION, refuse_action },  { SCRIPT_ERROR_ACTION, set_error_action },
		{ SCRIPT_CHAINING, chain_script },           { SCRIPT_START, start_session },
		{ SCRIPT_NOTIFICATION, notify_application }, { SCRIPT_STOP, stop_session },
	};
	size_t row = 0;

	while (rows[row].tag != command->tag)
		row++;
	agent->run->executed++;
	agent->run->next++;
	return rows[row].obey(agent, now_ms, command->value);
}
