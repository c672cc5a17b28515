/* What a device reads on a smartcard (LwM2M Core TS 1.1, appendix G.3; PKCS #15 v1.1): where the bootstrap information
 * is, and what it is made of. */
#ifndef DEVICE_SMARTCARD_FILES_H
#define DEVICE_SMARTCARD_FILES_H

#include <cardea/bytes.h>

#define SMARTCARD_DIRECTORIES_MAX 8
#define SMARTCARD_OBJECTS_MAX     64

/* EF(ODF): where the directories of data objects are, the most important first. */
struct smartcard_directories {
	struct bytes paths[SMARTCARD_DIRECTORIES_MAX];
	size_t count;
};

/* ERR_MALFORMED with the reason; so all here. */
MUST_CHECK enum err smartcard_read_directories(struct bytes file, struct smartcard_directories *ret_directories,
					       struct fault *fault);

/* EF(DODF): the file with the bootstrap information. */
struct smartcard_place {
	struct bytes path;
	bool is_private; /* the card's holder has to be verified */
};

/* ERR_NOT_FOUND: the directory is in order, but it is not there. */
MUST_CHECK enum err smartcard_read_place(struct bytes file, struct smartcard_place *ret_place,
					 struct fault *fault);

/* EF(LwM2M_Bootstrap), its objects not looked into. */
struct smartcard_content {
	struct {
		uint16_t id;
		uint8_t major, minor; /* major 0: not told */
		struct bytes instances; /* TLV */
	} objects[SMARTCARD_OBJECTS_MAX];
	size_t count;
	size_t used; /* bytes of the file, without the padding */
};

MUST_CHECK enum err smartcard_read_content(struct bytes file, struct smartcard_content *ret_content,
					   struct fault *fault);

#endif
