#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cardea/crypto.h>

#define KEK_SIZE 32
#define MAX_TEXT (2 * KEK_SIZE + 2) /* hex digits and the end of a line */

struct vault {
	struct secret kek;
};

static enum err kek_from_hex(const char *hex, struct secret *ret_kek, struct fault *fault)
{
	struct arena *arena = arena_create(0);
	struct bytes kek;
	enum err err;

	if (arena == NULL)
		return ERR_NOMEM;
	err = bytes_from_hex(arena, hex, &kek);
	if (err == ERR_NONE && kek.len != KEK_SIZE)
		err = ERR_MALFORMED;
	if (err == ERR_NONE)
		err = secret_from(kek, ret_kek);
	arena_free(arena);
	if (err == ERR_MALFORMED)
		fault_set(fault, err, "key encryption key: neither %d bytes nor %d hexadecimal digits",
			  KEK_SIZE, 2 * KEK_SIZE);
	return err;
}

static enum err kek_from_file(const char *path, struct secret *ret_kek, struct fault *fault)
{
	char text[MAX_TEXT + 2] = { 0 }; /* one byte more than there may be, and the 0 */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	enum err err;

	if (fd < 0)
		return fault_set(fault, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
				 "key encryption key: %s: %s", path, strerror(errno));
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0) {
		err = fault_set(fault, ERR_IO, "key encryption key: %s: %s", path, strerror(errno));
	} else if (len == KEK_SIZE) {
		err = secret_from(bytes_of(text, KEK_SIZE), ret_kek);
	} else {
		while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			text[--len] = 0;
		err = kek_from_hex(text, ret_kek, fault);
	}
	wipe(text, sizeof(text));
	return err;
}

enum err vault_open(const char *kek_file, const char *kek_hex, struct vault **ret_vault, struct fault *fault)
{
	bool has_file = kek_file != NULL && kek_file[0] != 0;
	struct vault *vault;
	enum err err;

	if (!has_file && (kek_hex == NULL || kek_hex[0] == 0))
		return fault_set(fault, ERR_NOT_FOUND,
				 "key encryption key: neither a file nor a value is given");
	vault = calloc(1, sizeof(*vault));
	if (vault == NULL)
		return ERR_NOMEM;
	err = has_file ? kek_from_file(kek_file, &vault->kek, fault)
		       : kek_from_hex(kek_hex, &vault->kek, fault);
	if (err != ERR_NONE) {
		vault_close(vault);
		return err;
	}
	*ret_vault = vault;
	return ERR_NONE;
}

/* NIST SP 800-108 in counter mode, with CMAC. */
static enum err kek_by_key(const struct key *key, struct secret *ret_kek)
{
	struct secret kek = { .len = KEK_SIZE };
	enum err err = ERR_NONE;

	for (uint8_t i = 1; i <= KEK_SIZE / AES_BLOCK && err == ERR_NONE; i++) {
		const struct bytes parts[] = { bytes_of(&i, 1), bytes_of_text("cardea key encryption key") };
		err = key_cmac(key, parts, 2, &kek.at[(i - 1) * AES_BLOCK]);
	}
	if (err == ERR_NONE)
		*ret_kek = kek;
	secret_wipe(&kek);
	return err;
}

enum err vault_open_with_key(const struct key *key, struct vault **ret_vault, struct fault *fault)
{
	struct vault *vault = calloc(1, sizeof(*vault));

	if (vault == NULL)
		return ERR_NOMEM;
	enum err err = kek_by_key(key, &vault->kek);
	if (err != ERR_NONE) {
		vault_close(vault);
		return fault_set(fault, err, "key encryption key: the token cannot derive it with \"%s\": %s",
				 key->label, err_name(err));
	}
	*ret_vault = vault;
	return ERR_NONE;
}

void vault_close(struct vault *vault)
{
	if (vault == NULL)
		return;
	secret_wipe(&vault->kek);
	free(vault);
}

enum err vault_seal(const struct vault *vault, struct arena *arena, const char *context, struct bytes secret,
		    struct bytes *ret_sealed)
{
	uint8_t *at;
	enum err err;

	if (secret.len > SIZE_MAX - SEAL_OVERHEAD)
		return ERR_LIMIT;
	at = arena_alloc(arena, secret.len + SEAL_OVERHEAD);
	if (at == NULL)
		return ERR_NOMEM;
	err = aes_gcm_seal(secret_bytes(&vault->kek), bytes_of_text(context), secret, at);
	if (err == ERR_NONE)
		*ret_sealed = bytes_of(at, secret.len + SEAL_OVERHEAD);
	return err;
}

enum err vault_open_sealed(const struct vault *vault, struct arena *arena, const char *context,
			   struct bytes sealed, struct bytes *ret_secret)
{
	uint8_t *at;
	enum err err;

	if (sealed.len < SEAL_OVERHEAD)
		return ERR_DENIED;
	at = arena_alloc(arena, sealed.len - SEAL_OVERHEAD + 1); /* ends with a 0, as copies do */
	if (at == NULL)
		return ERR_NOMEM;
	err = aes_gcm_open(secret_bytes(&vault->kek), bytes_of_text(context), sealed, at);
	if (err == ERR_NONE)
		*ret_secret = bytes_of(at, sealed.len - SEAL_OVERHEAD);
	return err;
}

enum err vault_derive(const struct vault *vault, const char *context, uint8_t ret_value[SHA256_SIZE])
{
	return hmac_sha256(secret_bytes(&vault->kek), bytes_of_text(context), ret_value);
}
