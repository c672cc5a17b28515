#include "keyset_packets.h"

#include <cardea/crypto.h>

#define MAX_KEY_SET  15 /* TS 102 225 5.1.2: a nibble, and 0 says that it is known */
#define MAX_COUNTER  0xFFFFFFFFFF
#define CHECK_SIZE   3
#define DEFAULT_NAME "aes"

static const struct algorithm_row {
	const char *name;
	size_t sizes[3];
	const char *text;
} algorithms[] = {
	{ "aes", { 16, 24, 32 }, "an AES key of 16, 24 or 32 bytes" },
	{ "3des", { 16, 24, 24 }, "a triple DES key of 16 or 24 bytes" },
	{ "des", { 8, 8, 8 }, "a DES key of 8 bytes" },
};

static enum err algorithm_read(const json_t *body, const char *member, const struct algorithm_row **ret_row,
			       struct fault *fault)
{
	const json_t *value = json_object_get(body, member);
	const char *name = value == NULL ? DEFAULT_NAME : json_string_value(value);

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]) && name != NULL; i++) {
		if (strcmp(algorithms[i].name, name) == 0) {
			*ret_row = &algorithms[i];
			return ERR_NONE;
		}
	}
	return fault_set(fault, ERR_MALFORMED, "%s: must be aes, 3des or des", member);
}

/* GPCS B.6 */
static enum err check_value(const struct algorithm_row *algorithm, struct bytes key,
			    uint8_t ret_block[static AES_BLOCK])
{
	uint8_t block[AES_BLOCK], twice[2 * DES_BLOCK];

	memset(block, algorithm == &algorithms[0] ? 1 : 0, sizeof(block));
	if (algorithm == &algorithms[0])
		return aes_ecb_encrypt(key, bytes_of(block, AES_BLOCK), ret_block);
	if (key.len > DES_BLOCK)
		return des3_ecb_encrypt(key, bytes_of(block, DES_BLOCK), ret_block);
	memcpy(twice, key.at, DES_BLOCK);
	memcpy(&twice[DES_BLOCK], key.at, DES_BLOCK);
	enum err err =
		des3_ecb_encrypt(bytes_of(twice, sizeof(twice)), bytes_of(block, DES_BLOCK), ret_block);
	wipe(twice, sizeof(twice));
	return err;
}

/* One key, and its check value in hexadecimal. */
static enum err key_read(struct arena *arena, const json_t *body, const char *member,
			 const struct algorithm_row *algorithm, const char **ret_check, struct fault *fault)
{
	const char *hex;
	struct bytes key;
	uint8_t block[AES_BLOCK];
	enum err err = body_text(body, member, 2 * SECRET_MAX, &hex, fault);

	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(arena, hex, &key) != ERR_NONE ||
	    (key.len != algorithm->sizes[0] && key.len != algorithm->sizes[1] &&
	     key.len != algorithm->sizes[2]))
		return fault_set(fault, ERR_MALFORMED, "%s: %s in hexadecimal", member, algorithm->text);
	err = check_value(algorithm, key, block);
	wipe((void *)(uintptr_t)key.at, key.len);
	if (err == ERR_NONE)
		*ret_check = bytes_to_hex(arena, bytes_of(block, CHECK_SIZE));
	return err == ERR_NONE && *ret_check == NULL ? ERR_NOMEM : err;
}

static enum err check_body(const json_t *body, struct fault *fault)
{
	static const char *const members[] = { "kind",   "aidHex",       "version",      "kicHex",  "kidHex",
					       "kikHex", "kicAlgorithm", "kidAlgorithm", "counter", NULL };
	json_int_t number;
	enum err err = body_members(body, members, fault);

	if (err == ERR_NONE)
		err = body_number(body, "version", 1, MAX_KEY_SET, &number, fault);
	if (err == ERR_NONE && json_object_get(body, "counter") != NULL)
		err = body_number(body, "counter", 0, MAX_COUNTER, &number, fault);
	return err;
}

enum err keyset_packets_check(struct arena *arena, const json_t *body, const char **ret_check_values,
			      struct fault *fault)
{
	const struct algorithm_row *kic, *kid;
	const char *kic_check, *kid_check, *kik_check = "";
	enum err err = check_body(body, fault);

	if (err == ERR_NONE)
		err = algorithm_read(body, "kicAlgorithm", &kic, fault);
	if (err == ERR_NONE)
		err = algorithm_read(body, "kidAlgorithm", &kid, fault);
	if (err == ERR_NONE)
		err = key_read(arena, body, "kicHex", kic, &kic_check, fault);
	if (err == ERR_NONE)
		err = key_read(arena, body, "kidHex", kid, &kid_check, fault);
	if (err == ERR_NONE && json_object_get(body, "kikHex") != NULL)
		err = key_read(arena, body, "kikHex", kic, &kik_check, fault);
	if (err != ERR_NONE)
		return err;
	*ret_check_values = arena_printf(arena, "{\"kic\":\"%s\",\"kid\":\"%s\"%s%s%s}", kic_check, kid_check,
					 kik_check[0] != 0 ? ",\"kik\":\"" : "", kik_check,
					 kik_check[0] != 0 ? "\"" : "");
	return *ret_check_values != NULL ? ERR_NONE : ERR_NOMEM;
}
