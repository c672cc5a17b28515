/* Channels of SCP11 (GPC Amendment F 1.4, chapter 4):
 *
 *   GET DATA (card data, certificates) -> verify them -> PERFORM SECURITY OPERATION, MUTUAL AUTHENTICATE ->
 * receipt
 *
 * The certificates are remembered from job to job, and verified again; then the first script is the second.
 * In 11c nothing of the card's answer is needed to go on, so that the operation's commands follow in the same
 * script; the receipt is checked before any of their answers is believed. What is kept of a session is the
 * card's public key and its answer (`opening`), and our ephemeral private key (`host_challenge`), which lives
 * as long as the session. */
#include "channel/channel.h"

#include <cardea/tlv.h>

#include "channel/certificate.h"
#include "channel/key_memory.h"
#include "channel/scp03.h"
#include "channel/scp11_keys.h"
#include "gp/gp.h"

#define PERFORM_MORE_COMMANDS     0x80 /* P1 */
#define PERFORM_MORE_CERTIFICATES 0x80 /* P2 */
#define PERFORM_BLOCK             255

enum { TAG_CRT = 0xA6, TAG_KEY_REFERENCE = 0x83, TAG_CERTIFICATE_STORE = 0xBF21 };

static enum scp11_variant variant_of(const struct task *task)
{
	return choice_variant(task->kept.choice);
}

static void fail_with(struct task *task, enum err err, const struct fault *fault)
{
	task_break(task, err, "%s", fault->text[0] != '\0' ? fault->text : err_name(err));
}

/* ---- the certificate of the card ---- */

static const uint16_t number_tags[] = { 0x0042, 0x0045 };

/* In 11a and 11b the card is named by its numbers, in 11c, whose scripts fit many cards, by its certificate.
 */
static bool needs_numbers(struct task *task)
{
	struct scp11_keyset keyset;
	bool has_host_id = false;

	if (scp11_keyset_read(task, task->kept.key_version, &keyset, NULL) == ERR_NONE)
		has_host_id = keyset.host_id.len > 0;
	scp11_keyset_wipe(&keyset);
	return has_host_id && variant_of(task) != SCP11C;
}

static void plan_certificates(struct task *task, struct batch *batch)
{
	const uint8_t reference[] = { scp11_key_id(variant_of(task)), task->kept.key_version };
	const struct command card_data = gp_get_data(0x0066);
	struct command certificates = gp_get_data(TAG_CERTIFICATE_STORE);
	struct builder b = builder_in(task->arena);
	size_t crt = build_open(&b, TAG_CRT);

	build_tlv(&b, TAG_KEY_REFERENCE, bytes_of(reference, sizeof(reference)));
	build_close(&b, crt);
	if (!task_is_good(task, builder_bytes(&b, &certificates.data)))
		return;
	batch_add_opening(batch, &card_data, OPENING_CARD_DATA, APDU_MAX_RESPONSE);
	for (size_t i = 0; i < 2 && needs_numbers(task); i++) {
		const struct command number = gp_get_data(number_tags[i]);
		batch_add_opening(batch, &number, OPENING_NUMBERS, 20);
	}
	batch_add_opening(batch, &certificates, OPENING_CERTIFICATES, 2 * APDU_MAX_RESPONSE);
}

static void take_number(struct task *task, const struct planned *planned, const struct response *response)
{
	const uint32_t tag = (uint32_t)(planned->plain.p1 << 8 | planned->plain.p2);
	struct builder b = builder_in(task->arena);
	struct bytes value;

	if (!sw_is_success(response->sw)) {
		task_break(task, ERR_NOT_FOUND,
			   "the card has no number %02X to go into the key derivation: %04X", (unsigned)tag,
			   response->sw);
		return;
	}
	if (tlv_find(response->data, tag, &value) != ERR_NONE)
		value = response->data; /* only the value */
	build_bytes(&b, task->numbers);
	build_lv(&b, value);
	task_is_good(task, builder_bytes(&b, &task->numbers));
}

/* The size of MACs is an option of the card and told nowhere else. */
static void take_card_data(struct task *task, const struct response *response)
{
	struct card_data card;

	if (!sw_is_success(response->sw) ||
	    card_data_parse(response->data, task->arena, &card, NULL) != ERR_NONE)
		return;
	for (size_t i = 0; i < card.protocol_count; i++) {
		const struct bytes options = card.protocols[i].options;
		if (card.protocols[i].protocol == scp11_protocol.number && options.len > 0)
			task->kept.is_s16 = (options.at[0] & SCP11_I_S16) != 0;
	}
}

static enum err verify_card(struct task *task, const struct scp11_keyset *keyset, struct bytes store,
			    struct certificate *ret_certificate, struct fault *fault)
{
	struct bytes chain;

	if (tlv_find(store, TAG_CERTIFICATE_STORE, &chain) != ERR_NONE)
		chain = store; /* only the value */
	enum err err = certificate_chain_verify(chain, keyset->curve, keyset->card_authority,
						task->step->now_ms / 1000, ret_certificate, fault);
	if (err == ERR_NONE && ret_certificate->curve != keyset->curve)
		err = fault_set(fault, ERR_UNSUPPORTED, "the card's key is on %s, ours on %s",
				ec_curve_name(ret_certificate->curve), ec_curve_name(keyset->curve));
	return err;
}

static void choose_level(struct task *task)
{
	const uint8_t level = task->wanted_level != 0 ? task->wanted_level : 0x33;

	if (scp11_key_usage(variant_of(task), level) != 0)
		task->kept.level = level;
	else
		task_break(task, ERR_UNSUPPORTED, "SCP%s cannot do security level %s",
			   scp11_variant_name(variant_of(task)), security_level_text(level));
}

/* The names of both sides, as they go into the derivation; none where the operator gave us none. */
static enum err build_identities(struct task *task, const struct scp11_keyset *keyset,
				 const struct certificate *certificate, struct bytes numbers,
				 struct bytes *ret_identities, struct fault *fault)
{
	struct builder b = builder_in(task->arena);

	*ret_identities = bytes_of(NULL, 0);
	if (keyset->host_id.len == 0)
		return ERR_NONE;
	build_lv(&b, keyset->host_id);
	if (variant_of(task) == SCP11C && certificate->subject.len == 0)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the card's certificate names no group in the form of GlobalPlatform: no "
				 "hostIdHex with SCP11c");
	if (variant_of(task) == SCP11C)
		build_lv(&b, certificate->subject);
	else
		build_bytes(&b, numbers);
	enum err err = builder_bytes(&b, ret_identities);
	if (err == ERR_NONE && ret_identities->len > SCP11_MAX_IDENTITIES)
		err = fault_set(fault, ERR_LIMIT, "the names of host and card are longer than %d bytes",
				SCP11_MAX_IDENTITIES);
	return err;
}

/* With a card whose certificates are good: our ephemeral key, and the next script is the agreement. */
static enum err use_certificates(struct task *task, struct bytes certificates, struct bytes numbers,
				 struct fault *fault)
{
	struct kept *kept = &task->kept;
	struct scp11_keyset keyset;
	struct certificate certificate;
	struct ec_point public;
	uint8_t private[EC_SIZE_MAX];
	struct bytes identities;
	struct builder opening = builder_in(task->arena);
	enum err err = scp11_keyset_read(task, kept->key_version, &keyset, fault);

	if (err != ERR_NONE)
		return err;
	err = verify_card(task, &keyset, certificates, &certificate, fault);
	if (err == ERR_NONE)
		err = build_identities(task, &keyset, &certificate, numbers, &identities, fault);
	if (err == ERR_NONE)
		err = ec_generate(keyset.curve, private, &public);
	if (err == ERR_NONE)
		err = bytes_copy(task->arena, bytes_of(private, ec_size(keyset.curve)),
				 &kept->host_challenge);
	if (err == ERR_NONE) {
		build_lv(&opening, ec_point_bytes(&certificate.public));
		build_lv(&opening, identities);
		err = builder_bytes(&opening, &kept->opening);
	}
	scp11_keyset_wipe(&keyset);
	wipe(private, sizeof(private));
	if (err != ERR_NONE)
		return err;
	choose_level(task);
	kept->mark = (struct session_mark){ 0 };
	kept->channel = CHANNEL_VERIFIED;
	return ERR_NONE;
}

static void take_certificates(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct key_memory memory = key_memory_read(task);
	struct fault fault = { 0 };

	if (response->sw != SW_OK) {
		task_break(task, sw_kind(response->sw), "the certificate of key %02X %02X: %04X %s",
			   scp11_key_id(variant_of(task)), kept->key_version, response->sw,
			   sw_text(response->sw));
		return;
	}
	enum err err = use_certificates(task, response->data, task->numbers, &fault);
	if (err != ERR_NONE) {
		fail_with(task, err, &fault);
		return;
	}
	memory.certificates = response->data;
	memory.numbers = task->numbers;
	memory.certified_key_id = scp11_key_id(variant_of(task));
	memory.is_s16 = kept->is_s16;
	key_memory_write(task, &memory);
}

/* What was remembered is only an attempt: the card may have other keys by now. */
static void forget_certificates(struct task *task)
{
	struct key_memory memory = key_memory_read(task);

	memory.certificates = bytes_of(NULL, 0);
	key_memory_write(task, &memory);
	task->kept.is_remembered = false;
	task->kept.is_unproven = task->kept.was_unproven;
	task_reopen(task, task->kept.key_version);
}

static void prepare(struct task *task)
{
	struct kept *kept = &task->kept;
	struct scp11_keyset keyset;
	struct fault fault = { 0 };
	enum err err = scp11_keyset_read(task, channel_wanted_version(task), &keyset, &fault);

	if (err != ERR_NONE) {
		fail_with(task, err, &fault);
		return;
	}
	kept->key_version = keyset.version;
	scp11_keyset_wipe(&keyset);
	const struct key_memory memory = key_memory_read(task);
	kept->is_remembered = false;
	task->leaves_session = kept->sessions > 1 && kept->has_session;
	if (memory.certificates.len == 0 || memory.certified_key_id != scp11_key_id(variant_of(task)) ||
	    (needs_numbers(task) && memory.numbers.len == 0))
		return;
	kept->is_s16 = memory.is_s16;
	kept->is_remembered = use_certificates(task, memory.certificates, memory.numbers, NULL) == ERR_NONE;
	task->leaves_session = task->leaves_session && !kept->is_remembered;
}

/* ---- key agreement ---- */

static enum err authenticate_command(struct task *task, const struct scp11_keyset *keyset,
				     struct command *ret_command)
{
	const struct scp11_order order = {
		.variant = variant_of(task),
		.key_version = task->kept.key_version,
		.key_id = scp11_key_id(variant_of(task)),
		.key_usage = scp11_key_usage(variant_of(task), task->kept.level),
		.key_size = keyset->key_size,
		.host_id = keyset->host_id,
	};
	struct ec_point public;
	enum err err = ec_public_of(keyset->curve, task->kept.host_challenge, &public);

	if (err != ERR_NONE)
		return err;
	struct scp11_order with_key = order;
	with_key.ephemeral_public = ec_point_bytes(&public);
	return scp11_authenticate(task->arena, &with_key, ret_command);
}

/* Both sides' keys; the answer of the card stays empty until it came. */
static enum err agreement_of(struct task *task, const struct scp11_keyset *keyset,
			     struct scp11_agreement *ret_agreement, struct fault *fault)
{
	struct reader opening = reader_of(task->kept.opening);
	struct scp11_agreement agreement = {
		.variant = variant_of(task),
		.curve = keyset->curve,
		.own_private = bytes_of(keyset->private, ec_size(keyset->curve)),
		.ephemeral_private = task->kept.host_challenge,
		.card_public = read_lv(&opening),
		.identities = read_lv(&opening),
		.is_s16 = task->kept.is_s16,
	};
	const struct bytes answer = read_rest(&opening);
	struct command command;
	enum err err = authenticate_command(task, keyset, &command);

	if (err == ERR_NONE && answer.len > 0)
		err = scp11_answer_parse(answer, &agreement.answer, fault);
	agreement.command_data = command.data;
	if (err == ERR_NONE)
		*ret_agreement = agreement;
	return err;
}

/* Without the answer there is a session in 11c only, where it is known before. */
static enum err restore(struct task *task, struct fault *fault)
{
	struct scp11_keyset keyset;
	struct scp11_agreement agreement;
	enum err err = scp11_keyset_read(task, task->kept.key_version, &keyset, fault);

	if (err != ERR_NONE)
		return err;
	err = agreement_of(task, &keyset, &agreement, fault);
	if (err == ERR_NONE && agreement.answer.point.len > 0)
		err = scp11_session_open(&agreement, &task->session, fault);
	else if (err == ERR_NONE && agreement.variant == SCP11C)
		err = scp11_session_expect(task->arena, &agreement, &task->session, fault);
	scp11_keyset_wipe(&keyset);
	return err;
}

/* One certificate, in as many commands as it takes; the card finds its authority when no key is named. */
static bool plan_offer(const struct scp11_keyset *keyset, struct batch *batch, size_t number)
{
	const bool is_last = number + 1 == keyset->certificate_count;
	struct bytes left = keyset->certificates[number];

	while (left.len > 0) {
		const struct bytes block = bytes_first(left, PERFORM_BLOCK);
		left = bytes_from(left, block.len);
		const struct command command = {
			.cla = 0x80,
			.ins = INS_PERFORM_SECURITY_OPERATION,
			.p1 = (uint8_t)(keyset->authority_version |
					(left.len > 0 ? PERFORM_MORE_COMMANDS : 0)),
			.p2 = (uint8_t)(keyset->authority_id | (is_last ? 0 : PERFORM_MORE_CERTIFICATES)),
			.data = block,
			.has_le = true,
		};
		if (!batch_add_opening(batch, &command, OPENING_OFFER, 16))
			return false;
	}
	return true;
}

static void plan_agreement(struct task *task, struct batch *batch)
{
	struct scp11_keyset keyset;
	struct command command;
	struct fault fault = { 0 };
	bool is_added = true;
	enum err err = scp11_keyset_read(task, task->kept.key_version, &keyset, &fault);

	if (err != ERR_NONE) {
		fail_with(task, err, &fault);
		return;
	}
	for (size_t i = 0; variant_of(task) != SCP11B && i < keyset.certificate_count && is_added; i++)
		is_added = plan_offer(&keyset, batch, i);
	if (is_added && task_is_good(task, authenticate_command(task, &keyset, &command)))
		is_added = batch_add_opening(batch, &command, OPENING_AUTHENTICATE, SCP11_MAX_ANSWER);
	scp11_keyset_wipe(&keyset);
	if (!is_added)
		task_break(task, ERR_LIMIT,
			   "the agent takes requests of %u bytes, too small for our certificates",
			   task->kept.max_request_bytes);
}

static void plan(struct task *task, struct batch *batch)
{
	if (task->kept.channel == CHANNEL_NONE)
		plan_certificates(task, batch);
	else
		plan_agreement(task, batch);
}

/* The receipt proves that the card has the key of its certificate. */
static void take_agreement(struct task *task, const struct response *response)
{
	struct kept *kept = &task->kept;
	struct builder opening = builder_in(task->arena);
	struct fault fault = { 0 };

	if (response->sw != SW_OK && kept->is_remembered) {
		forget_certificates(task);
		return;
	}
	if (response->sw != SW_OK) {
		task_break(task, ERR_DENIED, "the key agreement with key %02X %02X: %04X %s",
			   scp11_key_id(variant_of(task)), kept->key_version, response->sw,
			   sw_text(response->sw));
		return;
	}
	build_bytes(&opening, kept->opening);
	build_bytes(&opening, response->data);
	if (!task_is_good(task, builder_bytes(&opening, &kept->opening)))
		return;
	session_wipe(&task->session);
	enum err err = response->data.len == 0
			       ? fault_set(&fault, ERR_MALFORMED, "the key agreement has no answer")
			       : restore(task, &fault);
	if (err == ERR_DENIED && kept->is_remembered) {
		forget_certificates(task);
		return;
	}
	if (err != ERR_NONE) {
		fail_with(task, err, &fault);
		return;
	}
	kept->mark = task->session.mark;
	kept->level = task->session.level;
	kept->channel = CHANNEL_OPEN;
}

static void take_offer(struct task *task, const struct response *response)
{
	if (response->sw != SW_OK)
		task_break(task, ERR_DENIED, "the card refuses our certificate: %04X %s", response->sw,
			   sw_text(response->sw));
}

static void take(struct task *task, const struct planned *planned, const struct response *response)
{
	switch (planned->opening) {
	case OPENING_CARD_DATA:
		take_card_data(task, response);
		break;
	case OPENING_NUMBERS:
		take_number(task, planned, response);
		break;
	case OPENING_CERTIFICATES:
		take_certificates(task, response);
		break;
	case OPENING_OFFER:
		take_offer(task, response);
		break;
	default:
		take_agreement(task, response);
		break;
	}
}

static size_t wrapped_data_size(const struct session *session, size_t data_size)
{
	return scp03_wrapped_data_size(session->level, session->mac_size, data_size);
}

const struct protocol scp11_protocol = {
	.name = "SCP11",
	.kind = SCP11_KIND,
	.number = 0x11,
	.key_type = KEY_TYPE_AES,
	.prepare = prepare,
	.restore = restore,
	.plan = plan,
	.take = take,
	.wrapped_data_size = wrapped_data_size,
	.wrap = scp03_wrap,
	.unwrap = unwrap_as_scp03,
};
