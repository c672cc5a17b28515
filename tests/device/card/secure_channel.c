/* SCP03: GlobalPlatform Amendment D 1.2; its S8 mode is that of 1.1.1 */
#include "secure_channel.h"

#include "chip.h"
#include "scp02.h"

#define SEQUENCE_COUNTER_MAX 0xFFFFFF
#define SCP_ID               0x03
#define SCP02_ID             0x02

/* Amd D table 4-1 */
enum derivation {
	DERIVE_CARD_CRYPTOGRAM = 0x00,
	DERIVE_HOST_CRYPTOGRAM = 0x01,
	DERIVE_CARD_CHALLENGE = 0x02,
	DERIVE_S_ENC = 0x04,
	DERIVE_S_MAC = 0x06,
	DERIVE_S_RMAC = 0x07
};

/* Amd D 4.1.5: NIST SP 800-108 in counter mode over CMAC */
static enum err derive(const struct secret *key, enum derivation constant, struct bytes context,
		       uint8_t *ret_at, size_t len)
{
	uint8_t output[2 * AES_BLOCK];
	for (uint8_t round = 1; round <= 2; round++) {
		uint8_t label[16] = {
			[11] = (uint8_t)constant,
			[13] = (uint8_t)(len * 8 >> 8),
			[14] = (uint8_t)(len * 8),
			[15] = round,
		};
		struct bytes parts[] = { bytes_of(label, sizeof(label)), context };
		enum err err = aes_cmac(secret_bytes(key), parts, 2, &output[(round - 1) * AES_BLOCK]);
		if (err != ERR_NONE)
			return err;
	}
	memcpy(ret_at, output, len);
	wipe(output, sizeof(output));
	return ERR_NONE;
}

static enum err derive_key(const struct secret *key, enum derivation constant, struct bytes context,
			   struct secret *ret_key)
{
	enum err err = derive(key, constant, context, ret_key->at, key->len);
	ret_key->len = err == ERR_NONE ? key->len : 0;
	return err;
}

void session_end(struct session *session)
{
	wipe(session, sizeof(*session));
}

void session_abort(struct session *session)
{
	session_end(session);
	session->state = SESSION_ABORTED;
}

/* ---- keys ---- */

/* Of a key set: AES for SCP03, DES for SCP02. */
static bool is_des(const struct entry *owner, uint8_t version)
{
	const struct card_key *key = entry_key(owner, version, 1);
	return key != NULL && key->components->type == KEY_TYPE_DES;
}

static bool key_value(const struct entry *owner, uint8_t version, uint8_t id, struct secret *ret_secret)
{
	const struct card_key *key = entry_key(owner, version, id);
	uint8_t type = is_des(owner, version) ? KEY_TYPE_DES : KEY_TYPE_AES;
	return key != NULL && key->components->type == type &&
	       secret_from(key->components->value, ret_secret) == ERR_NONE;
}

/* Amd D 6.1: Key-ENC, Key-MAC and Key-DEK of one length. `version` 0: the first that is whole. */
static bool key_set_find(const struct entry *owner, uint8_t version, struct card_key_set *ret_set)
{
	struct card_key_set set = { 0 };
	bool is_found = false;
	for (const struct key_version *v = owner->key_versions; v != NULL && !is_found; v = v->next) {
		if (version != 0 && v->version != version)
			continue;
		set.version = v->version;
		is_found = key_value(owner, v->version, 1, &set.enc) &&
			   key_value(owner, v->version, 2, &set.mac) &&
			   key_value(owner, v->version, 3, &set.dek) && set.enc.len == set.mac.len &&
			   set.mac.len == set.dek.len;
	}
	if (is_found)
		*ret_set = set;
	wipe(&set, sizeof(set));
	return is_found;
}

/* GPCS 2.3.1 7.2: a security domain without keys of its own uses the services of the one that it is
 * associated with. */
static struct entry *key_owner_of(const struct registry *registry, const struct entry *security_domain)
{
	struct card_key_set any;
	struct entry *owner = registry_find(registry, aid_bytes(&security_domain->aid));
	while (!key_set_find(owner, 0, &any)) {
		if (aid_equal(&owner->security_domain, &owner->aid))
			return NULL;
		owner = registry_find(registry, aid_bytes(&owner->security_domain));
	}
	wipe(&any, sizeof(any));
	return owner;
}

bool default_sequence_counter(const struct registry *registry, const struct entry *security_domain,
			      uint32_t *ret_counter, bool *ret_is_scp02)
{
	const struct entry *owner = key_owner_of(registry, security_domain);
	struct card_key_set keys;
	if (owner == NULL || !key_set_find(owner, 0, &keys))
		return false;
	*ret_counter = entry_key_version(owner, keys.version)->sequence_counter;
	*ret_is_scp02 = is_des(owner, keys.version);
	wipe(&keys, sizeof(keys));
	return true;
}

bool has_key_set(const struct entry *security_domain)
{
	struct card_key_set keys;
	bool is_found = key_set_find(security_domain, 0, &keys);
	wipe(&keys, sizeof(keys));
	return is_found;
}

/* ---- INITIALIZE UPDATE, Amd D 7.1.1 ---- */

static enum err challenge_make(const struct call *call, const struct card_key_set *keys,
			       uint32_t sequence_counter, uint8_t *ret_challenge, size_t len)
{
	const struct card_settings *settings = &call->card->settings;
	if (settings->make_challenge != NULL) {
		settings->make_challenge(settings->make_challenge_arg, ret_challenge, len);
		return ERR_NONE;
	}
	if ((settings->scp03_options & CARD_I_PSEUDO_RANDOM) == 0)
		return random_bytes(ret_challenge, len);
	uint8_t context[3 + CARD_AID_MAX] = { (uint8_t)(sequence_counter >> 16),
					      (uint8_t)(sequence_counter >> 8), (uint8_t)sequence_counter };
	const struct card_aid *invoker = &call->channel->selected;
	memcpy(&context[3], invoker->at, invoker->len);
	return derive(&keys->enc, DERIVE_CARD_CHALLENGE, bytes_of(context, 3 + invoker->len), ret_challenge,
		      len);
}

static enum err session_derive(struct session *session, const struct card_key_set *keys, struct bytes context,
			       uint8_t *ret_card_cryptogram)
{
	enum err err = derive_key(&keys->enc, DERIVE_S_ENC, context, &session->enc);
	if (err == ERR_NONE)
		err = derive_key(&keys->mac, DERIVE_S_MAC, context, &session->mac);
	if (err == ERR_NONE)
		err = derive_key(&keys->mac, DERIVE_S_RMAC, context, &session->rmac);
	if (err == ERR_NONE)
		err = derive(&session->mac, DERIVE_CARD_CRYPTOGRAM, context, ret_card_cryptogram,
			     session->mac_len);
	if (err == ERR_NONE)
		err = derive(&session->mac, DERIVE_HOST_CRYPTOGRAM, context, session->host_cryptogram,
			     session->mac_len);
	session->dek = keys->dek;
	return err;
}

static uint16_t initiate(struct call *call, const struct card_aid *owner, const struct card_key_set *keys,
			 uint32_t sequence_counter)
{
	uint8_t options = call->card->settings.scp03_options;
	struct session *session = &call->channel->session;
	size_t len = call->command.data.len;
	uint8_t context[2 * CARD_CHALLENGE_MAX], cryptogram[AES_BLOCK];
	memcpy(context, call->command.data.at, len);
	*session = (struct session){
		.state = SESSION_INITIATED,
		.options = options,
		.mac_len = len,
		.key_owner = *owner,
		.key_version = keys->version,
	};
	if (challenge_make(call, keys, sequence_counter, &context[len], len) != ERR_NONE ||
	    session_derive(session, keys, bytes_of(context, 2 * len), cryptogram) != ERR_NONE) {
		session_end(session);
		return SW_MEMORY_FAILURE;
	}
	if (call->card->settings.misbehaviour.has_wrong_cryptogram)
		cryptogram[0] ^= 0x01;

	const struct data_object *diversification = entry_object(registry_isd(&call->card->registry), 0xCF);
	build_bytes(call->answer, diversification->value);
	build_u8(call->answer, keys->version);
	build_u8(call->answer, SCP_ID);
	build_u8(call->answer, options);
	build_bytes(call->answer, bytes_of(&context[len], len));
	build_bytes(call->answer, bytes_of(cryptogram, len));
	if ((options & CARD_I_PSEUDO_RANDOM) != 0)
		build_u24(call->answer, sequence_counter);
	return SW_SUCCESS;
}

/* GPCS E.5.1. The counter is that of the next session, whether or not it comes about. */
static uint16_t initiate_scp02(struct call *call, const struct entry *owner, const struct card_key_set *keys)
{
	const struct card_settings *settings = &call->card->settings;
	struct session *session = &call->channel->session;
	uint32_t counter = entry_key_version(owner, keys->version)->sequence_counter;
	bool is_pseudo_random = (settings->scp02_options & CARD_SCP02_PSEUDO_RANDOM) != 0;
	uint8_t challenge[SCP02_CHALLENGE], cryptogram[DES_BLOCK];
	if (call->command.data.len != DES_BLOCK)
		return SW_WRONG_LENGTH;
	if (counter > UINT16_MAX)
		return SW_CONDITIONS_OF_USE;
	*session = (struct session){ .state = SESSION_INITIATED,
				     .is_scp02 = true,
				     .options = settings->scp02_options,
				     .mac_len = DES_BLOCK,
				     .key_owner = owner->aid,
				     .key_version = keys->version };
	if (random_bytes(challenge, sizeof(challenge)) != ERR_NONE ||
	    scp02_begin(session, keys, (uint16_t)counter, call->command.data,
			is_pseudo_random ? &call->channel->selected : NULL, challenge,
			cryptogram) != ERR_NONE) {
		session_end(session);
		return SW_MEMORY_FAILURE;
	}
	if (settings->misbehaviour.has_wrong_cryptogram)
		cryptogram[0] ^= 0x01;
	const struct data_object *diversification = entry_object(registry_isd(&call->card->registry), 0xCF);
	build_bytes(call->answer, diversification->value);
	build_u8(call->answer, keys->version);
	build_u8(call->answer, SCP02_ID);
	build_u16(call->answer, (uint16_t)counter);
	build_bytes(call->answer, bytes_of(challenge, sizeof(challenge)));
	build_bytes(call->answer, bytes_of(cryptogram, sizeof(cryptogram)));
	return SW_SUCCESS;
}

uint16_t initialize_update(struct call *call)
{
	const struct card_settings *settings = &call->card->settings;
	session_end(&call->channel->session);
	personalization_end(&call->channel->personalization);
	if (call->command.p2 != 0)
		return SW_WRONG_P1P2;
	struct entry *owner = key_owner_of(&call->card->registry, call->selected);
	struct card_key_set keys;
	bool is_found = owner != NULL && key_set_find(owner, call->command.p1, &keys);
	bool is_scp02 = is_found && is_des(owner, keys.version);
	if (!is_scp02 && call->command.data.len != ((settings->scp03_options & CARD_I_S16) != 0 ? 16 : 8))
		return SW_WRONG_LENGTH;
	if (!is_found)
		return SW_NO_REFERENCED_DATA;

	struct card_aid owner_aid = owner->aid;
	struct key_version *version = entry_key_version(owner, keys.version);
	uint32_t sequence_counter = version->sequence_counter;
	uint16_t sw = SW_SUCCESS;
	if (settings->authentication_tries != 0 && version->failures >= settings->authentication_tries) {
		sw = SW_KEYS_BLOCKED;
	} else if (is_scp02) {
		bool is_implicit = (settings->scp02_options & CARD_SCP02_EXPLICIT) == 0;
		sw = is_implicit ? SW_NO_INSTRUCTION : initiate_scp02(call, owner, &keys);
		wipe(&keys, sizeof(keys));
		return sw;
	} else if ((settings->scp03_options & CARD_I_PSEUDO_RANDOM) != 0) {
		/* counted and durable before it is used: no challenge comes twice, whatever happens to the
		 * power */
		if (sequence_counter == SEQUENCE_COUNTER_MAX) {
			sw = SW_CONDITIONS_OF_USE;
		} else {
			version->sequence_counter = ++sequence_counter;
			sw = state_commit(call->card);
		}
	}
	if (sw == SW_SUCCESS)
		sw = initiate(call, &owner_aid, &keys, sequence_counter);
	wipe(&keys, sizeof(keys));
	return sw;
}

/* ---- EXTERNAL AUTHENTICATE, Amd D 7.1.2 ---- */

static bool level_is_offered(uint8_t level, uint8_t options)
{
	static const struct {
		uint8_t level, needs;
	} levels[] = {
		{ 0, 0 },
		{ LEVEL_CMAC, 0 },
		{ LEVEL_CMAC | LEVEL_CDEC, 0 },
		{ LEVEL_CMAC | LEVEL_RMAC, CARD_I_RMAC },
		{ LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC, CARD_I_RMAC },
		{ LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC | LEVEL_RENC, CARD_I_RMAC | CARD_I_RENC },
	};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i].level == level)
			return (levels[i].needs & ~options) == 0;
	}
	return false;
}

static bool scp02_level_is_offered(uint8_t level, uint8_t options)
{
	if ((level & LEVEL_RMAC) != 0 && (options & CARD_SCP02_RMAC) == 0)
		return false;
	level &= (uint8_t)~LEVEL_RMAC;
	return level == 0 || level == LEVEL_CMAC || level == (LEVEL_CMAC | LEVEL_CDEC);
}

/* E.3.2: counts the sessions that came about. */
static uint16_t scp02_session_count(struct call *call)
{
	const struct session *session = &call->channel->session;
	struct entry *owner = registry_find(&call->card->registry, aid_bytes(&session->key_owner));
	struct key_version *version = owner == NULL ? NULL : entry_key_version(owner, session->key_version);
	if (version == NULL)
		return SW_CONDITIONS_OF_USE;
	version->failures = 0;
	version->sequence_counter++;
	return state_commit(call->card);
}

/* Counts wrong host cryptograms in a row; nothing is written while the count stays as it is. */
static uint16_t failures_count(struct call *call, bool has_failed)
{
	const struct session *session = &call->channel->session;
	struct entry *owner = registry_find(&call->card->registry, aid_bytes(&session->key_owner));
	struct key_version *version = owner == NULL ? NULL : entry_key_version(owner, session->key_version);
	if (version == NULL)
		return SW_CONDITIONS_OF_USE; /* another channel deleted the key set meanwhile */
	if (has_failed ? version->failures == UINT8_MAX : version->failures == 0)
		return SW_SUCCESS;
	version->failures = has_failed ? (uint8_t)(version->failures + 1) : 0;
	return state_commit(call->card);
}

/* ---- GPCS E.1.2.2: the first command with a C-MAC opens the session ---- */

bool is_implicit_start(const struct call *call)
{
	const struct session *session = &call->channel->session;
	const uint8_t options = call->card->settings.scp02_options;
	struct card_key_set keys;
	const struct entry *owner;
	if (!call->command.is_secured || options == 0 || (options & CARD_SCP02_EXPLICIT) != 0)
		return false;
	if (session->state == SESSION_OPEN && (!session->is_scp02 || session->level != 0))
		return false;
	owner = key_owner_of(&call->card->registry, call->selected);
	if (owner == NULL || !key_set_find(owner, 0, &keys))
		return false;
	uint8_t version = keys.version;
	wipe(&keys, sizeof(keys));
	return is_des(owner, version);
}

static uint16_t implicit_verify(struct call *call, const struct card_key_set *keys, uint16_t counter)
{
	struct session *session = &call->channel->session;
	struct bytes plain;
	if (scp02_begin_implicit(session, keys, counter, &call->channel->selected) != ERR_NONE)
		return SW_MEMORY_FAILURE;
	if (call->card->settings.misbehaviour.refuses_authentication ||
	    !scp02_open(session, &call->command, call->card->scratch, false, &plain)) {
		uint16_t sw = failures_count(call, true);
		return sw == SW_SUCCESS ? SW_SECURITY_STATUS : sw;
	}
	call->command.data = plain;
	return scp02_session_count(call);
}

uint16_t implicit_start(struct call *call)
{
	const struct card_settings *settings = &call->card->settings;
	struct session *session = &call->channel->session;
	struct entry *owner = key_owner_of(&call->card->registry, call->selected);
	struct card_key_set keys;
	if (owner == NULL || !key_set_find(owner, 0, &keys))
		return SW_CONDITIONS_OF_USE;
	const struct key_version *version = entry_key_version(owner, keys.version);
	uint16_t sw = SW_CONDITIONS_OF_USE;
	*session = (struct session){ .state = SESSION_INITIATED,
				     .is_scp02 = true,
				     .options = settings->scp02_options,
				     .mac_len = DES_BLOCK,
				     .key_owner = owner->aid,
				     .key_version = keys.version };
	if (settings->authentication_tries != 0 && version->failures >= settings->authentication_tries)
		sw = SW_KEYS_BLOCKED;
	else if (version->sequence_counter < UINT16_MAX)
		sw = implicit_verify(call, &keys, (uint16_t)version->sequence_counter);
	wipe(&keys, sizeof(keys));
	/* the registry was read anew when the counter, or the failure, was written */
	call->selected = registry_find(&call->card->registry, aid_bytes(&call->channel->selected));
	if (sw != SW_SUCCESS || call->selected == NULL) {
		session_end(session);
		return sw != SW_SUCCESS ? sw : SW_CONDITIONS_OF_USE;
	}
	session->state = SESSION_OPEN;
	session->is_authenticated = true;
	session->level = LEVEL_CMAC;
	return SW_SUCCESS;
}

static uint16_t authenticate(struct call *call)
{
	struct session *session = &call->channel->session;
	const struct command *command = &call->command;
	if (session->state != SESSION_INITIATED)
		return SW_CONDITIONS_OF_USE;
	bool is_offered = session->is_scp02
				  ? scp02_level_is_offered(command->p1, session->options)
				  : level_is_offered(command->p1, call->card->settings.scp03_options);
	if (command->p2 != 0 || !is_offered)
		return SW_WRONG_P1P2;
	if (command->data.len != 2 * session->mac_len)
		return SW_WRONG_LENGTH;
	struct bytes expected = bytes_of(session->host_cryptogram, session->mac_len);
	if (call->card->settings.misbehaviour.refuses_authentication ||
	    !bytes_equal_constant_time(bytes_first(command->data, session->mac_len), expected)) {
		uint16_t sw = failures_count(call, true);
		return sw == SW_SUCCESS ? SW_AUTHENTICATION_FAILED : sw;
	}
	struct bytes cryptogram;
	bool is_right = session->is_scp02
				? scp02_open(session, command, call->card->scratch, false, &cryptogram)
				: session_mac_verify(session, command, &cryptogram);
	if (!is_right) {
		uint16_t sw = failures_count(call, true);
		return sw == SW_SUCCESS ? SW_SECURITY_STATUS : sw;
	}
	return session->is_scp02 ? scp02_session_count(call) : failures_count(call, false);
}

uint16_t external_authenticate(struct call *call)
{
	struct session *session = &call->channel->session;
	bool was_open = session->state == SESSION_OPEN;
	uint16_t sw = authenticate(call);
	if (sw == SW_SUCCESS) {
		session->state = SESSION_OPEN;
		session->is_authenticated = true;
		session->level = session->opened_level = call->command.p1;
		memcpy(session->response_chain, session->chaining_value, DES_BLOCK);
	} else if (!was_open) {
		session_end(session); /* Amd D 5.2: a failed step means that all of it starts anew */
	}
	return sw;
}
