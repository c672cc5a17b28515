/* EF(LwM2M_Bootstrap): the bootstrap information of a smartcard (LwM2M Core TS 1.1, appendix G.3). Network byte order:
 *
 *   u16 number of objects, u16 size of what follows, then per object
 *   u16 object, u8 major version (0: implicit), [u8 minor version], u16 length, TLV of the object's instances
 *
 * and after that whatever fills the rest of the file. */
#ifndef CARDEA_LWM2M_SMARTCARD_FILE_H
#define CARDEA_LWM2M_SMARTCARD_FILE_H

#include <cardea/lwm2m.h>

#include "model.h"

#define SMARTCARD_FILE_MAX 32768

struct smartcard_object {
	uint16_t object;
	uint8_t major, minor;                   /* major 0: version 1.0, or as the enabler defines it */
	struct lwm2m_records records;           /* of its instances */
};

struct smartcard_file {
	const struct smartcard_object *objects;
	size_t count;
	size_t size;                            /* as the file says it: without these four bytes and without the padding */
	struct bytes padding;
};

/* Into the arena; texts and opaques borrow from the bytes. ERR_MALFORMED with the reason and where; ERR_NOMEM. */
MUST_CHECK enum err smartcard_file_read(struct arena *arena, const struct model *model, struct bytes bytes,
					struct smartcard_file *ret_file, struct fault *fault);

/* Without padding. ERR_LIMIT: larger than such a file may be, or more objects than it can count. ERR_MALFORMED: an object
 * stands there twice, or a record belongs to another one. ERR_NOMEM. */
MUST_CHECK enum err smartcard_file_write(struct arena *arena, const struct model *model,
					 const struct smartcard_object *objects, size_t count, struct bytes *ret_bytes,
					 struct fault *fault);

#endif
