/* The files of PKCS #15 v1.1 (ISO/IEC 7816-15) that lead to the bootstrap information of a smartcard (LwM2M Core TS 1.1,
 * appendix G.3): EF(DIR) names the application, EF(ODF) the directory of its data objects, EF(DODF) the file. Padding of
 * FF or 00 after the last element is passed. */
#ifndef CARDEA_LWM2M_PKCS15_H
#define CARDEA_LWM2M_PKCS15_H

#include <cardea/bytes.h>

/* "PKCS-15" under the RID of RSA Security. */
extern const struct bytes pkcs15_aid;

/* One record of EF(DIR). */
struct pkcs15_application {
	struct bytes aid, path;
	struct bytes label;             /* empty: none is given */
};

/* ERR_MALFORMED: no application template, or without AID or path. */
MUST_CHECK enum err pkcs15_application_read(struct bytes record, struct pkcs15_application *ret_application,
					    struct fault *fault);
MUST_CHECK enum err pkcs15_application_write(struct arena *arena, const struct pkcs15_application *application,
					     struct bytes *ret_record);

/* EF(ODF): the paths of all directories of data objects, the most important first; none is no fault. */
struct pkcs15_directories {
	const struct bytes *paths;
	size_t count;
};

MUST_CHECK enum err pkcs15_directories_read(struct arena *arena, struct bytes file,
					    struct pkcs15_directories *ret_directories, struct fault *fault);
MUST_CHECK enum err pkcs15_directories_write(struct arena *arena, struct pkcs15_directories directories,
					     struct bytes *ret_file);

/* EF(DODF): an object of the type "LwM2M bootstrap information", 2.23.43.9.1. */
struct pkcs15_object {
	bool is_opaque;                 /* as appendix G asks for; cards in the field have it as oidDO */
	bool has_double_encoded_oid;    /* 06 06 06 04 ..., as many cards have it */
	bool is_private, is_modifiable; /* private: its holder has to be verified */
	struct bytes label;             /* of the object, or else the name of its application; empty: none is given */
	struct bytes path;
};

#define PKCS15_BOOTSTRAP_OID "2.23.43.9.1"

/* The first object of that type; others are passed. ERR_NOT_FOUND: there is none. */
MUST_CHECK enum err pkcs15_object_read(struct bytes file, struct pkcs15_object *ret_object, struct fault *fault);
MUST_CHECK enum err pkcs15_object_write(struct arena *arena, const struct pkcs15_object *object,
					struct bytes *ret_file);

#endif
