/* Which application a script is for, and the channel to it (SERAM 1.0.1, X-Admin-Targeted-Application) */
#include <stdio.h>
#include <string.h>

#include "agent_script.h"
#include "channel.h"

bool target_parse(struct bytes target, uint8_t ret_aid[CARD_AID_MAX], size_t *ret_len)
{
	static const char prefix[] = "//aid/";
	struct reader r = reader_of(target);
	size_t digits = 0;
	char hex[2 * CARD_AID_MAX + 1];
	struct arena *arena;
	struct bytes aid;
	bool is_aid = false;

	if (!bytes_equal_text(read_bytes(&r, strlen(prefix)), prefix))
		return false;
	while (reader_left(&r) > 0) {
		char digit = (char)read_u8(&r);
		if (digit == '/' && digits == 10) /* between RID and PIX */
			continue;
		if (digits == sizeof(hex) - 1)
			return false;
		hex[digits++] = digit;
	}
	hex[digits] = '\0';
	arena = arena_create(256);
	if (arena != NULL && digits >= 10 && bytes_from_hex(arena, hex, &aid) == ERR_NONE) {
		memcpy(ret_aid, aid.at, aid.len);
		*ret_len = aid.len;
		is_aid = true;
	}
	arena_free(arena);
	return is_aid;
}

void target_print(struct bytes aid, char ret_target[static AGENT_TARGET_MAX])
{
	int len = snprintf(ret_target, AGENT_TARGET_MAX, "//aid/");

	for (size_t i = 0; i < aid.len && i < CARD_AID_MAX; i++)
		len += snprintf(ret_target + len, AGENT_TARGET_MAX - (size_t)len, i == 5 ? "/%02X" : "%02X",
				aid.at[i]);
}

/* The beginnings in settings.allowed_aids, as hexadecimal. */
static bool is_allowed(const struct agent *agent, struct bytes aid, struct arena *arena)
{
	const char *list = agent->settings.allowed_aids;
	const char *hex = bytes_to_hex(arena, aid);

	if (list == NULL || *list == '\0')
		return true;
	for (const char *at = list; hex != NULL && *at != '\0';) {
		size_t len = strcspn(at, ",");
		if (len > 0 && strncasecmp(at, hex, len) == 0)
			return true;
		at += len;
		at += strspn(at, ",");
	}
	return false;
}

int64_t run_retry(struct agent *agent, int64_t now_ms, enum script_status status, const char *reason)
{
	struct run *run = agent->run;

	if (run->tries >= agent->record.retry_count)
		return run_finish(agent, status, reason);
	run->tries++;
	run->due_ms = now_ms + (int64_t)agent->record.retry_delay_s * 1000;
	return run->due_ms;
}

static int64_t open_refused(struct agent *agent, int64_t now_ms, uint16_t status)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "the card refused channel or selection with %04X", status);
	if (status == 0x6A82)
		return run_finish(agent, SCRIPT_UNKNOWN_APPLICATION, reason);
	return run_retry(agent, now_ms, SCRIPT_TEMPORARILY_UNAVAILABLE, reason);
}

/* Whether the application may be reached. False: `ret_next_ms` says when to go on, or that the script has
 * ended. */
bool run_may_open(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms)
{
	if (!is_allowed(agent, aid, agent->run->step_arena))
		*ret_next_ms = run_finish(agent, SCRIPT_SECURITY_ERROR,
					  "the application is not on the list of allowed ones");
	else if (agent->settings.se_state != SE_PRESENT)
		*ret_next_ms = run_retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE,
					 "the secure element cannot be reached");
	else
		return true;
	return false;
}

/* A channel with the application selected, in place of the one that is open. False as above. */
bool run_open_application(struct agent *agent, int64_t now_ms, struct bytes aid, int64_t *ret_next_ms)
{
	uint16_t status = 0;
	enum err err;

	agent_close_channel(agent);
	err = channel_open(agent->se, agent->run->step_arena, aid, &agent->channel, &status);
	if (err != ERR_NONE && se_reset(agent->se) != ERR_NONE) {
		*ret_next_ms = run_finish(agent, SCRIPT_UNAVAILABLE_SE, "the secure element does not start");
		return false;
	}
	if (err != ERR_NONE) {
		*ret_next_ms =
			run_retry(agent, now_ms, SCRIPT_UNAVAILABLE_SE, "the secure element does not answer");
		return false;
	}
	if (agent->channel == 0) {
		*ret_next_ms = open_refused(agent, now_ms, status);
		return false;
	}
	target_print(aid, agent->channel_target);
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
	return true;
}

/* Commands to the card itself, as a terminal gives them: an agent that has a list of applications lets nobody
 * do that. */
static int64_t open_basic_channel(struct agent *agent, int64_t now_ms)
{
	int64_t next_ms = now_ms;

	if (!run_may_open(agent, now_ms, bytes_of(NULL, 0), &next_ms))
		return next_ms;
	agent->run->is_connected = true;
	if (agent_has_channel(agent) && strcmp(agent->channel_target, BASIC_CHANNEL) == 0) {
		agent->run->is_continued = true;
		return now_ms;
	}
	agent_close_channel(agent);
	memcpy(agent->channel_target, BASIC_CHANNEL, sizeof(BASIC_CHANNEL));
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
	return now_ms;
}

/* A channel with the target selected, the one that is still open if it has the same target. */
int64_t run_open_target(struct agent *agent, int64_t now_ms)
{
	struct run *run = agent->run;
	uint8_t aid[CARD_AID_MAX];
	char target[AGENT_TARGET_MAX];
	size_t aid_len;
	int64_t next_ms = now_ms;

	if (strcmp(agent->record.target, BASIC_CHANNEL) == 0)
		return open_basic_channel(agent, now_ms);
	if (!target_parse(bytes_of_text(agent->record.target), aid, &aid_len))
		return run_finish(agent, SCRIPT_UNKNOWN_APPLICATION, "no application is targeted");
	if (!run_may_open(agent, now_ms, bytes_of(aid, aid_len), &next_ms))
		return next_ms;
	target_print(bytes_of(aid, aid_len), target);
	run->is_continued = agent->channel != 0 && strcmp(agent->channel_target, target) == 0;
	if (!run->is_continued && !run_open_application(agent, now_ms, bytes_of(aid, aid_len), &next_ms))
		return next_ms;
	run->is_connected = true;
	return now_ms;
}

void agent_close_channel(struct agent *agent)
{
	struct arena *arena;

	if (!agent_has_channel(agent))
		return;
	arena = arena_create(4096);
	if (arena != NULL && agent->channel != 0)
		channel_close(agent->se, arena, agent->channel);
	arena_free(arena);
	agent->channel = 0;
	agent->is_chained = false;
	agent->channel_target[0] = '\0';
	agent->settings.changed(agent->settings.arg, AGENT_CHANNEL);
}
