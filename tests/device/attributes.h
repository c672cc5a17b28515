/* Notification attributes as the server wrote them (LwM2M Core TS 1.1, 5.1.2, and 1.2, 7.3), but for hqmax: what a server
 * could not be told is not kept here. */
#ifndef DEVICE_ATTRIBUTES_H
#define DEVICE_ATTRIBUTES_H

#include "objects.h"

enum attribute {
	ATTRIBUTE_PMIN,
	ATTRIBUTE_PMAX,
	ATTRIBUTE_GT,
	ATTRIBUTE_LT,
	ATTRIBUTE_ST,
	ATTRIBUTE_EPMIN,
	ATTRIBUTE_EPMAX,
	ATTRIBUTE_EDGE,
	ATTRIBUTE_CON,
	ATTRIBUTE_COUNT
};

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

/* What the attributes are for. */
struct attribute_place {
	enum kind kind; /* of the one value there; KIND_NONE: not one value. gt, lt and st need a number, edge a boolean */
	uint8_t minor_version;
};

/* Every query is name=value, or a name alone, which unsets it. BAD_REQUEST with the reason, or CHANGED; then *set is what
 * it was with them. */
enum answer_code attributes_apply(struct attribute_set *set, struct attribute_place place,
				  const struct bytes *queries, size_t query_count, struct fault *fault);
/* Write-Attributes: the same to those of a path. All or nothing. */
enum answer_code attributes_write(struct attributes *attributes, struct path path, struct attribute_place place,
				  const struct bytes *queries, size_t query_count, struct fault *fault);

/* What counts for an observation of `path`: what it brought along (`own`), then the attributes of the path, for the rest
 * those of the levels above. */
struct attribute_set attributes_effective(const struct attributes *attributes, struct path path,
					  const struct attribute_set *own);

/* ";pmin=10;gt=20.5": those attached to exactly `path`. */
void build_attributes(struct builder *b, const struct attributes *attributes, struct path path);

void attributes_remove(struct attributes *attributes, struct path path); /* with everything below */

#endif
