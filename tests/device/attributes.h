/* Notification attributes as the server wrote them (LwM2M Core TS 1.1, 5.1.2). */
#ifndef DEVICE_ATTRIBUTES_H
#define DEVICE_ATTRIBUTES_H

#include "objects.h"

enum attribute { ATTRIBUTE_PMIN, ATTRIBUTE_PMAX, ATTRIBUTE_GT, ATTRIBUTE_LT, ATTRIBUTE_ST, ATTRIBUTE_COUNT };

struct attribute_set {
	bool has[ATTRIBUTE_COUNT];
	double value[ATTRIBUTE_COUNT];
};

struct attached {
	struct path path;
	struct attribute_set set;
};

#define ATTACHED_MAX 64

struct attributes {
	struct attached at[ATTACHED_MAX];
	size_t count;
};

/* Write-Attributes: every query is name=value, or a name alone, which unsets it. All or nothing. `is_number`
 * says whether the path holds one number, which gt, lt and st need. BAD_REQUEST with the reason, or CHANGED.
 */
enum answer_code attributes_write(struct attributes *attributes, struct path path, bool is_number,
				  const struct bytes *queries, size_t query_count, struct fault *fault);

/* What counts for `path`: its own attributes, for the rest those of the levels above. */
struct attribute_set attributes_effective(const struct attributes *attributes, struct path path);

/* ";pmin=10;gt=20.5": those attached to exactly `path`. */
void build_attributes(struct builder *b, const struct attributes *attributes, struct path path);

void attributes_remove(struct attributes *attributes, struct path path); /* with everything below */

#endif
