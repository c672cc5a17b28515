#include "se_lab.h"

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
			   .protocol = "globalplatform-remote-admin/1.1.1",
			   .has_channel_resource = true,
			   .has_stop_on_error = true,
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
