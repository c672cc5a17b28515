/* The files of a card (ISO/IEC 7816-4; ETSI TS 102 221, 11.1; TS 102 222): commands, and what SELECT tells about a file. */
#ifndef SE_FILE_COMMANDS_H
#define SE_FILE_COMMANDS_H

#include "gp/apdu.h"

#define FILE_MF        0x3F00
#define FILE_ADF       0x7FFF /* of the selected application */
#define FILE_MAX_PATH  8      /* identifiers */
#define FILE_MAX_BYTES 0x7FFF /* that READ and UPDATE BINARY reach */

struct file_path {
	uint16_t ids[FILE_MAX_PATH];
	size_t count;
};

/* "3F00/7F20/6F07". ERR_MALFORMED. */
MUST_CHECK enum err file_path_parse(const char *text, struct file_path *ret_path);
struct file_path file_path_parent(const struct file_path *path);
uint16_t file_path_last(const struct file_path *path);

enum file_structure { FILE_TRANSPARENT, FILE_LINEAR, FILE_CYCLIC, FILE_DIRECTORY, FILE_STRUCTURE_COUNT };
const char *file_structure_text(enum file_structure structure);
/* FILE_STRUCTURE_COUNT for a name that does not exist. */
enum file_structure file_structure_of(const char *name);

/* File control parameters, TS 102 221 11.1.1.3. */
struct file_parameters {
	enum file_structure structure;
	bool has_id;
	uint16_t id;
	uint32_t size;         /* of an elementary file */
	uint16_t record_size;  /* 0: it has none */
	uint8_t record_count;
	bool is_deactivated;
	struct bytes name;     /* of an ADF */
	struct bytes access;   /* elements 8B, 8C or AB, as they are */
};

/* Bytes stay in `fcp`. ERR_MALFORMED says what; ERR_UNSUPPORTED for BER-TLV files and others that are not known. */
MUST_CHECK enum err file_parameters_parse(struct bytes fcp, struct file_parameters *ret_parameters,
					  struct fault *fault);

struct new_file {
	uint16_t id;
	enum file_structure structure;
	uint32_t size;
	uint16_t record_size;
	struct bytes access;
};

/* ERR_NOMEM. */
MUST_CHECK enum err file_select(struct arena *arena, const struct file_path *path, bool wants_parameters,
				struct command *ret_command);
struct command file_select_application(struct bytes aid);
struct command file_read(uint32_t offset, size_t size);
struct command file_update(uint32_t offset, struct bytes data);
struct command file_read_record(uint8_t number, size_t size);
/* Of a cyclic file `number` is 0: a new first record. */
struct command file_update_record(uint8_t number, struct bytes data);
MUST_CHECK enum err file_create(struct arena *arena, const struct new_file *file, struct command *ret_command);
MUST_CHECK enum err file_delete(struct arena *arena, uint16_t id, struct command *ret_command);
MUST_CHECK enum err file_resize(struct arena *arena, uint16_t id, uint32_t size, struct command *ret_command);
struct command file_set_active(bool is_active);

#endif
