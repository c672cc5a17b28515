#include "se_lab.h"

#include <string.h>

#include "../e2e/cap_file.h"
#include "se_test.h"

/* ---- the device ---- */

static struct cardea_step answer(void *self, const struct cardea_request *request)
{
	struct lab *lab = self;
	struct cardea_step step = { .code = 0x45 };

	switch (request->operation) {
	case LWM2M_READ:
		step.records = agent_read(&lab->agent, lab->job.step_arena);
		break;
	case LWM2M_OBSERVE:
		step.records = agent_read(&lab->agent, lab->job.step_arena);
		lab->is_observing = true;
		lab->told_state = lab->agent.agent_state;
		break;
	case LWM2M_WRITE_PARTIAL:
		step.code = agent_write(&lab->agent, request->records);
		break;
	case LWM2M_EXECUTE:
		step.code = agent_execute(&lab->agent, request->path.resource, request->arguments);
		break;
	default:
		fail_msg("operation %d", request->operation);
	}
	return step;
}

static bool wait_for_agent(void *self, struct cardea_step *ret_notification)
{
	struct lab *lab = self;

	agent_finish(&lab->agent);
	if (lab->wishes_at_wait > 0 && --lab->wishes_at_wait == 0)
		lab->agent.agent_state = 1;
	if (!lab->is_observing || lab->loses_notifications || lab->told_state == lab->agent.agent_state)
		return false;
	lab->told_state = lab->agent.agent_state;
	ret_notification->path = LWM2M_RESOURCE(30401, 0, 15);
	ret_notification->records = agent_read(&lab->agent, lab->job.step_arena);
	return true;
}

static void lose_observations(void *self)
{
	struct lab *lab = self;

	lab->is_observing = false;
}

static void reboot(void *self)
{
	struct lab *lab = self;

	agent_reboot(&lab->agent);
}

/* ---- the lab ---- */

enum cardea_result lab_run(struct lab *lab, const char *operation, const char *params, struct bytes package)
{
	return job_lab_run(&lab->job, operation, params, package);
}

void lab_open(struct lab *lab, const struct card_settings *settings)
{
	const struct lab_device device = { lab, answer, wait_for_agent, lose_observations, reboot };
	struct fault fault = { 0 };

	*lab = (struct lab){
		.agent = { .arena = arena_create(0),
			   .max_request = 1024,
			   .max_response = 2048,
			   .identifier = "//se-id/CUD/0123456789ABCDEF",
			   .protocol = "globalplatform-remote-admin/1.1.1",
			   .has_channel_resource = true,
			   .has_stop_on_error = true,
			   .report_required = true,
			   .stop_on_error = true },
	};
	job_lab_open(&lab->job, device);
	assert_int_equal(card_open(NULL, settings, &lab->agent.card, &fault), ERR_NONE);
	lab_add_keys(lab, 0x30, "404142434445464748494A4B4C4D4E4F", "404142434445464748494A4B4C4D4E4F",
		     "404142434445464748494A4B4C4D4E4F");
}

void lab_close(struct lab *lab)
{
	card_close(lab->agent.card);
	arena_free(lab->agent.arena);
	job_lab_close(&lab->job);
}

struct bytes lab_hex(struct lab *lab, const char *hex)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(lab->job.arena, hex, &bytes), ERR_NONE);
	return bytes;
}

static struct key lab_key(struct lab *lab, const char *hex)
{
	struct secret secret = { .len = 0 };

	assert_int_equal(secret_from(lab_hex(lab, hex), &secret), ERR_NONE);
	return key_of(&secret);
}

void lab_add_keys(struct lab *lab, uint8_t version, const char *enc_hex, const char *mac_hex,
		  const char *dek_hex)
{
	lab_add_keys_of(lab, "scp03", version, enc_hex, mac_hex, dek_hex);
}

void lab_add_keys_of(struct lab *lab, const char *kind, uint8_t version, const char *enc_hex,
		     const char *mac_hex, const char *dek_hex)
{
	struct cardea_keyset *keyset = &lab->job.keysets[lab->job.keyset_count].keyset;

	lab->job.keysets[lab->job.keyset_count++].kind = kind;
	keyset->version = version;
	keyset->enc = lab_key(lab, enc_hex);
	keyset->mac = lab_key(lab, mac_hex);
	keyset->dek = lab_key(lab, dek_hex);
}

bool lab_has(struct lab *lab, const char *aid_hex)
{
	return card_find(lab->agent.card, lab_hex(lab, aid_hex), NULL);
}

void lab_do(struct lab *lab, const char *operation, const char *params)
{
	lab_run(lab, operation, params, bytes_of(NULL, 0));
}

void lab_assert_done(const struct lab *lab)
{
	if (lab->job.result != CARDEA_DONE)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

void lab_assert_failed(const struct lab *lab, enum err kind, const char *words)
{
	if (lab->job.result != CARDEA_FAILED || lab->job.kind != kind ||
	    strstr(lab->job.reason, words) == NULL)
		fail_msg("result %d, %s: %s", lab->job.result, err_name(lab->job.kind), lab->job.reason);
}

bool lab_flag(const struct lab *lab, const char *name)
{
	const json_t *value = json_object_get(lab->job.reported, name);

	assert_true(json_is_boolean(value));
	return json_is_true(value);
}

void lab_break_everywhere(void (*open)(struct lab *lab), void (*job)(struct lab *lab),
			  void (*check)(struct lab *lab))
{
	for (enum lab_break kind = LOSE_REQUEST; kind <= REBOOT_AFTER; kind++) {
		unsigned requests = 1;
		for (unsigned at = 1; at <= requests; at++) {
			struct lab lab;
			open(&lab);
			lab.job.break_kind = kind;
			lab.job.break_at = at;
			job(&lab);
			requests = lab.job.requests;
			lab.job.break_kind = BREAK_NEVER;
			check(&lab);
			lab_close(&lab);
		}
	}
}

void lab_cut_everywhere(void (*open)(struct lab *lab), void (*job)(struct lab *lab),
			void (*check)(struct lab *lab))
{
	unsigned commands = 1;

	for (unsigned cut = 1; cut <= commands; cut++) {
		struct lab lab;
		open(&lab);
		lab.agent.commands = 0;
		lab.agent.cut_after = cut;
		job(&lab);
		commands = lab.agent.commands;
		lab.agent.cut_after = 0;
		check(&lab);
		lab_close(&lab);
	}
}

struct bytes lab_package(struct lab *lab, const char *aid_hex, size_t applet_count, size_t code_bytes)
{
	struct cap_order order = { .package_aid = lab_hex(lab, aid_hex),
				   .applet_count = applet_count,
				   .major = 1,
				   .code_bytes = code_bytes };
	struct bytes file;

	for (size_t i = 0; i < applet_count; i++)
		order.applets[i] = lab_hex(lab, arena_printf(lab->job.arena, "%s%02zX", aid_hex, i + 1));
	assert_int_equal(cap_build_zip(lab->job.arena, &order, &file), ERR_NONE);
	return file;
}

struct card_object lab_object(struct lab *lab, const char *aid_hex)
{
	struct card_object object;

	assert_true(card_find(lab->agent.card, lab_hex(lab, aid_hex), &object));
	return object;
}
