#include "key_body.h"

#include <stdio.h>

#include "reply.h"

#define MAX_KEY_HEX 64

enum err body_key(struct http_request *request, const json_t *body, const char *name, struct key *ret_key,
		  struct fault *fault)
{
	const char *hex;
	struct bytes key = { 0 };
	struct secret secret;
	enum err err = body_text(body, name, MAX_KEY_HEX, &hex, fault);
	if (err != ERR_NONE)
		return err;
	if (bytes_from_hex(request->arena, hex, &key) != ERR_NONE ||
	    (key.len != 16 && key.len != 24 && key.len != 32))
		return fault_set(fault, ERR_MALFORMED, "%s: a key of 16, 24 or 32 bytes in hexadecimal",
				 name);
	err = secret_from(key, &secret);
	if (err == ERR_NONE)
		*ret_key = key_of(&secret);
	secret_wipe(&secret);
	wipe((void *)(uintptr_t)key.at, key.len);
	return err;
}

enum err key_check_text(const struct key *key, bool is_des, char ret_text[static 7])
{
	uint8_t block[AES_BLOCK], result[AES_BLOCK];
	memset(block, is_des ? 0 : 1, sizeof block);
	enum err err = key_encrypt(key, is_des ? CIPHER_DES3_ECB : CIPHER_AES_ECB, NULL,
				   bytes_of(block, is_des ? DES_BLOCK : AES_BLOCK), result);
	if (err == ERR_NONE)
		snprintf(ret_text, 7, "%02X%02X%02X", result[0], result[1], result[2]);
	return err;
}
