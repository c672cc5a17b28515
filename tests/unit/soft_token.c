#include "soft_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL "lab"
#define PIN   "4321"

static const char *const modules[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
	"/usr/lib64/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
};

static CK_FUNCTION_LIST *calls_of(const struct soft_token *soft)
{
	CK_C_GetFunctionList get_calls;
	CK_FUNCTION_LIST *calls;
	void *library = dlopen(soft->module, RTLD_NOW | RTLD_LOCAL);

	assert_non_null(library);
	*(void **)&get_calls = dlsym(library, "C_GetFunctionList");
	assert_int_equal(get_calls(&calls), CKR_OK);
	return calls;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_folder(struct soft_token *soft)
{
	char path[96], text[160];

	snprintf(soft->folder, sizeof(soft->folder), "/tmp/cardea-token-XXXXXX");
	assert_non_null(mkdtemp(soft->folder));
	snprintf(path, sizeof(path), "%s/tokens", soft->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", path);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", soft->folder);
	write_file(path, text);
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	snprintf(soft->pin_file, sizeof(soft->pin_file), "%s/pin", soft->folder);
	write_file(soft->pin_file, PIN "\n");
}

static void fill_label(CK_UTF8CHAR label[32])
{
	memset(label, ' ', 32);
	memcpy(label, LABEL, strlen(LABEL));
}

static void make_token(const struct soft_token *soft)
{
	CK_FUNCTION_LIST *calls = calls_of(soft);
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_UTF8CHAR label[32];
	CK_SESSION_HANDLE session;
	CK_UTF8CHAR officer[] = "87654321", pin[] = PIN;

	fill_label(label);
	assert_int_equal(calls->C_Initialize(NULL), CKR_OK);
	assert_int_equal(calls->C_GetSlotList(CK_FALSE, slots, &count), CKR_OK);
	assert_int_equal(calls->C_InitToken(slots[count - 1], officer, 8, label), CKR_OK);
	assert_int_equal(calls->C_OpenSession(slots[count - 1], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
					      NULL, &session),
			 CKR_OK);
	assert_int_equal(calls->C_Login(session, CKU_SO, officer, 8), CKR_OK);
	assert_int_equal(calls->C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
	assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

bool soft_token_open(struct soft_token *soft)
{
	struct fault fault = { 0 };

	*soft = (struct soft_token){ .module = NULL };
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]) && soft->module == NULL; i++)
		soft->module = access(modules[i], R_OK) == 0 ? modules[i] : NULL;
	if (soft->module == NULL) {
		print_message("SKIPPED: SoftHSM (package softhsm2) is not installed, no key was tried in a "
			      "token\n");
		return false;
	}
	make_folder(soft);
	make_token(soft);
	const struct token_settings settings = { soft->module, LABEL, soft->pin_file };
	if (token_open(&settings, &soft->token, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	return true;
}

void soft_token_close(struct soft_token *soft)
{
	char command[128];

	token_close(soft->token);
	snprintf(command, sizeof(command), "rm -r %s", soft->folder);
	assert_int_equal(system(command), 0);
}

static CK_KEY_TYPE key_type(enum soft_key_type type, size_t size)
{
	if (type == SOFT_AES)
		return CKK_AES;
	return size == 16 ? CKK_DES2 : CKK_DES3;
}

void soft_token_add(struct soft_token *soft, const char *label, enum soft_key_type type, struct bytes value,
		    bool is_readable)
{
	CK_FUNCTION_LIST *calls = calls_of(soft); /* the same library, which token_open has initialized */
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE kind = key_type(type, value.len);
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL *is_secret = is_readable ? &no : &yes, *is_free = is_readable ? &yes : &no;
	CK_ATTRIBUTE told[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &kind, sizeof(kind) },
		{ CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
		{ CKA_VALUE, (void *)(uintptr_t)value.at, value.len },
		{ CKA_TOKEN, &yes, 1 },
		{ CKA_PRIVATE, &yes, 1 },
		{ CKA_SENSITIVE, is_secret, 1 },
		{ CKA_EXTRACTABLE, is_free, 1 },
		{ CKA_SIGN, &yes, 1 },
		{ CKA_ENCRYPT, &yes, 1 },
		{ CKA_UNWRAP, &yes, 1 },
	};
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	CK_UTF8CHAR pin[] = PIN;

	assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	assert_int_equal(
		calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
		CKR_OK);
	assert_int_equal(calls->C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
	assert_int_equal(calls->C_CreateObject(session, told, sizeof(told) / sizeof(told[0]), &object),
			 CKR_OK);
	assert_int_equal(calls->C_CloseSession(session), CKR_OK);
}
