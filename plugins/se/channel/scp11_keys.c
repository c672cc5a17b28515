#include "channel/scp11_keys.h"

static bool read_hex(struct task *task, const json_t *document, const char *name, struct bytes *ret_bytes)
{
	const json_t *value = json_object_get(document, name);

	return json_is_string(value) &&
	       bytes_from_hex(task->arena, json_string_value(value), ret_bytes) == ERR_NONE;
}

static uint8_t number_of(const json_t *document, const char *name, uint8_t fallback)
{
	const json_t *value = json_object_get(document, name);

	return json_is_integer(value) ? (uint8_t)json_integer_value(value) : fallback;
}

static bool read_variants(const json_t *document, uint8_t *ret_variants)
{
	const json_t *list = json_object_get(document, "variants"), *item;
	uint8_t variants = 0;
	size_t i;

	json_array_foreach (list, i, item) {
		enum scp11_variant variant;
		if (!json_is_string(item) ||
		    scp11_variant_find(json_string_value(item), &variant) != ERR_NONE)
			return false;
		variants |= scp11_variant_bit(variant);
	}
	*ret_variants = variants;
	return variants != 0;
}

static bool read_certificates(struct task *task, const json_t *document, struct scp11_keyset *k)
{
	const json_t *list = json_object_get(document, "certificatesHex"), *item;
	size_t i;

	if (json_array_size(list) > SCP11_MAX_CERTIFICATES)
		return false;
	json_array_foreach (list, i, item) {
		if (!json_is_string(item) ||
		    bytes_from_hex(task->arena, json_string_value(item), &k->certificates[i]) != ERR_NONE)
			return false;
		k->certificate_count++;
	}
	return true;
}

static bool read_optional_hex(struct task *task, const json_t *document, const char *name,
			      struct bytes *ret_bytes)
{
	return json_object_get(document, name) == NULL || read_hex(task, document, name, ret_bytes);
}

static bool read_card_certificates(struct task *task, const json_t *document, struct scp11_keyset *k)
{
	const json_t *list = json_object_get(document, "cardCertificatesHex"), *item;
	struct builder b = builder_in(task->arena);
	struct bytes certificate;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!json_is_string(item) ||
		    bytes_from_hex(task->arena, json_string_value(item), &certificate) != ERR_NONE)
			return false;
		build_bytes(&b, certificate);
	}
	return builder_bytes(&b, &k->card_certificates) == ERR_NONE;
}

static bool read_what_cards_get(struct task *task, const json_t *document, struct scp11_keyset *k)
{
	return read_optional_hex(task, document, "authorityPublicKeyHex", &k->authority_public) &&
	       read_optional_hex(task, document, "cardPrivateKeyHex", &k->card_private) &&
	       read_card_certificates(task, document, k);
}

static bool read_document(struct task *task, const json_t *document, struct scp11_keyset *k)
{
	const char *curve = json_string_value(json_object_get(document, "curve"));
	struct bytes private;

	if (curve == NULL || ec_curve_find(curve, &k->curve) != ERR_NONE ||
	    !read_variants(document, &k->variants) || !read_certificates(task, document, k) ||
	    !read_hex(task, document, "cardAuthorityPublicKeyHex", &k->card_authority))
		return false;
	if ((k->variants & (SCP11_I_A | SCP11_I_C)) != 0) {
		if (!read_hex(task, document, "privateKeyHex", &private) ||
		    private.len != ec_size(k->curve) || k->certificate_count == 0)
			return false;
		memcpy(k->private, private.at, private.len);
		wipe((void *)(uintptr_t) private.at, private.len);
	}
	if (!read_what_cards_get(task, document, k))
		return false;
	if (json_object_get(document, "hostIdHex") != NULL &&
	    (!read_hex(task, document, "hostIdHex", &k->host_id) || k->host_id.len > SCP11_MAX_HOST_ID))
		return false;
	k->version = number_of(document, "version", 0);
	k->key_size = number_of(document, "sessionKeyBytes", 16);
	k->authority_version = number_of(document, "authorityKeyVersion", 0);
	k->authority_id = number_of(document, "authorityKeyId", 0);
	return k->version != 0;
}

enum err scp11_keyset_read(struct task *task, uint8_t version, struct scp11_keyset *ret_keyset,
			   struct fault *fault)
{
	const struct cardea_host_api *api = task->plugin->api;
	struct scp11_keyset keyset = { 0 };
	const char *text;

	if (api->size < offsetof(struct cardea_host_api, keyset_document) + sizeof(api->keyset_document) ||
	    api->keyset_document == NULL)
		return ERR_NOT_FOUND;
	enum err err = api->keyset_document(task->out, SCP11_KIND, task->key_owner, version, &text);
	if (err != ERR_NONE)
		return fault_set(fault, err, "SCP11 key set %02X is not stored for this device", version);
	json_t *document = json_loads(text, 0, NULL);
	if (document == NULL || !read_document(task, document, &keyset)) {
		err = fault_set(fault, ERR_MALFORMED, "the stored SCP11 key set is damaged");
		scp11_keyset_wipe(&keyset);
	} else {
		*ret_keyset = keyset;
		wipe(keyset.private, sizeof(keyset.private));
	}
	json_decref(document);
	return err;
}

void scp11_keyset_wipe(struct scp11_keyset *keyset)
{
	wipe(keyset->private, sizeof(keyset->private));
	if (keyset->card_private.len > 0)
		wipe((void *)(uintptr_t)keyset->card_private.at, keyset->card_private.len);
	keyset->card_private = bytes_of(NULL, 0);
}
