#include "operations/signing_key.h"

static bool read_hex(struct task *task, const json_t *document, const char *name, struct bytes *ret_bytes)
{
	const json_t *value = json_object_get(document, name);

	*ret_bytes = bytes_of(NULL, 0);
	return value == NULL ||
	       (json_is_string(value) &&
		bytes_from_hex(task->arena, json_string_value(value), ret_bytes) == ERR_NONE);
}

static bool read_document(struct task *task, const json_t *document, struct signature_key *key)
{
	const char *algorithm = json_string_value(json_object_get(document, "algorithm"));
	const char *curve = json_string_value(json_object_get(document, "curve"));
	struct bytes symmetric;

	if (algorithm == NULL || signature_algorithm_find(algorithm, &key->algorithm) != ERR_NONE ||
	    (key->algorithm == SIGNATURE_EC &&
	     (curve == NULL || ec_curve_find(curve, &key->curve) != ERR_NONE)) ||
	    !read_hex(task, document, "keyHex", &symmetric) ||
	    !read_hex(task, document, "privateKeyHex", &key->key) ||
	    !read_hex(task, document, "publicKeyHex", &key->public))
		return false;
	if (symmetric.len > 0)
		key->key = symmetric;
	return key->key.len > 0 || key->public.len > 0;
}

static bool names_domain(struct task *task, const json_t *document, struct bytes aid)
{
	struct bytes own;

	return read_hex(task, document, "aidHex", &own) && own.len > 0 && bytes_equal(own, aid);
}

static enum err read_key(struct task *task, const char *kind, struct bytes aid, uint8_t version,
			 bool must_name_domain, struct signature_key *ret_key)
{
	struct signature_key key = { 0 };
	const char *text;
	enum err err = task->plugin->api->keyset_document(task->out, kind, aid, version, &text);

	if (err != ERR_NONE)
		return err;
	json_t *document = json_loads(text, 0, NULL);
	if (document == NULL || !read_document(task, document, &key))
		err = ERR_MALFORMED;
	else if (must_name_domain && !names_domain(task, document, aid))
		err = ERR_NOT_FOUND;
	json_decref(document);
	if (err == ERR_NONE)
		*ret_key = key;
	else
		signing_key_wipe(&key);
	return err;
}

enum err signing_key_read(struct task *task, const char *kind, struct bytes aid,
			  struct signature_key *ret_key)
{
	return read_key(task, kind, aid, 0, false, ret_key);
}

enum err signing_key_read_own(struct task *task, const char *kind, struct bytes aid,
			      struct signature_key *ret_key)
{
	return read_key(task, kind, aid, 0, true, ret_key);
}

enum err signing_key_read_version(struct task *task, const char *kind, struct bytes aid, uint8_t version,
				  struct signature_key *ret_key)
{
	return read_key(task, kind, aid, version, false, ret_key);
}

void signing_key_wipe(struct signature_key *key)
{
	if (key->key.len > 0)
		wipe((void *)(uintptr_t)key->key.at, key->key.len);
	key->key = bytes_of(NULL, 0);
}
