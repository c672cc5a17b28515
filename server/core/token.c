/* PKCS #11 v2.40: 5.4 general purpose, 5.6 sessions, 5.7 objects, 5.8 encryption, 5.11 signatures, 5.13 keys
 */
#include "token.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

#define MAX_SLOTS 64
#define MAX_PIN   256
#define MAX_DATA  256 /* that is encrypted at a time */

struct token {
	void *library;
	CK_FUNCTION_LIST *calls;
	CK_SLOT_ID slot;
	struct secret pin;
	atomic_bool is_refused; /* the PIN: trying it again would lock the token */
	bool is_initialized;
};

/* ---- what it answers ---- */

static enum err kind_of(CK_RV rv)
{
	switch (rv) {
	case CKR_OK:
		return ERR_NONE;
	case CKR_HOST_MEMORY:
		return ERR_NOMEM;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LOCKED:
	case CKR_PIN_EXPIRED:
		return ERR_DENIED;
	case CKR_MECHANISM_INVALID:
	case CKR_MECHANISM_PARAM_INVALID:
	case CKR_KEY_TYPE_INCONSISTENT:
	case CKR_KEY_FUNCTION_NOT_PERMITTED:
	case CKR_KEY_SIZE_RANGE:
	case CKR_FUNCTION_NOT_SUPPORTED:
		return ERR_UNSUPPORTED;
	default:
		return ERR_UNAVAILABLE;
	}
}

/* Whoever uses a key is told the kind only: the number is for the one who looks after the token. */
static enum err answered(CK_RV rv, const char *call)
{
	const enum err err = kind_of(rv);

	if (err != ERR_NONE)
		log_warn("token.refuses", "call=%s rv=0x%lX", call, rv);
	return err;
}

/* ---- sessions ---- */

static enum err log_in(struct token *token, CK_SESSION_HANDLE session)
{
	if (atomic_load(&token->is_refused))
		return ERR_DENIED;
	CK_RV rv = token->calls->C_Login(session, CKU_USER, token->pin.at, token->pin.len);
	if (rv == CKR_USER_ALREADY_LOGGED_IN)
		return ERR_NONE;
	if (kind_of(rv) == ERR_DENIED)
		atomic_store(&token->is_refused, true);
	return answered(rv, "C_Login");
}

static enum err session_open(struct token *token, CK_SESSION_HANDLE *ret_session)
{
	CK_SESSION_HANDLE session;
	CK_RV rv = token->calls->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);

	if (rv != CKR_OK)
		return answered(rv, "C_OpenSession");
	enum err err = log_in(token, session);
	if (err != ERR_NONE)
		token->calls->C_CloseSession(session);
	else
		*ret_session = session;
	return err;
}

/* The secret key with this label; of two, neither. */
static enum err find_object(struct token *token, CK_SESSION_HANDLE session, const char *label,
			    CK_OBJECT_HANDLE *ret_object)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
	};
	CK_OBJECT_HANDLE objects[2];
	CK_ULONG count = 0;
	CK_RV rv = token->calls->C_FindObjectsInit(session, wanted, 2);

	if (rv != CKR_OK)
		return answered(rv, "C_FindObjectsInit");
	rv = token->calls->C_FindObjects(session, objects, 2, &count);
	token->calls->C_FindObjectsFinal(session);
	if (rv != CKR_OK)
		return answered(rv, "C_FindObjects");
	if (count != 1)
		return count == 0 ? ERR_NOT_FOUND : ERR_CONFLICT;
	*ret_object = objects[0];
	return ERR_NONE;
}

/* A session and the key in it, for one use. */
struct use {
	struct token *token;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
};

static enum err use_begin(struct token *token, const char *label, struct use *ret_use)
{
	struct use use = { .token = token };

	if (token == NULL)
		return ERR_UNAVAILABLE;
	enum err err = session_open(token, &use.session);
	if (err != ERR_NONE)
		return err;
	err = find_object(token, use.session, label, &use.object);
	if (err != ERR_NONE)
		token->calls->C_CloseSession(use.session);
	else
		*ret_use = use;
	return err;
}

static void use_end(struct use *use)
{
	use->token->calls->C_CloseSession(use->session);
}

/* ---- what keys do ---- */

static enum err sign_parts(const struct use *use, const struct bytes *parts, size_t part_count,
			   uint8_t ret_mac[AES_BLOCK])
{
	CK_FUNCTION_LIST *calls = use->token->calls;
	CK_MECHANISM mechanism = { CKM_AES_CMAC, NULL, 0 };
	CK_ULONG len = AES_BLOCK;
	CK_RV rv = calls->C_SignInit(use->session, &mechanism, use->object);

	for (size_t i = 0; rv == CKR_OK && i < part_count; i++) {
		if (parts[i].len > 0)
			rv = calls->C_SignUpdate(use->session, (CK_BYTE *)(uintptr_t)parts[i].at,
						 parts[i].len);
	}
	if (rv == CKR_OK)
		rv = calls->C_SignFinal(use->session, ret_mac, &len);
	if (rv == CKR_OK && len != AES_BLOCK)
		rv = CKR_FUNCTION_FAILED;
	return answered(rv, "C_Sign");
}

static enum err cmac_in_token(const struct key *key, const struct bytes *parts, size_t part_count,
			      uint8_t ret_mac[AES_BLOCK])
{
	struct use use;
	enum err err = use_begin(key->token, key->label, &use);

	if (err != ERR_NONE)
		return err;
	err = sign_parts(&use, parts, part_count, ret_mac);
	use_end(&use);
	return err;
}

static const struct {
	CK_MECHANISM_TYPE mechanism;
	size_t block, iv;
} cipher_rows[] = {
	[CIPHER_AES_ECB] = { CKM_AES_ECB, AES_BLOCK, 0 },
	[CIPHER_AES_CBC] = { CKM_AES_CBC, AES_BLOCK, AES_BLOCK },
	[CIPHER_DES3_ECB] = { CKM_DES3_ECB, DES_BLOCK, 0 },
	[CIPHER_DES3_CBC] = { CKM_DES3_CBC, DES_BLOCK, DES_BLOCK },
};

static enum err encrypt_in_token(const struct key *key, enum cipher cipher, const uint8_t *iv,
				 struct bytes data, uint8_t *ret_at)
{
	CK_MECHANISM mechanism = { cipher_rows[cipher].mechanism, (void *)(uintptr_t)iv,
				   cipher_rows[cipher].iv };
	uint8_t plain[MAX_DATA];
	CK_ULONG len = data.len;
	struct use use;

	if (data.len % cipher_rows[cipher].block != 0)
		return ERR_MALFORMED;
	if (data.len > sizeof(plain))
		return ERR_LIMIT;
	if (data.len == 0)
		return ERR_NONE;
	enum err err = use_begin(key->token, key->label, &use);
	if (err != ERR_NONE)
		return err;
	memcpy(plain, data.at, data.len); /* in and out may be the same */
	CK_RV rv = use.token->calls->C_EncryptInit(use.session, &mechanism, use.object);
	if (rv == CKR_OK)
		rv = use.token->calls->C_Encrypt(use.session, plain, data.len, ret_at, &len);
	if (rv == CKR_OK && len != data.len)
		rv = CKR_FUNCTION_FAILED;
	wipe(plain, sizeof(plain));
	use_end(&use);
	return answered(rv, "C_Encrypt");
}

static CK_RV unwrap_by(const struct use *use, CK_MECHANISM_TYPE type, struct bytes wrapped,
		       struct secret *ret_secret)
{
	CK_FUNCTION_LIST *calls = use->token->calls;
	CK_MECHANISM mechanism = { type, NULL, 0 };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE key_type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },   { CKA_KEY_TYPE, &key_type, sizeof(key_type) },
		{ CKA_TOKEN, &no, sizeof(no) },         { CKA_SENSITIVE, &no, sizeof(no) },
		{ CKA_EXTRACTABLE, &yes, sizeof(yes) },
	};
	struct secret secret = { .len = 0 };
	CK_ATTRIBUTE value = { CKA_VALUE, secret.at, sizeof(secret.at) };
	CK_OBJECT_HANDLE object;
	CK_RV rv = calls->C_UnwrapKey(use->session, &mechanism, use->object, (CK_BYTE *)(uintptr_t)wrapped.at,
				      wrapped.len, wanted, sizeof(wanted) / sizeof(wanted[0]), &object);

	if (rv != CKR_OK)
		return rv;
	rv = calls->C_GetAttributeValue(use->session, object, &value, 1);
	calls->C_DestroyObject(use->session, object);
	if (rv == CKR_OK) {
		secret.len = value.ulValueLen;
		*ret_secret = secret;
	}
	secret_wipe(&secret);
	return rv;
}

static enum err unwrap_in_token(const struct key *key, struct bytes wrapped, struct secret *ret_secret)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD };
	struct use use;
	CK_RV rv = CKR_OK;
	enum err err = use_begin(key->token, key->label, &use);

	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		rv = unwrap_by(&use, types[i], wrapped, ret_secret);
		if (rv == CKR_OK)
			break;
	}
	use_end(&use);
	/* tokens have many words for bytes that were not wrapped under this key */
	err = answered(rv, "C_UnwrapKey");
	return err == ERR_UNAVAILABLE ? ERR_DENIED : err;
}

static const struct key_provider key_in_token = { cmac_in_token, encrypt_in_token, unwrap_in_token };

struct key token_key(struct token *token, const char *label, size_t size)
{
	struct key key = { .provider = &key_in_token, .size = size, .token = token };

	snprintf(key.label, sizeof(key.label), "%s", label);
	return key;
}

/* ---- what a key is ---- */

static enum err look_at(const struct use *use, const char *label, bool *ret_is_aes, size_t *ret_size,
			struct fault *fault)
{
	CK_KEY_TYPE type = 0;
	CK_BBOOL is_sensitive = CK_FALSE;
	CK_ULONG len = 0;
	CK_ATTRIBUTE told[] = { { CKA_KEY_TYPE, &type, sizeof(type) },
				{ CKA_SENSITIVE, &is_sensitive, sizeof(is_sensitive) } };
	CK_ATTRIBUTE told_len = { CKA_VALUE_LEN, &len, sizeof(len) };
	CK_RV rv = use->token->calls->C_GetAttributeValue(use->session, use->object, told, 2);

	if (rv == CKR_OK && type == CKK_AES)
		rv = use->token->calls->C_GetAttributeValue(use->session, use->object, &told_len, 1);
	if (rv != CKR_OK)
		return fault_set(fault, kind_of(rv), "the token does not describe the key \"%s\": 0x%lX",
				 label, rv);
	if (type != CKK_AES && type != CKK_DES2 && type != CKK_DES3)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "\"%s\" in the token is neither an AES nor a DES key", label);
	if (is_sensitive != CK_TRUE)
		return fault_set(fault, ERR_DENIED,
				 "the value of \"%s\" in the token can be read: CKA_SENSITIVE is false",
				 label);
	*ret_is_aes = type == CKK_AES;
	*ret_size = type == CKK_AES ? len : type == CKK_DES2 ? 16 : 24;
	return ERR_NONE;
}

enum err token_find(struct token *token, const char *label, bool *ret_is_aes, size_t *ret_size,
		    struct fault *fault)
{
	struct use use;

	if (token == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "no token is configured (--pkcs11-module)");
	enum err err = use_begin(token, label, &use);
	if (err == ERR_NOT_FOUND)
		return fault_set(fault, err, "the token has no secret key \"%s\"", label);
	if (err == ERR_CONFLICT)
		return fault_set(fault, err, "the token has several secret keys \"%s\"", label);
	if (err != ERR_NONE)
		return fault_set(fault, err, "the token does not answer: %s", err_name(err));
	err = look_at(&use, label, ret_is_aes, ret_size, fault);
	use_end(&use);
	return err;
}

/* ---- opening ---- */

static enum err read_pin(const char *path, struct secret *ret_pin, struct fault *fault)
{
	char text[MAX_PIN] = "";
	FILE *file = fopen(path, "re");
	enum err err = ERR_NONE;

	if (file == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "--pkcs11-pin-file: %s cannot be opened", path);
	if (fgets(text, sizeof(text), file) == NULL)
		err = fault_set(fault, ERR_MALFORMED, "--pkcs11-pin-file: %s is empty", path);
	fclose(file);
	text[strcspn(text, "\r\n")] = 0;
	if (err == ERR_NONE && secret_from(bytes_of_text(text), ret_pin) != ERR_NONE)
		err = fault_set(fault, ERR_LIMIT, "--pkcs11-pin-file: a PIN of at most %d bytes", SECRET_MAX);
	wipe(text, sizeof(text));
	return err;
}

static enum err load_library(struct token *token, const char *path, struct fault *fault)
{
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };

	token->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (token->library == NULL)
		return fault_set(fault, ERR_NOT_FOUND, "--pkcs11-module: %s", dlerror());
	CK_C_GetFunctionList get_calls;
	*(void **)&get_calls = dlsym(token->library, "C_GetFunctionList");
	if (get_calls == NULL || get_calls(&token->calls) != CKR_OK)
		return fault_set(fault, ERR_UNSUPPORTED, "--pkcs11-module: %s is no PKCS #11 library", path);
	CK_RV rv = token->calls->C_Initialize(&arguments);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return fault_set(fault, ERR_UNAVAILABLE, "--pkcs11-module: C_Initialize answers 0x%lX", rv);
	token->is_initialized = rv == CKR_OK;
	return ERR_NONE;
}

/* Labels of tokens are filled up with blanks. */
static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
	size_t len = sizeof(info->label);

	while (len > 0 && info->label[len - 1] == ' ')
		len--;
	return bytes_equal_text(bytes_of(info->label, len), label);
}

static enum err find_slot(struct token *token, const char *label, struct fault *fault)
{
	CK_SLOT_ID slots[MAX_SLOTS];
	CK_ULONG count = MAX_SLOTS;
	CK_RV rv = token->calls->C_GetSlotList(CK_TRUE, slots, &count);

	if (rv != CKR_OK)
		return fault_set(fault, ERR_UNAVAILABLE, "--pkcs11-module: C_GetSlotList answers 0x%lX", rv);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info;
		if (token->calls->C_GetTokenInfo(slots[i], &info) != CKR_OK || !has_label(&info, label))
			continue;
		token->slot = slots[i];
		return ERR_NONE;
	}
	return fault_set(fault, ERR_NOT_FOUND, "--pkcs11-token: no token has the label \"%s\"", label);
}

static enum err open_token(struct token *token, const struct token_settings *settings, struct fault *fault)
{
	CK_SESSION_HANDLE session;
	enum err err = read_pin(settings->pin_file, &token->pin, fault);

	if (err == ERR_NONE)
		err = load_library(token, settings->module, fault);
	if (err == ERR_NONE)
		err = find_slot(token, settings->label, fault);
	if (err != ERR_NONE)
		return err;
	err = session_open(token, &session);
	if (err != ERR_NONE)
		return fault_set(fault, err,
				 err == ERR_DENIED ? "--pkcs11-pin-file: the token \"%s\" refuses the PIN"
						   : "the token \"%s\" cannot be logged in to",
				 settings->label);
	token->calls->C_CloseSession(session);
	return ERR_NONE;
}

enum err token_open(const struct token_settings *settings, struct token **ret_token, struct fault *fault)
{
	struct token *token = calloc(1, sizeof(*token));

	if (token == NULL)
		return ERR_NOMEM;
	enum err err = open_token(token, settings, fault);
	if (err != ERR_NONE)
		token_close(token);
	else
		*ret_token = token;
	return err;
}

void token_close(struct token *token)
{
	if (token == NULL)
		return;
	if (token->is_initialized)
		token->calls->C_Finalize(NULL);
	if (token->library != NULL)
		dlclose(token->library);
	secret_wipe(&token->pin);
	free(token);
}
