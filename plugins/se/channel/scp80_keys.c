#include "channel/scp80_keys.h"

#define PRINT_SIZE 4

static bool read_key(struct task *task, const json_t *document, const char *name, struct secret *ret_key)
{
	const char *hex = json_string_value(json_object_get(document, name));
	struct bytes key;

	if (hex == NULL || bytes_from_hex(task->arena, hex, &key) != ERR_NONE)
		return false;
	const bool is_read = secret_from(key, ret_key) == ERR_NONE;
	wipe((void *)(uintptr_t)key.at, key.len);
	return is_read;
}

/* TS 102 225, 5.1.2 and 5.1.3: the lower nibble; 0 for what does not exist. */
static uint8_t algorithm_of(const json_t *document, const char *name, const struct secret *key)
{
	const char *algorithm = json_string_value(json_object_get(document, name));

	if (algorithm == NULL || strcmp(algorithm, "aes") == 0)
		return 0x02;
	if (strcmp(algorithm, "3des") == 0)
		return key->len == 24 ? 0x09 : 0x05;
	return strcmp(algorithm, "des") == 0 ? 0x01 : 0;
}

static bool read_document(struct task *task, const json_t *document, struct scp80_keyset *k)
{
	const json_int_t version = json_integer_value(json_object_get(document, "version"));
	const json_int_t counter = json_integer_value(json_object_get(document, "counter"));

	if (version < 1 || version > 15 || counter < 0 ||
	    !read_key(task, document, "kicHex", &k->cipher_key) ||
	    !read_key(task, document, "kidHex", &k->mac_key))
		return false;
	k->version = (uint8_t)version;
	k->kic = (uint8_t)(version << 4 | algorithm_of(document, "kicAlgorithm", &k->cipher_key));
	k->kid = (uint8_t)(version << 4 | algorithm_of(document, "kidAlgorithm", &k->mac_key));
	k->counter = (uint64_t)counter;
	return true;
}

enum err scp80_keyset_read(struct task *task, uint8_t version, struct scp80_keyset *ret_keyset,
			   struct fault *fault)
{
	struct scp80_keyset keyset = { 0 };
	const char *text;
	enum err err =
		task->plugin->api->keyset_document(task->out, SCP80_KIND, task->domain_aid, version, &text);

	if (err != ERR_NONE)
		return fault_set(fault, err, "SCP80 key set %02X is not stored for this device", version);
	json_t *document = json_loads(text, 0, NULL);
	if (document == NULL || !read_document(task, document, &keyset))
		err = fault_set(fault, ERR_MALFORMED, "the stored SCP80 key set is damaged");
	else
		*ret_keyset = keyset;
	json_decref(document);
	scp80_keyset_wipe(&keyset);
	return err;
}

void scp80_keyset_wipe(struct scp80_keyset *keyset)
{
	secret_wipe(&keyset->cipher_key);
	secret_wipe(&keyset->mac_key);
}

const char *scp80_counter_name(struct task *task, const struct scp80_keyset *keyset)
{
	const struct bytes keys[] = { secret_bytes(&keyset->cipher_key), secret_bytes(&keyset->mac_key) };
	struct builder b = builder_in(task->arena);
	uint8_t print[SHA256_SIZE];
	struct bytes both;

	build_bytes(&b, keys[0]);
	build_bytes(&b, keys[1]);
	enum err err = builder_bytes(&b, &both);
	if (err == ERR_NONE)
		err = sha256(both, print);
	if (b.len > 0)
		wipe(b.at, b.len);
	if (err != ERR_NONE)
		return NULL;
	return arena_printf(task->arena, "scp80/%02X/%s", keyset->version,
			    bytes_to_hex(task->arena, bytes_of(print, PRINT_SIZE)));
}
