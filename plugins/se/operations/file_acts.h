/* What an operator wants of the files of a card: the list of acts that se.files does one after another. */
#ifndef SE_FILE_ACTS_H
#define SE_FILE_ACTS_H

#include "engine/task.h"
#include "gp/file_commands.h"

#define FILE_MAX_ACTS 8

enum act_kind { ACT_READ, ACT_UPDATE, ACT_CREATE, ACT_DELETE, ACT_RESIZE, ACT_ACTIVATE, ACT_DEACTIVATE, ACT_KIND_COUNT };

struct file_act {
	enum act_kind kind;
	const char *path_text;
	struct file_path path;
	uint32_t offset;
	uint32_t length; /* of a read; 0: to the end */
	uint8_t record;  /* 0: all of them */
	struct bytes data;
	enum file_structure structure;
	uint32_t size;
	uint16_t record_size;
	struct bytes access;
};

struct file_order {
	struct bytes aid; /* whose files; empty: those below the MF */
	struct file_act acts[FILE_MAX_ACTS];
	size_t count;
};

const char *act_text(enum act_kind kind);

/* ERR_MALFORMED names the act and its member. */
MUST_CHECK enum err file_order_read(struct task *task, struct file_order *ret_order, struct fault *fault);

/* The bytes of the file that the act is about: where they begin, and how many there are. ERR_MALFORMED says why the act
 * does not suit the file. */
MUST_CHECK enum err file_act_region(const struct file_act *act, const struct file_parameters *file,
				    uint32_t *ret_offset, uint32_t *ret_size, struct fault *fault);

#endif
