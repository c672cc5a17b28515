#include "operations/single_keys.h"

#include "channel/certificate.h"

#define KEY_ID_SINGLE    1
#define KEY_ID_AUTHORITY 0x10

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

static void add_key(struct single_keys *keys, struct new_key key, uint8_t version)
{
	keys->versions[keys->key_count] = version;
	keys->keys[keys->key_count++] = key;
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

static enum err read_scp11(struct task *task, struct single_keys *keys, struct fault *fault)
{
	struct scp11_keyset *set = &keys->scp11;
	enum err err = scp11_keyset_read(task, keys->new_version, set, fault);

	if (err != ERR_NONE)
		return err;
	if (set->authority_public.len == 0 && set->card_private.len == 0)
		return fault_set(
			fault, ERR_CONFLICT,
			"SCP11 key set %02X has neither authorityPublicKeyHex nor cardPrivateKeyHex to put",
			keys->new_version);
	if (set->authority_public.len > 0)
		add_key(keys,
			new_key_ec_public(set->authority_id != 0 ? set->authority_id : KEY_ID_AUTHORITY,
					  set->curve, set->authority_public),
			set->authority_version != 0 ? set->authority_version : keys->new_version);
	keys->first_certified = keys->key_count;
	keys->certificates = set->card_certificates;
	for (enum scp11_variant v = 0; v < SCP11_VARIANT_COUNT && set->card_private.len > 0; v++) {
		if ((set->variants & scp11_variant_bit(v)) == 0)
			continue;
		add_key(keys, new_key_ec_private(scp11_key_id(v), set->curve, set->card_private),
			keys->new_version);
	}
	return set->card_private.len > 0 ? check_card_certificates(task, set, fault) : ERR_NONE;
}

static enum err add_public(struct single_keys *keys, struct fault *fault)
{
	struct signature_key *key = &keys->signing;
	enum err err;

	if (key->algorithm == SIGNATURE_RSA) {
		err = rsa_public_of(key->key, &keys->rsa);
		if (err == ERR_NONE)
			add_key(keys, new_key_rsa_public(KEY_ID_SINGLE, &keys->rsa), keys->new_version);
	} else {
		err = ec_public_of(key->curve, key->key, &keys->point);
		if (err == ERR_NONE)
			add_key(keys,
				new_key_ec_public(KEY_ID_SINGLE, key->curve, ec_point_bytes(&keys->point)),
				keys->new_version);
	}
	return err == ERR_NONE ? ERR_NONE : fault_set(fault, err, "the stored %s key is damaged", keys->kind);
}

/* The card has the other side of the key that the operator stored. */
static enum err read_signing(struct task *task, struct single_keys *keys, struct fault *fault)
{
	struct signature_key *key = &keys->signing;
	enum err err = signing_key_read_version(task, keys->kind, task->domain_aid, keys->new_version, key);

	if (err != ERR_NONE)
		return fault_set(fault, err,
				 "%s key %02X is not stored for security domain %s of this device",
				 keys->kind, keys->new_version, bytes_to_hex(task->arena, task->domain_aid));
	if (key->key.len == 0)
		return fault_set(
			fault, ERR_CONFLICT,
			"the card signs with the private part of %s key %02X, which is not stored here",
			keys->kind, keys->new_version);
	if (key->algorithm == SIGNATURE_RSA || key->algorithm == SIGNATURE_EC)
		return add_public(keys, fault);
	add_key(keys,
		new_key_symmetric(KEY_ID_SINGLE,
				  key->algorithm == SIGNATURE_AES ? KEY_TYPE_AES : KEY_TYPE_DES, key->key),
		keys->new_version);
	return ERR_NONE;
}

enum err single_keys_read(struct task *task, struct single_keys *ret_keys, struct fault *fault)
{
	*ret_keys = (struct single_keys){
		.kind = task_text(task, "kind", ""),
		.new_version = (uint8_t)task_number(task, "newKeyVersion", 0),
		.replace_version = (uint8_t)task_number(task, "replaceKeyVersion", 0),
	};
	return strcmp(ret_keys->kind, SCP11_KIND) == 0 ? read_scp11(task, ret_keys, fault)
						       : read_signing(task, ret_keys, fault);
}

void single_keys_wipe(struct single_keys *keys)
{
	scp11_keyset_wipe(&keys->scp11);
	signing_key_wipe(&keys->signing);
}
