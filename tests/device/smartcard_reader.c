/* LwM2M Core TS 1.1, appendix G.3; ISO/IEC 7816-4: SELECT, READ BINARY, VERIFY, MANAGE CHANNEL */
#include "smartcard_reader.h"

#include <cardea/tlv.h>

#include "smartcard_files.h"

/* clang-format off */
#define INS_VERIFY         0x20
#define INS_MANAGE_CHANNEL 0x70
#define INS_SELECT         0xA4
#define INS_READ_BINARY    0xB0
#define INS_GET_RESPONSE   0xC0
#define INS_INITIALIZE     0x50
#define INS_AUTHENTICATE   0x82
#define CLASS_GP           0x80
#define SECURE_ALL         0x33        /* C-MAC, C-DECRYPTION, R-MAC and R-ENCRYPTION */

#define SELECT_BY_NAME     0x04
#define SELECT_BY_PATH     0x08        /* from the application, which its beginning 7FFF says */
#define WANT_FCP           0x04

#define SW_SUCCESS         0x9000
#define SW_MORE_BYTES      0x6100
#define SW_END_OF_FILE     0x6282
#define SW_SECURITY_STATUS 0x6982
#define SW_PIN_BLOCKED     0x6983
#define SW_CONDITIONS      0x6985
#define SW_NOT_FOUND       0x6A82
#define SW_WRONG_OFFSET    0x6B00
#define SW_WRONG_LE        0x6C00
/* clang-format on */

#define PIN_REFERENCE 0x01 /* the application's PIN 1; the meaning of the references is from memory */
#define PIN_BYTES     8
#define READ_BYTES    0x80 /* at once; what other readers use, so that cards are used to it */
#define FILE_MAX      32768
#define ANSWER_MAX    1024 /* of one command with all that follows it */
#define CHANNEL_MAX   3    /* in the class byte as we write it */
#define EF_ODF        0x5031

static const uint8_t application[] = { 0xA0, 0x00, 0x00, 0x00, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };

struct reading {
	const struct smartcard_access *access;
	struct arena *arena;
	uint8_t channel;
	bool is_verified; /* the card's holder */
	bool is_secure;   /* the session is open */
	struct smartcard_session session;
	struct fault *fault;
};

/* ---- one command ---- */

struct answer {
	struct bytes data;
	uint16_t status;
};

static enum err transmit_bytes(const struct reading *reading, struct bytes bytes, struct answer *ret_answer)
{
	struct bytes whole;
	enum err err = reading->access->transmit(reading->access->arg, reading->arena, bytes, &whole);

	if (err != ERR_NONE)
		return err;
	if (whole.len < 2)
		return fault_set(reading->fault, ERR_MALFORMED, "the card answers without a status word");
	ret_answer->data = bytes_first(whole, whole.len - 2);
	ret_answer->status = (uint16_t)(whole.at[whole.len - 2] << 8 | whole.at[whole.len - 1]);
	return ERR_NONE;
}

/* And what 61xx says that there is more of. */
static enum err transmit_whole(const struct reading *reading, struct bytes command, struct answer *ret_answer)
{
	struct builder data = builder_in(reading->arena);
	enum err err = transmit_bytes(reading, command, ret_answer);

	while (err == ERR_NONE && (ret_answer->status & 0xFF00) == SW_MORE_BYTES && data.len <= ANSWER_MAX) {
		const uint8_t get_response[] = { reading->channel, INS_GET_RESPONSE, 0, 0,
						 (uint8_t)ret_answer->status };

		build_bytes(&data, ret_answer->data);
		err = transmit_bytes(reading, bytes_of(get_response, sizeof(get_response)), ret_answer);
	}
	if (err != ERR_NONE || data.len == 0)
		return err;
	build_bytes(&data, ret_answer->data);
	return builder_bytes(&data, &ret_answer->data);
}

/* Under the session, once it is open. */
static enum err transmit(struct reading *reading, const struct builder *command, struct answer *ret_answer)
{
	struct bytes bytes;
	enum err err = builder_bytes(command, &bytes);

	if (err == ERR_NONE && reading->is_secure)
		err = smartcard_session_wrap(&reading->session, reading->arena, false, bytes, &bytes);
	if (err == ERR_NONE)
		err = transmit_whole(reading, bytes, ret_answer);
	if (err == ERR_NONE && reading->is_secure)
		err = smartcard_session_unwrap(&reading->session, reading->arena, ret_answer->status,
					       ret_answer->data, &ret_answer->data);
	return err == ERR_DENIED ? fault_set(reading->fault, err, "an answer that this card did not give")
				 : err;
}

static struct builder command_of(const struct reading *reading, uint8_t ins, uint8_t p1, uint8_t p2)
{
	struct builder b = builder_in(reading->arena);

	build_u8(&b, reading->channel);
	build_u8(&b, ins);
	build_u8(&b, p1);
	build_u8(&b, p2);
	return b;
}

/* What a status word means for the one who wanted `what`. */
static enum err refuse(const struct reading *reading, uint16_t status, const char *what)
{
	switch (status) {
	case SW_NOT_FOUND:
		return fault_set(reading->fault, ERR_NOT_FOUND, "the card has no %s", what);
	case SW_SECURITY_STATUS:
	case SW_PIN_BLOCKED:
		return fault_set(reading->fault, ERR_DENIED, "%s: the card refuses, %04X", what, status);
	case SW_CONDITIONS:
		return fault_set(reading->fault, ERR_UNAVAILABLE, "%s: the card is busy, %04X", what, status);
	default:
		return fault_set(reading->fault, ERR_MALFORMED, "%s: the card answers %04X", what, status);
	}
}

/* ---- channel and selection ---- */

static enum err open_channel(struct reading *reading)
{
	struct builder b = command_of(reading, INS_MANAGE_CHANNEL, 0x00, 0x00);
	struct answer answer;
	enum err err;

	build_u8(&b, 0x01);
	err = transmit(reading, &b, &answer);
	if (err != ERR_NONE)
		return err;
	if (answer.status != SW_SUCCESS || answer.data.len != 1 || answer.data.at[0] < 1 ||
	    answer.data.at[0] > CHANNEL_MAX)
		return fault_set(reading->fault, ERR_UNAVAILABLE, "the card opens no channel, %04X",
				 answer.status);
	reading->channel = answer.data.at[0];
	return ERR_NONE;
}

/* A card that is not there any more has closed it. The command is the card's, not the application's: without
 * session. */
static void close_channel(struct reading *reading)
{
	struct builder b = command_of(reading, INS_MANAGE_CHANNEL, 0x80, reading->channel);
	struct answer answer;
	enum err err;

	reading->is_secure = false;
	smartcard_session_close(&reading->session);
	err = transmit(reading, &b, &answer);
	(void)err;
}

static enum err select_application(struct reading *reading)
{
	struct builder b = command_of(reading, INS_SELECT, SELECT_BY_NAME, WANT_FCP);
	struct answer answer;
	enum err err;

	build_lv(&b, bytes_of(application, sizeof(application)));
	build_u8(&b, 0x00);
	err = transmit(reading, &b, &answer);
	if (err != ERR_NONE || answer.status == SW_SUCCESS)
		return err;
	return refuse(reading, answer.status, "PKCS #15 application");
}

/* Tag 80 of the file control parameters; FILE_MAX when it is not told. */
static size_t size_told(struct bytes parameters)
{
	struct bytes template, size;
	struct reader r;
	size_t number;

	if (tlv_find(parameters, 0x62, &template) != ERR_NONE ||
	    tlv_find(template, 0x80, &size) != ERR_NONE || size.len < 1 || size.len > 4)
		return FILE_MAX;
	r = reader_of(size);
	number = (size_t)read_uint(&r, size.len);
	return number < FILE_MAX ? number : FILE_MAX;
}

/* The path is one in the application, or an absolute one whose last identifier counts. */
static enum err select_file(struct reading *reading, struct bytes path, const char *name, size_t *ret_size)
{
	struct builder b = command_of(reading, INS_SELECT, SELECT_BY_PATH, WANT_FCP);
	struct answer answer;
	enum err err;

	build_u8(&b, 0x04);
	build_u16(&b, 0x7FFF);
	build_bytes(&b, bytes_from(path, path.len - 2));
	build_u8(&b, 0x00);
	err = transmit(reading, &b, &answer);
	if (err != ERR_NONE)
		return err;
	if (answer.status == SW_NOT_FOUND) /* the way there says that it is */
		return fault_set(reading->fault, ERR_MALFORMED, "%s is not on the card", name);
	if (answer.status != SW_SUCCESS)
		return refuse(reading, answer.status, name);
	*ret_size = size_told(answer.data);
	return ERR_NONE;
}

/* ---- the secure channel ---- */

static enum err initialize(struct reading *reading, const uint8_t challenge[SMARTCARD_CHALLENGE_SIZE],
			   struct answer *ret_answer)
{
	struct builder b = command_of(reading, INS_INITIALIZE, 0x00, 0x00);
	enum err err;

	build_lv(&b, bytes_of(challenge, SMARTCARD_CHALLENGE_SIZE));
	build_u8(&b, 0x00);
	b.at[0] |= CLASS_GP;
	err = transmit(reading, &b, ret_answer);
	return err != ERR_NONE || ret_answer->status == SW_SUCCESS
		       ? err
		       : fault_set(reading->fault, ERR_DENIED, "INITIALIZE UPDATE: the card answers %04X",
				   ret_answer->status);
}

static enum err authenticate(struct reading *reading, const uint8_t cryptogram[SMARTCARD_CHALLENGE_SIZE])
{
	struct builder b = command_of(reading, INS_AUTHENTICATE, SECURE_ALL, 0x00);
	struct answer answer;
	struct bytes command;
	enum err err;

	build_lv(&b, bytes_of(cryptogram, SMARTCARD_CHALLENGE_SIZE));
	err = builder_bytes(&b, &command);
	if (err != ERR_NONE)
		return err;
	b.at[0] |= CLASS_GP;
	err = smartcard_session_wrap(&reading->session, reading->arena, true, command, &command);
	if (err == ERR_NONE)
		err = transmit_whole(reading, command, &answer);
	return err != ERR_NONE || answer.status == SW_SUCCESS
		       ? err
		       : fault_set(reading->fault, ERR_DENIED, "EXTERNAL AUTHENTICATE: the card answers %04X",
				   answer.status);
}

static enum err open_session(struct reading *reading)
{
	uint8_t challenge[SMARTCARD_CHALLENGE_SIZE], cryptogram[SMARTCARD_CHALLENGE_SIZE];
	struct answer answer;
	enum err err = random_bytes(challenge, sizeof(challenge));

	if (err == ERR_NONE)
		err = initialize(reading, challenge, &answer);
	if (err != ERR_NONE)
		return err;
	err = smartcard_session_open(reading->access->keys, challenge, answer.data, &reading->session,
				     cryptogram);
	if (err == ERR_DENIED)
		return fault_set(reading->fault, err,
				 "the card does not have the keys of the secure channel");
	if (err == ERR_NONE)
		err = authenticate(reading, cryptogram);
	reading->is_secure = err == ERR_NONE;
	return err;
}

/* ---- the holder ---- */

/* Once: who tries again with a wrong PIN blocks it. */
static enum err verify_holder(struct reading *reading)
{
	const char *pin = reading->access->pin;
	struct builder b = command_of(reading, INS_VERIFY, 0x00, PIN_REFERENCE);
	struct answer answer;
	size_t length;
	enum err err;

	if (pin == NULL)
		return fault_set(reading->fault, ERR_DENIED, "the card wants a PIN, and there is none");
	length = strlen(pin);
	if (length > PIN_BYTES)
		return fault_set(reading->fault, ERR_DENIED, "a PIN has %d digits at most", PIN_BYTES);
	build_u8(&b, PIN_BYTES);
	build_bytes(&b, bytes_of_text(pin));
	while (length++ < PIN_BYTES)
		build_u8(&b, 0xFF);
	err = transmit(reading, &b, &answer);
	reading->is_verified = err == ERR_NONE && answer.status == SW_SUCCESS;
	if (err != ERR_NONE || reading->is_verified)
		return err;
	if ((answer.status & 0xFFF0) == 0x63C0)
		return fault_set(reading->fault, ERR_DENIED, "the PIN is wrong; %u more tries",
				 answer.status & 0x0F);
	return refuse(reading, answer.status, "PIN");
}

/* ---- reading ---- */

static enum err read_piece(struct reading *reading, size_t offset, uint8_t expected,
			   struct answer *ret_answer)
{
	struct builder b = command_of(reading, INS_READ_BINARY, (uint8_t)(offset >> 8), (uint8_t)offset);

	build_u8(&b, expected);
	return transmit(reading, &b, ret_answer);
}

static bool is_end(const struct answer *answer, size_t offset)
{
	return (answer->status == SW_SUCCESS && answer->data.len == 0) || answer->status == SW_END_OF_FILE ||
	       (answer->status == SW_WRONG_OFFSET && offset > 0);
}

static enum err read_file(struct reading *reading, struct bytes path, const char *name,
			  struct bytes *ret_content)
{
	struct builder content = builder_in(reading->arena);
	size_t size = 0;
	enum err err = select_file(reading, path, name, &size);

	while (err == ERR_NONE && content.len < size) {
		struct answer answer;

		err = read_piece(reading, content.len, READ_BYTES, &answer);
		if (err == ERR_NONE && (answer.status & 0xFF00) == SW_WRONG_LE)
			err = read_piece(reading, content.len, (uint8_t)answer.status, &answer);
		if (err == ERR_NONE && answer.status == SW_SECURITY_STATUS && !reading->is_verified) {
			err = verify_holder(reading);
			continue;
		}
		if (err != ERR_NONE)
			return err;
		build_bytes(&content, answer.data);
		if (is_end(&answer, content.len))
			break;
		if (answer.status != SW_SUCCESS)
			return refuse(reading, answer.status, name);
	}
	return err == ERR_NONE ? builder_bytes(&content, ret_content) : err;
}

/* ---- the whole way ---- */

/* In the first of the directories that has it. */
static enum err find_place(struct reading *reading, struct smartcard_place *ret_place)
{
	const uint8_t odf[] = { EF_ODF >> 8, EF_ODF & 0xFF };
	struct smartcard_directories directories;
	struct bytes content;
	enum err err = read_file(reading, bytes_of(odf, sizeof(odf)), "EF(ODF)", &content);

	if (err == ERR_NONE)
		err = smartcard_read_directories(content, &directories, reading->fault);
	if (err != ERR_NONE)
		return err;
	err = ERR_NOT_FOUND;
	for (size_t i = 0; i < directories.count && err == ERR_NOT_FOUND; i++) {
		err = read_file(reading, directories.paths[i], "EF(DODF)", &content);
		if (err == ERR_NONE)
			err = smartcard_read_place(content, ret_place, NULL);
		if (err == ERR_MALFORMED)
			fault_set(reading->fault, err, "EF(DODF) is broken");
	}
	return err == ERR_NOT_FOUND
		       ? fault_set(reading->fault, err, "the card has no bootstrap information of LwM2M")
		       : err;
}

/* In the clear, or all of it under the session. */
static enum err read_bootstrap(struct reading *reading, struct bytes *ret_file)
{
	struct smartcard_place place = { .is_private = false };
	enum err err = select_application(reading);

	if (err == ERR_NONE && reading->access->keys != NULL)
		err = open_session(reading);
	if (err == ERR_NONE)
		err = find_place(reading, &place);
	if (err == ERR_NONE && place.is_private && !reading->is_verified)
		err = verify_holder(reading);
	return err == ERR_NONE ? read_file(reading, place.path, "EF(LwM2M_Bootstrap)", ret_file) : err;
}

enum err smartcard_read(const struct smartcard_access *access, struct arena *arena, struct bytes *ret_file,
			struct fault *fault)
{
	struct reading reading = { .access = access, .arena = arena, .fault = fault };
	enum err err = open_channel(&reading);

	if (err != ERR_NONE)
		return err;
	err = read_bootstrap(&reading, ret_file);
	close_channel(&reading);
	return err;
}
