/* What is loaded into a card: a Java Card CAP file (the ZIP, or its components one after another), or an
 * already made load file. */
#ifndef SE_LOAD_FILE_H
#define SE_LOAD_FILE_H

#include <cardea/bytes.h>

#define LOAD_FILE_MAX_SIZE    (8u << 20) /* of the upload */
#define LOAD_FILE_MAX_APPLETS 32

enum load_file_form {
	LOAD_FILE_CAP,
	LOAD_FILE_IJC,
	LOAD_FILE_READY,
	LOAD_FILE_CIPHERED /* ready, and nothing can be read of what it is */
};

struct load_file {
	enum load_file_form form;
	struct bytes aid;     /* of the package */
	uint8_t major, minor; /* its version */
	struct bytes applets[LOAD_FILE_MAX_APPLETS];
	size_t applet_count;
	struct bytes content; /* what LOAD carries, beginning with E2, C4, D3 or D4 */
	struct bytes block;   /* the load file data block alone: what its hash is made of; of a ciphered one as it is */
	bool is_signed;       /* begins with a DAP block, so INSTALL [for load] must tell the hash */
	struct bytes dap_blocks; /* the beginning of the content */
};

/* `fault` says precisely what is wrong. Everything lives in `content` or the arena. */
MUST_CHECK enum err load_file_parse(struct bytes content, struct arena *arena, struct load_file *ret_file,
				    struct fault *fault);

/* "cap", "ijc", "load-file", "ciphered-load-file". */
const char *load_file_form_text(enum load_file_form form);

#endif
