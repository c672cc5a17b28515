/* Commands and answers of a smart card (ISO/IEC 7816-4; GPCS 11.1), short lengths only, and what they mean in
 * words. */
#ifndef SE_APDU_H
#define SE_APDU_H

#include <cardea/bytes.h>

#define APDU_HEADER_SIZE  4
#define APDU_MAX_DATA     255
#define APDU_MAX_RESPONSE 256 /* data; what GET RESPONSE brought may be longer */

struct command {
	uint8_t cla, ins, p1, p2;
	struct bytes data;
	bool has_le;
	uint8_t le; /* 0 asks for as many as there are */
};

struct response {
	struct bytes data;
	uint16_t sw;
};

enum instruction {
	INS_DEACTIVATE_FILE = 0x04,
	INS_ACTIVATE_FILE = 0x44,
	INS_MANAGE_CHANNEL = 0x70,
	INS_END_RMAC = 0x78,
	INS_BEGIN_RMAC = 0x7A,
	INS_PERFORM_SECURITY_OPERATION = 0x2A,
	INS_EXTERNAL_AUTHENTICATE = 0x82, /* MUTUAL AUTHENTICATE too */
	INS_INTERNAL_AUTHENTICATE = 0x88,
	INS_INITIALIZE_UPDATE = 0x50,
	INS_SELECT = 0xA4,
	INS_READ_BINARY = 0xB0,
	INS_READ_RECORD = 0xB2,
	INS_GET_RESPONSE = 0xC0,
	INS_ENVELOPE = 0xC2,
	INS_RESIZE_FILE = 0xD4,
	INS_UPDATE_BINARY = 0xD6,
	INS_UPDATE_RECORD = 0xDC,
	INS_CREATE_FILE = 0xE0,
	INS_GET_DATA = 0xCA,
	INS_PUT_KEY = 0xD8,
	INS_STORE_DATA = 0xE2,
	INS_DELETE = 0xE4,
	INS_INSTALL = 0xE6,
	INS_LOAD = 0xE8,
	INS_MANAGE_ELF_UPGRADE = 0xEA,
	INS_SET_STATUS = 0xF0,
	INS_GET_STATUS = 0xF2,
};

enum status_word {
	SW_OK = 0x9000,
	SW_CUT = 0x62F1,          /* TS 102 226: the answer was cut, the rest of the script did not run */
	SW_MORE = 0x6310,         /* GET STATUS */
	SW_MORE_PRIVATE = 0xCAFE, /* the same, said by a real card */
	SW_AUTHENTICATION_FAILED = 0x6300,
	SW_WRONG_LENGTH = 0x6700,
	SW_SECURITY_NOT_SATISFIED = 0x6982,
	SW_CONDITIONS_NOT_SATISFIED = 0x6985,
	SW_WRONG_DATA = 0x6A80,
	SW_NOT_FOUND = 0x6A82, /* application, or file */
	SW_DEACTIVATED = 0x6283,
	SW_WRONG_STRUCTURE = 0x6981,
	SW_NO_MEMORY = 0x6A84,
	SW_WRONG_P1P2 = 0x6A86,
	SW_NO_SUCH_DATA = 0x6A88,
	SW_NO_INSTRUCTION = 0x6D00,
};

/* ERR_MALFORMED names the field whose length is wrong. */
MUST_CHECK enum err command_parse(struct bytes apdu, struct command *ret_command, struct fault *fault);
/* More than 255 bytes of data mark the builder bad. */
void build_command(struct builder *b, const struct command *command);
size_t command_size(const struct command *command);

/* Data and the status word at the end. */
MUST_CHECK enum err response_parse(struct bytes apdu, struct response *ret_response, struct fault *fault);

/* 9000, 61xx, 62xx or 63xx: the command did its work, perhaps with a warning. */
bool sw_is_done(uint16_t sw);

/* "not enough memory"; never NULL. */
const char *sw_text(uint16_t sw);

/* What an operator reads: name, object and size, never the content of a key or of personalization data. NULL
 * when the arena is exhausted. */
const char *command_text(struct arena *arena, const struct command *command);
const char *response_text(struct arena *arena, const struct response *response);

/* PUT KEY and STORE DATA: their content is nobody's to read. */
bool command_is_confidential(const struct command *command);

#endif
