#include "operations/put_single_keys.h"

#include <cardea/tlv.h>

#include "channel/certificate.h"
#include "channel/channel.h"
#include "channel/put_key.h"
#include "channel/scp11_keys.h"
#include "operations/look.h"
#include "operations/signing_key.h"

enum stage { STAGE_LOOK, STAGE_ACT, STAGE_SEE };
enum { ACT_STEP = 100 };
enum { SENT = 1 << 0 }; /* of flags */

#define KEYS_MAX         4 /* the authority's, and one per variant of SCP11 */
#define KEY_ID_SINGLE    1
#define KEY_ID_AUTHORITY 0x10

struct order {
	const char *kind;
	uint8_t new_version, replace_version;
	unsigned information; /* query */
	struct new_key keys[KEYS_MAX];
	uint8_t versions[KEYS_MAX]; /* that of the authority may be another */
	size_t key_count;
	struct bytes certificates; /* BF21, for each key from first_certified on; empty: none */
	size_t first_certified;
	struct scp11_keyset scp11;
	struct signature_key signing;
	struct rsa_public rsa;
	struct ec_point point;
};

static const char *const kinds[] = { SCP11_KIND, "token", "receipt", "dap", "load-file-cipher" };

bool is_single_keys(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], kind) == 0)
			return true;
	}
	return false;
}

/* ---- which keys ---- */

static void add_key(struct order *order, struct new_key key, uint8_t version)
{
	order->versions[order->key_count] = version;
	order->keys[order->key_count++] = key;
}

/* A certificate that does not fit its key would show only when the card is asked to prove itself by it. */
static enum err check_card_certificates(struct task *task, const struct scp11_keyset *set,
					struct fault *fault)
{
	struct certificate last;
	struct ec_point public;
	enum err err = certificate_chain_verify(set->card_certificates, set->curve, set->card_authority,
						task->step->now_ms / 1000, &last, fault);

	if (err == ERR_NONE)
		err = ec_public_of(set->curve, set->card_private, &public);
	if (err == ERR_NONE && !bytes_equal(ec_point_bytes(&public), ec_point_bytes(&last.public)))
		err = fault_set(fault, ERR_CONFLICT, "cardCertificatesHex are not of cardPrivateKeyHex");
	return err;
}

static enum err read_scp11(struct task *task, struct order *order, struct fault *fault)
{
	struct scp11_keyset *set = &order->scp11;
	enum err err = scp11_keyset_read(task, order->new_version, set, fault);

	if (err != ERR_NONE)
		return err;
	if (set->authority_public.len == 0 && set->card_private.len == 0)
		return fault_set(
			fault, ERR_CONFLICT,
			"SCP11 key set %02X has neither authorityPublicKeyHex nor cardPrivateKeyHex to put",
			order->new_version);
	if (set->authority_public.len > 0)
		add_key(order,
			new_key_ec_public(set->authority_id != 0 ? set->authority_id : KEY_ID_AUTHORITY,
					  set->curve, set->authority_public),
			set->authority_version != 0 ? set->authority_version : order->new_version);
	order->first_certified = order->key_count;
	order->certificates = set->card_certificates;
	for (enum scp11_variant v = 0; v < SCP11_VARIANT_COUNT && set->card_private.len > 0; v++) {
		if ((set->variants & scp11_variant_bit(v)) == 0)
			continue;
		add_key(order, new_key_ec_private(scp11_key_id(v), set->curve, set->card_private),
			order->new_version);
	}
	return set->card_private.len > 0 ? check_card_certificates(task, set, fault) : ERR_NONE;
}

static enum err add_public(struct order *order, struct fault *fault)
{
	struct signature_key *key = &order->signing;
	enum err err;

	if (key->algorithm == SIGNATURE_RSA) {
		err = rsa_public_of(key->key, &order->rsa);
		if (err == ERR_NONE)
			add_key(order, new_key_rsa_public(KEY_ID_SINGLE, &order->rsa), order->new_version);
	} else {
		err = ec_public_of(key->curve, key->key, &order->point);
		if (err == ERR_NONE)
			add_key(order,
				new_key_ec_public(KEY_ID_SINGLE, key->curve, ec_point_bytes(&order->point)),
				order->new_version);
	}
	return err == ERR_NONE ? ERR_NONE
			       : fault_set(fault, err, "the stored %s key is damaged", order->kind);
}

/* The card has the other side of the key that the operator stored. */
static enum err read_signing(struct task *task, struct order *order, struct fault *fault)
{
	struct signature_key *key = &order->signing;
	enum err err = signing_key_read_version(task, order->kind, task->domain_aid, order->new_version, key);

	if (err != ERR_NONE)
		return fault_set(
			fault, err, "%s key %02X is not stored for security domain %s of this device",
			order->kind, order->new_version, bytes_to_hex(task->arena, task->domain_aid));
	if (key->key.len == 0)
		return fault_set(
			fault, ERR_CONFLICT,
			"the card signs with the private part of %s key %02X, which is not stored here",
			order->kind, order->new_version);
	if (key->algorithm == SIGNATURE_RSA || key->algorithm == SIGNATURE_EC)
		return add_public(order, fault);
	add_key(order,
		new_key_symmetric(KEY_ID_SINGLE,
				  key->algorithm == SIGNATURE_AES ? KEY_TYPE_AES : KEY_TYPE_DES, key->key),
		order->new_version);
	return ERR_NONE;
}

static enum err prepare(struct task *task, struct fault *fault)
{
	struct order *order = arena_alloc(task->arena, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	*order = (struct order){
		.kind = task_text(task, "kind", ""),
		.new_version = (uint8_t)task_number(task, "newKeyVersion", 0),
		.replace_version = (uint8_t)task_number(task, "replaceKeyVersion", 0),
	};
	enum err err = strcmp(order->kind, SCP11_KIND) == 0 ? read_scp11(task, order, fault)
							    : read_signing(task, order, fault);
	order->information = look_ask_data(task, 0x00E0);
	task->order = order;
	struct bytes present_owner = { 0 };
	if (err == ERR_NONE)
		err = task_hex(task, "presentKeysAidHex", &present_owner, fault);
	if (present_owner.len > 0)
		task->key_owner = present_owner;
	return err;
}

/* ---- steps: PUT KEY of each key, then STORE DATA of each certificate store, block by block ---- */

static bool has_key(const struct key_information *information, uint8_t id, uint8_t version)
{
	for (size_t i = 0; i < information->count; i++) {
		if (information->entries[i].id == id && information->entries[i].version == version)
			return true;
	}
	return false;
}

/* One of them: its data, in as many commands as it takes. */
struct step {
	bool is_store;
	struct bytes data, answer; /* answer: of PUT KEY */
	uint8_t replaced, id;
};

static enum err compose_key(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;
	const struct new_key *key = &order->keys[number];
	const struct key_cipher cipher = { channel_protocol(task)->key_type, &task->session.dek };
	struct step step = { .id = key->id };
	struct key_information information;

	if (!look_key_information(task, order->information, &information))
		return ERR_MALFORMED;
	if (has_key(&information, key->id, order->versions[number]))
		step.replaced = order->versions[number];
	else if (has_key(&information, key->id, order->replace_version))
		step.replaced = order->replace_version;
	enum err err =
		new_key_data(task->arena, order->versions[number], key, &cipher, &step.data, &step.answer);
	if (err == ERR_NONE)
		*ret_step = step;
	return err;
}

/* Amendment F 7.8 */
static enum err compose_store(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;
	const uint8_t reference[] = { order->keys[number].id, order->versions[number] };
	struct builder b = builder_in(task->arena);
	size_t crt = build_open(&b, 0xA6);

	build_tlv(&b, 0x83, bytes_of(reference, sizeof(reference)));
	build_close(&b, crt);
	build_tlv(&b, 0xBF21, order->certificates);
	*ret_step = (struct step){ .is_store = true };
	return builder_bytes(&b, &ret_step->data);
}

static size_t step_count(const struct order *order)
{
	const size_t stores = order->certificates.len > 0 ? order->key_count - order->first_certified : 0;

	return order->key_count + stores;
}

static enum err compose(struct task *task, size_t number, struct step *ret_step)
{
	const struct order *order = task->order;

	return number < order->key_count
		       ? compose_key(task, number, ret_step)
		       : compose_store(task, order->first_certified + number - order->key_count, ret_step);
}

/* How much of a certificate store goes into one command; the same in each script, so that a number says where
 * it goes on.
 */
#define STORE_BLOCK 200

static size_t block_count(const struct step *step)
{
	return step->is_store ? (step->data.len + STORE_BLOCK - 1) / STORE_BLOCK : 1;
}

static struct command block_command(const struct step *step, size_t number)
{
	const struct bytes left = bytes_from(step->data, number * STORE_BLOCK);

	return step->is_store ? gp_store_data(bytes_first(left, STORE_BLOCK), number, left.len <= STORE_BLOCK,
					      STORE_BER_TLV, false)
			      : gp_put_key(step->replaced, step->id, step->data);
}

static bool is_last_block(const struct command *command)
{
	return command->ins != INS_STORE_DATA || (command->p1 & 0x80) != 0;
}

static bool plan_step(struct task *task, struct batch *batch, size_t number, size_t first_block)
{
	struct step step;
	enum err err = compose(task, number, &step);

	if (err == ERR_NOMEM)
		return task_is_good(task, err);
	if (err != ERR_NONE) {
		task_break(task, err, "what goes to the card under key version %02X cannot be made: %s",
			   ((const struct order *)task->order)->new_version, err_name(err));
		return false;
	}
	for (size_t i = first_block; i < block_count(&step); i++) {
		const struct command command = block_command(&step, i);
		if (!batch_add_change(batch, &command, ACT_STEP + (unsigned)number))
			return false;
	}
	return true;
}

/* kept.position steps are done, and kept.blocks of the next one. */
static void plan(struct task *task, struct batch *batch)
{
	const size_t done = task->kept.position, count = step_count(task->order);

	if (task->kept.stage != STAGE_ACT) {
		look_plan(task, batch);
		return;
	}
	for (size_t i = done; i < count; i++) {
		if (!plan_step(task, batch, i, i == done ? task->kept.blocks : 0))
			break;
	}
}

/* ---- answers ---- */

static void check_answer(struct task *task, size_t number, struct bytes answer)
{
	struct step step;

	if (answer.len == 0 || compose(task, number, &step) != ERR_NONE || step.is_store)
		return;
	if (!bytes_equal(answer, step.answer))
		task_break(task, ERR_CONFLICT, "the card answers PUT KEY with %s, expected %s",
			   bytes_to_hex(task->arena, bytes_first(answer, 16)),
			   bytes_to_hex(task->arena, step.answer));
}

static void take_step(struct task *task, const struct planned *planned, const struct response *response)
{
	const size_t count = step_count(task->order);

	if (!sw_is_success(response->sw)) {
		task->kept.is_unproven = false; /* what was taken is known */
		task_fail(task, sw_kind(response->sw),
			  "%s: %04X %s; the card took %u of %zu keys and certificate stores before",
			  command_text(task->arena, &planned->plain), response->sw, sw_text(response->sw),
			  task->kept.position, count);
		return;
	}
	task->kept.blocks++;
	if (!is_last_block(&planned->plain))
		return;
	check_answer(task, planned->what - ACT_STEP, response->data);
	task->kept.position++;
	task->kept.blocks = 0;
	task_progress(task, task->kept.position, count);
}

static void go_look(struct task *task)
{
	task->kept.stage = STAGE_LOOK;
	task->kept.position = task->kept.blocks = 0;
	look_again(task);
}

static void take(struct task *task, const struct planned *planned, const struct card_answer *answer)
{
	if (planned->what < ACT_STEP) {
		look_take(task, planned, answer);
	} else if (answer->is_cut) {
		task_reopen(task, task->kept.key_version);
		go_look(task);
	} else {
		take_step(task, planned, &answer->response);
	}
}

/* ---- what comes next ---- */

static void looked(struct task *task)
{
	const struct order *order = task->order;
	struct key_information information;
	bool has_replaced = false;

	if (!look_key_information(task, order->information, &information))
		return;
	for (size_t i = 0; i < order->key_count; i++) {
		const uint8_t id = order->keys[i].id;
		has_replaced = has_replaced || has_key(&information, id, order->replace_version);
		if ((task->kept.flags & SENT) == 0 && order->replace_version != order->new_version &&
		    has_key(&information, id, order->versions[i])) {
			task_fail(task, ERR_CONFLICT,
				  "key %02X %02X is on the card already, and does not tell its value: "
				  "replaceKeyVersion %u puts it there anew",
				  id, order->versions[i], order->new_version);
			return;
		}
	}
	if (order->replace_version != 0 && !has_replaced && (task->kept.flags & SENT) == 0) {
		task_fail(task, ERR_NOT_FOUND, "the card has no key version %02X to replace",
			  order->replace_version);
		return;
	}
	task->kept.flags |= SENT;
	task->kept.stage = STAGE_ACT;
}

static void begin_seeing(struct task *task)
{
	task->kept.is_unproven = false; /* all of it was answered */
	task->kept.stage = STAGE_SEE;
	look_again(task);
}

static void seen(struct task *task)
{
	const struct order *order = task->order;
	struct key_information information;

	if (!look_key_information(task, order->information, &information))
		return;
	for (size_t i = 0; i < order->key_count; i++) {
		if (!has_key(&information, order->keys[i].id, order->versions[i])) {
			task_fail(task, ERR_CONFLICT,
				  "the card confirmed key %02X %02X, but does not list it", order->keys[i].id,
				  order->versions[i]);
			return;
		}
	}
	task_succeed(task);
}

static void advance(struct task *task)
{
	if (task->kept.ending != ENDING_NONE)
		return;
	if (task->kept.stage == STAGE_LOOK && look_is_done(task))
		looked(task);
	else if (task->kept.stage == STAGE_ACT && task->kept.position == step_count(task->order))
		begin_seeing(task);
	else if (task->kept.stage == STAGE_SEE && look_is_done(task))
		seen(task);
}

static void finish(struct task *task)
{
	const struct order *order = task->order;

	task_report(task, "newKeyVersion", json_integer(order->new_version));
	task_report(task, "replacedKeyVersion", json_integer(order->replace_version));
	task_report(task, "keys", json_integer((json_int_t)order->key_count));
	task_report(task, "certificateStores",
		    json_integer((json_int_t)(step_count(order) - order->key_count)));
	channel_report(task);
}

static void forget(struct task *task)
{
	struct order *order = task->order;

	scp11_keyset_wipe(&order->scp11);
	signing_key_wipe(&order->signing);
}

const struct operation put_single_keys_operation = {
	.name = "se.put-keys",
	.prepare = prepare,
	.plan = plan,
	.take = take,
	.advance = advance,
	.lost = go_look,
	.finish = finish,
	.forget = forget,
};
