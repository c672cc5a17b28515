/* Well-formed Java Card CAP files of any size, made from nothing: for tests and the demo. Their code does
 * nothing. */
#ifndef CARDEA_TESTS_CAP_FILE_H
#define CARDEA_TESTS_CAP_FILE_H

#include <cardea/bytes.h>

#define CAP_MAX_APPLETS 16

struct cap_order {
	struct bytes package_aid;
	struct bytes applets[CAP_MAX_APPLETS];
	size_t applet_count;
	uint8_t major, minor;
	size_t code_bytes; /* of the Method component; at most 65000 */
};

/* The components one after another (IJC). */
MUST_CHECK enum err cap_build_ijc(struct arena *arena, const struct cap_order *order, struct bytes *ret_file);
/* The ZIP that a converter makes. */
MUST_CHECK enum err cap_build_zip(struct arena *arena, const struct cap_order *order, struct bytes *ret_file);

#endif
