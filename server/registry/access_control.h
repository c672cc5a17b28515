/* Object 2 as a device has it (LwM2M Core TS 1.1, 8): which server may do what with an object instance. */
#ifndef CARDEA_REGISTRY_ACCESS_CONTROL_H
#define CARDEA_REGISTRY_ACCESS_CONTROL_H

#include <cardea/arena.h>
#include <cardea/error.h>
#include <cardea/lwm2m.h>

#define ACCESS_CONTROL_OBJECT 2
#define ACCESS_CONTROL_ACL    2 /* the resource with the rights: an instance for each server */

/* Bits of an entry. */
enum access_right {
	ACCESS_READ = 1, /* Observe and Write-Attributes too */
	ACCESS_WRITE = 2,
	ACCESS_EXECUTE = 4,
	ACCESS_DELETE = 8,
	ACCESS_CREATE = 16, /* of an object, as instance 65535: given in bootstrap only (8.2) */
};

struct access_entry {
	uint16_t short_server_id; /* 0: whoever has no entry */
	uint8_t rights;
};

struct access_control {
	uint16_t control;          /* instance of object 2 */
	uint16_t object, instance; /* what it is about; LWM2M_ID_NONE as instance: creating one */
	uint16_t owner;            /* short server id; LWM2M_ID_NONE: the bootstrap server */
	const struct access_entry *entries;
	size_t entry_count;
};

/* From what a read of object 2 gave, in order of its instances, in the arena. Instances that do not say what they are
 * about are left out. ERR_NOMEM. */
MUST_CHECK enum err access_controls_read(struct arena *arena, struct lwm2m_records records,
					 struct access_control **ret_controls, size_t *ret_count);

/* NULL when there is none about it. */
const struct access_control *access_control_find(const struct access_control *controls, size_t count, uint16_t object,
						 uint16_t instance);

/* One server's entry, to write. */
struct lwm2m_record access_control_entry(const struct access_control *control, uint16_t short_server_id, uint8_t rights);

/* Everything but one server's entry, to write in place of /2/x/2; in the arena. ERR_NOT_FOUND: it has none. */
MUST_CHECK enum err access_control_without(struct arena *arena, const struct access_control *control,
					   uint16_t short_server_id, struct lwm2m_records *ret_records);

/* "read" and so on. NULL when the bit is none. */
const char *access_right_name(unsigned right);
/* 0: no right has this name. */
uint8_t access_right_of_name(const char *name);

#endif
