/* Amd F 1.4: 7.2 certificate store, 7.5 PERFORM SECURITY OPERATION, 7.6 MUTUAL and 7.7 INTERNAL
 * AUTHENTICATE, 4.6 what a session that can be replayed must not do */
#include "chip.h"

#include <cardea/tlv.h>

#include "oce_certificate.h"

#define SCP_ID            0x11
#define MORE_CERTIFICATES 0x80 /* P2 */
#define RECEIPT           16

enum variant { VARIANT_B = 0x00, VARIANT_A = 0x01, VARIANT_C = 0x03 };

static const struct variant_row {
	enum variant variant;
	uint8_t key_id, option;
	bool is_internal;
} variants[] = {
	{ VARIANT_A, 0x11, CARD_SCP11_A, false },
	{ VARIANT_B, 0x13, CARD_SCP11_B, true },
	{ VARIANT_C, 0x15, CARD_SCP11_C, false },
};

#define VARIANT_COUNT (sizeof(variants) / sizeof(variants[0]))

static bool has_scp11(const struct call *call)
{
	return call->card->settings.scp11.options != 0 &&
	       call->selected == registry_isd(&call->card->registry);
}

/* ---- keys that were put there ---- */

#define KEY_ID_AUTHORITY 0x10
#define MORE_AUTHORITIES 0x20 /* to 2F */

static bool is_authority(uint8_t id)
{
	return id == KEY_ID_AUTHORITY || (id & 0xF0) == MORE_AUTHORITIES;
}

static const struct variant_row *variant_of_key(uint8_t id)
{
	for (size_t i = 0; i < VARIANT_COUNT; i++) {
		if (variants[i].key_id == id)
			return &variants[i];
	}
	return NULL;
}

bool is_scp11_key(uint8_t id)
{
	return is_authority(id) || variant_of_key(id) != NULL;
}

/* The parts of an ECC key, of which there are two: the value, and which curve it is on. */
static bool ecc_key_read(const struct key_component *value, uint8_t type, enum ec_curve *ret_curve)
{
	return value != NULL && value->type == type && value->next != NULL && value->next->next == NULL &&
	       value->next->type == KEY_TYPE_PARAMETER_REFERENCE &&
	       curve_of_reference(value->next->value, ret_curve);
}

/* 5.1: all keys are on one curve. */
uint16_t scp11_key_check(const struct call *call, uint8_t id, const struct key_component *components)
{
	const struct card_scp11 *scp11 = &call->card->settings.scp11;
	struct ec_point public;
	enum ec_curve curve;
	if (!has_scp11(call) ||
	    !ecc_key_read(components, is_authority(id) ? KEY_TYPE_ECC_PUBLIC : KEY_TYPE_ECC_PRIVATE,
			  &curve) ||
	    curve != scp11->curve)
		return SW_WRONG_DATA;
	enum err err = is_authority(id) ? ec_check_public(curve, components->value)
					: ec_public_of(curve, components->value, &public);
	return err == ERR_NONE ? SW_SUCCESS : SW_WRONG_DATA;
}

/* Not the tag of a data object that anybody can ask for. */
static uint32_t certificate_store_tag(uint8_t id, uint8_t version)
{
	return 0xBF210000u | (uint32_t)id << 8 | version;
}

void certificate_store_remove(struct entry *security_domain, uint8_t id, uint8_t version)
{
	entry_forget(security_domain, certificate_store_tag(id, version));
}

uint16_t certificate_store_refer(struct call *call, struct entry *security_domain, struct bytes crt)
{
	struct personalization *personalization = &call->channel->personalization;
	struct bytes reference;
	if (crt.len != 4 || tlv_find(crt, 0x83, &reference) != ERR_NONE || reference.len != 2 ||
	    variant_of_key(reference.at[0]) == NULL)
		return SW_WRONG_DATA;
	if (entry_key(security_domain, reference.at[1], reference.at[0]) == NULL)
		return SW_NO_REFERENCED_DATA;
	memcpy(personalization->key_reference, reference.at, 2);
	personalization->has_key_reference = true;
	return SW_SUCCESS;
}

/* 7.8: of one format, whatever they say. */
uint16_t certificate_store_put(struct call *call, struct entry *security_domain, struct bytes certificates)
{
	struct personalization *personalization = &call->channel->personalization;
	const uint8_t *reference = personalization->key_reference;
	struct reader r = reader_of(certificates);
	uint32_t tag, first = 0;
	struct bytes value;
	while (read_tlv(&r, &tag, &value)) {
		if ((tag != 0x7F21 && tag != 0x30) || (first != 0 && tag != first))
			return SW_WRONG_DATA;
		first = tag;
	}
	if (!personalization->has_key_reference || first == 0 || !reader_done(&r) ||
	    certificates.len > CARD_CERTIFICATES_MAX)
		return SW_WRONG_DATA;
	personalization->has_key_reference = false;
	return entry_store(&call->card->registry, security_domain,
			   certificate_store_tag(reference[0], reference[1]), certificates)
		       ? SW_SUCCESS
		       : SW_MEMORY_FAILURE;
}

/* The static key that KID and KVN name, with what belongs to it. One that was put there comes before that of
 * the factory. NULL when the card has none. */
static const struct variant_row *key_find(const struct call *call, uint8_t id, uint8_t version,
					  struct card_scp11 *ret_scp11)
{
	const struct variant_row *row = variant_of_key(id);
	const struct card_key *key = entry_key(call->selected, version, id);
	const struct data_object *store = entry_object(call->selected, certificate_store_tag(id, version));
	*ret_scp11 = call->card->settings.scp11;
	if (row == NULL || (ret_scp11->options & row->option) == 0)
		return NULL;
	if (key == NULL)
		return ret_scp11->key_version == version ? row : NULL;
	memcpy(ret_scp11->private, key->components->value.at, key->components->value.len);
	ret_scp11->certificates_len = store != NULL ? store->value.len : 0;
	if (store != NULL)
		memcpy(ret_scp11->certificates, store->value.at, store->value.len);
	return row;
}

/* ---- what the card tells ---- */

void build_scp11_keys(const struct call *call, struct builder *b)
{
	const struct card_scp11 *scp11 = &call->card->settings.scp11;
	for (size_t i = 0; i < VARIANT_COUNT && has_scp11(call); i++) {
		if ((scp11->options & variants[i].option) == 0 ||
		    entry_key(call->selected, scp11->key_version, variants[i].key_id) != NULL)
			continue;
		size_t mark = build_open(b, 0xC0);
		build_u8(b, variants[i].key_id);
		build_u8(b, scp11->key_version);
		build_u8(b, KEY_TYPE_ECC_PRIVATE);
		build_u8(b, (uint8_t)ec_size(scp11->curve));
		build_close(b, mark);
	}
}

uint16_t get_certificates(struct call *call)
{
	struct bytes crt, reference;
	struct card_scp11 scp11;
	if (!has_scp11(call))
		return SW_NO_REFERENCED_DATA;
	if (tlv_find(call->command.data, 0xA6, &crt) != ERR_NONE ||
	    tlv_find(crt, 0x83, &reference) != ERR_NONE || reference.len != 2)
		return SW_WRONG_DATA;
	if (key_find(call, reference.at[0], reference.at[1], &scp11) == NULL || scp11.certificates_len == 0)
		return SW_NO_REFERENCED_DATA;
	build_tlv(call->answer, 0xBF21, bytes_of(scp11.certificates, scp11.certificates_len));
	return SW_SUCCESS;
}

/* ---- PERFORM SECURITY OPERATION ---- */

void peer_forget(struct peer *peer)
{
	*peer = (struct peer){ 0 };
}

/* The key that P1 and P2 name; without a version that of the factory. */
static struct bytes authority_find(const struct call *call)
{
	const struct card_scp11 *scp11 = &call->card->settings.scp11;
	const uint8_t version = call->command.p1, id = call->command.p2 & 0x7F;
	const struct card_key *key = is_authority(id) ? entry_key(call->selected, version, id) : NULL;
	if (version != 0 && key != NULL)
		return key->components->value;
	if (version == 0 || (version == scp11->authority_version && id == scp11->authority_id))
		return ec_point_bytes(&scp11->authority);
	return bytes_of(NULL, 0);
}

static uint16_t certificate_take(struct call *call, bool is_last)
{
	const struct card_scp11 *scp11 = &call->card->settings.scp11;
	struct peer *peer = &call->channel->peer;
	struct card_certificate certificate;
	struct bytes authority = authority_find(call);
	enum ec_curve curve = scp11->curve;
	if (!peer->has_issuer && authority.len == 0)
		return SW_NO_REFERENCED_DATA;
	if (peer->has_issuer) {
		authority = ec_point_bytes(&peer->issuer);
		curve = peer->issuer_curve;
	}
	switch (certificate_check(call->command.data, curve, authority, &certificate)) {
	case CERTIFICATE_MALFORMED:
		return SW_WRONG_DATA;
	case CERTIFICATE_NOT_SIGNED:
		return SW_CERTIFICATE_REFUSED;
	case CERTIFICATE_GOOD:
		break;
	}
	if (is_last ? !certificate.may_agree || certificate.curve != scp11->curve : !certificate.may_sign)
		return SW_WRONG_DATA;
	if (!is_last) {
		peer->has_issuer = true;
		peer->issuer = certificate.public;
		peer->issuer_curve = certificate.curve;
		return SW_SUCCESS;
	}
	/* 4.7: the owner of the domain is who its provider number names */
	const struct data_object *owner = entry_object(call->selected, 0x42);
	peer_forget(peer);
	peer->has_key = true;
	peer->key = certificate.public;
	peer->is_owner = owner != NULL && bytes_equal(certificate.subject, owner->value);
	return SW_SUCCESS;
}

uint16_t perform_security_operation(struct call *call)
{
	const struct card_scp11 *scp11 = &call->card->settings.scp11;
	const struct command *command = &call->command;
	bool is_last = (command->p2 & MORE_CERTIFICATES) == 0;
	if (!has_scp11(call) || (scp11->options & (CARD_SCP11_A | CARD_SCP11_C)) == 0)
		return SW_NO_INSTRUCTION;
	if (!is_last && (scp11->options & CARD_SCP11_CHAINS) == 0)
		return SW_WRONG_P1P2;
	uint16_t sw = certificate_take(call, is_last);
	if (sw != SW_SUCCESS)
		peer_forget(&call->channel->peer);
	return sw;
}

/* ---- MUTUAL AUTHENTICATE, INTERNAL AUTHENTICATE ---- */

#define NAMES_MAX 64
#define WITH_IDS  0x04 /* b3 of the SCP parameters */

struct agreement {
	const struct variant_row *row;
	struct card_scp11 scp11; /* with the static key that is meant */
	uint8_t info[3 +
		     NAMES_MAX]; /* usage, type, length, and who both are: what goes into the derivation */
	size_t info_len;
	struct bytes point;
	uint8_t level;
};

static bool level_of_usage(uint8_t usage, enum variant variant, uint8_t *ret_level)
{
	static const struct {
		uint8_t usage, level;
		bool is_of_c_only;
	} rows[] = {
		{ 0x34, LEVEL_CMAC | LEVEL_RMAC, false },
		{ 0x3C, LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC | LEVEL_RENC, false },
		{ 0x1C, LEVEL_CMAC | LEVEL_CDEC, true },
		{ 0x74, LEVEL_CMAC | LEVEL_CDEC | LEVEL_RMAC, true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].usage != usage || (rows[i].is_of_c_only && variant != VARIANT_C))
			continue;
		*ret_level = rows[i].level;
		return true;
	}
	return false;
}

static bool byte_find(struct bytes crt, uint32_t tag, uint8_t *ret_byte)
{
	struct bytes value;
	if (tlv_find(crt, tag, &value) != ERR_NONE || value.len != 1)
		return false;
	*ret_byte = value.at[0];
	return true;
}

static bool name_add(struct agreement *a, struct bytes name)
{
	if (name.len > UINT8_MAX || a->info_len + 1 + name.len > sizeof(a->info))
		return false;
	a->info[a->info_len++] = (uint8_t)name.len;
	memcpy(&a->info[a->info_len], name.at, name.len);
	a->info_len += name.len;
	return true;
}

static bool own_number_add(struct agreement *a, const struct entry *security_domain, uint32_t tag)
{
	const struct data_object *number = entry_object(security_domain, tag);
	return number != NULL && name_add(a, number->value);
}

/* Of the last certificate in the format of GlobalPlatform. */
static bool card_group_add(struct agreement *a, const struct card_scp11 *scp11)
{
	struct reader r = reader_of(bytes_of(scp11->certificates, scp11->certificates_len));
	struct bytes certificate, subject = { 0 };
	uint32_t tag;
	while (read_tlv(&r, &tag, &certificate)) {
		if (tag != 0x7F21 || tlv_find(certificate, 0x5F20, &subject) != ERR_NONE)
			return false;
	}
	return subject.len > 0 && name_add(a, subject);
}

/* 7.6.2.3: HostID is there when b3 says so, and only then. */
static bool names_read(struct call *call, struct agreement *a, struct bytes crt, bool is_wanted)
{
	const struct card_scp11 *scp11 = &a->scp11;
	struct bytes host;
	a->info_len = 3;
	if ((tlv_find(crt, 0x84, &host) == ERR_NONE) != is_wanted)
		return false;
	if (!is_wanted)
		return true;
	if (host.len == 0 || !name_add(a, host))
		return false;
	if (a->row->variant == VARIANT_C)
		return card_group_add(a, scp11);
	return own_number_add(a, call->selected, 0x42) && own_number_add(a, call->selected, 0x45);
}

/* Table 7-15 */
static bool agreement_read(struct call *call, struct agreement *a)
{
	struct reader r = reader_of(call->command.data);
	struct bytes crt, protocol;
	uint32_t tag;
	return read_tlv(&r, &tag, &crt) && tag == 0xA6 && read_tlv(&r, &tag, &a->point) && tag == 0x5F49 &&
	       reader_done(&r) && tlv_find(crt, 0x90, &protocol) == ERR_NONE && protocol.len == 2 &&
	       protocol.at[0] == SCP_ID && (protocol.at[1] & ~WITH_IDS) == a->row->variant &&
	       names_read(call, a, crt, (protocol.at[1] & WITH_IDS) != 0) &&
	       byte_find(crt, 0x95, &a->info[0]) && byte_find(crt, 0x80, &a->info[1]) &&
	       byte_find(crt, 0x81, &a->info[2]) && a->info[1] == KEY_TYPE_AES &&
	       (a->info[2] == 16 || a->info[2] == 24 || a->info[2] == 32) &&
	       level_of_usage(a->info[0], a->row->variant, &a->level) &&
	       ec_check_public(call->card->settings.scp11.curve, a->point) == ERR_NONE;
}

/* Amd F 7.6.2.3 and table 7-16 */
static enum err keys_agree(const struct card_scp11 *scp11, const struct agreement *a, const struct peer *peer,
			   struct bytes own_private, struct session *session, struct secret *ret_receipt_key)
{
	const struct bytes fixed = bytes_of(scp11->private, ec_size(scp11->curve));
	struct secret *const keys[] = { ret_receipt_key, &session->enc, &session->mac, &session->rmac,
					&session->dek };
	uint8_t shared[2 * EC_SIZE_MAX], material[5 * 32];
	size_t size = ec_size(scp11->curve), len = a->info[2];
	enum err err = ec_agree(scp11->curve, own_private, a->point, shared);
	if (err == ERR_NONE)
		err = ec_agree(scp11->curve, fixed,
			       a->row->variant == VARIANT_B ? a->point : ec_point_bytes(&peer->key),
			       &shared[size]);
	if (err == ERR_NONE)
		err = kdf_x963(DIGEST_SHA256, bytes_of(shared, 2 * size), bytes_of(a->info, a->info_len),
			       material, 5 * len);
	for (size_t i = 0; i < 5 && err == ERR_NONE; i++)
		err = secret_from(bytes_of(&material[i * len], len), keys[i]);
	wipe(shared, sizeof(shared));
	wipe(material, sizeof(material));
	return err;
}

/* In 11c the card's part is its static key, so that the same script fits many cards. */
static enum err own_part(const struct card_scp11 *scp11, const struct agreement *a, uint8_t *ret_private,
			 struct ec_point *ret_public)
{
	if (a->row->variant != VARIANT_C)
		return ec_generate(scp11->curve, ret_private, ret_public);
	memcpy(ret_private, scp11->private, ec_size(scp11->curve));
	return ec_public_of(scp11->curve, bytes_of(scp11->private, ec_size(scp11->curve)), ret_public);
}

static uint16_t agree(struct call *call, const struct agreement *a)
{
	const struct card_scp11 *scp11 = &a->scp11;
	struct session *session = &call->channel->session;
	struct builder point = builder_in(call->card->scratch);
	struct secret receipt_key = { .len = 0 };
	struct ec_point public;
	uint8_t private[EC_SIZE_MAX], receipt[AES_BLOCK];
	struct bytes element;
	*session = (struct session){
		.state = SESSION_OPEN,
		.level = a->level,
		.opened_level = a->level,
		.mac_len = (scp11->options & CARD_SCP11_S16) != 0 ? 16 : 8,
		.is_authenticated = a->row->variant != VARIANT_B && call->channel->peer.is_owner,
		.is_replayable = a->row->variant == VARIANT_C,
	};
	enum err err = own_part(scp11, a, private, &public);
	if (err == ERR_NONE)
		err = keys_agree(scp11, a, &call->channel->peer, bytes_of(private, ec_size(scp11->curve)),
				 session, &receipt_key);
	build_tlv(&point, 0x5F49, ec_point_bytes(&public));
	if (err == ERR_NONE)
		err = builder_bytes(&point, &element);
	if (err == ERR_NONE) {
		const struct bytes parts[] = { call->command.data, element };
		err = aes_cmac(secret_bytes(&receipt_key), parts, 2, receipt);
	}
	secret_wipe(&receipt_key);
	wipe(private, sizeof(private));
	peer_forget(&call->channel->peer);
	if (err != ERR_NONE) {
		session_end(session);
		return SW_WRONG_DATA;
	}
	memcpy(session->chaining_value, receipt, AES_BLOCK);
	if (call->card->settings.misbehaviour.has_wrong_cryptogram)
		receipt[0] ^= 0x01;
	build_bytes(call->answer, element);
	build_tlv(call->answer, 0x86, bytes_of(receipt, RECEIPT));
	return SW_SUCCESS;
}

static bool is_replayable_elsewhere(const struct call *call)
{
	for (size_t i = 0; i < CARD_CHANNELS_MAX; i++) {
		const struct channel *channel = &call->card->channels[i];
		if (channel != call->channel && channel->is_open && channel->session.state == SESSION_OPEN &&
		    channel->session.is_replayable)
			return true;
	}
	return false;
}

static uint16_t authenticate(struct call *call, bool is_internal)
{
	struct agreement agreement;
	agreement.row = key_find(call, call->command.p2, call->command.p1, &agreement.scp11);
	if (agreement.row == NULL || agreement.row->is_internal != is_internal)
		return SW_NO_REFERENCED_DATA;
	if (!is_internal && !call->channel->peer.has_key)
		return SW_CONDITIONS_OF_USE;
	if (!agreement_read(call, &agreement))
		return SW_WRONG_DATA;
	if (agreement.row->variant == VARIANT_C && is_replayable_elsewhere(call))
		return SW_CONDITIONS_OF_USE;
	uint16_t sw = agree(call, &agreement);
	wipe(&agreement, sizeof(agreement));
	return sw;
}

uint16_t mutual_authenticate(struct call *call)
{
	if (!has_scp11(call) || call->command.p2 == 0)
		return SW_NO_CLASS; /* EXTERNAL AUTHENTICATE without secure messaging */
	session_end(&call->channel->session);
	personalization_end(&call->channel->personalization);
	uint16_t sw = authenticate(call, false);
	if (sw != SW_SUCCESS)
		peer_forget(&call->channel->peer);
	return sw;
}

uint16_t internal_authenticate(struct call *call)
{
	if (!has_scp11(call) || (call->card->settings.scp11.options & CARD_SCP11_B) == 0)
		return SW_NO_INSTRUCTION;
	session_end(&call->channel->session);
	personalization_end(&call->channel->personalization);
	return authenticate(call, true);
}
