/* CoRE link format (RFC 6690), as Register, Discover and Bootstrap-Discover use it. */
#ifndef CARDEA_LWM2M_LINK_H
#define CARDEA_LWM2M_LINK_H

#include <cardea/bytes.h>

struct link_attribute {
	struct bytes name;
	struct bytes value;             /* unescaped */
	bool has_value, quoted;
};

struct link {
	struct bytes target;            /* between < and > */
	const struct link_attribute *attributes;
	size_t attribute_count;
};

struct links {
	const struct link *at;
	size_t count;
};

/* Strict: RFC 6690 grammar. Tolerant: blanks after commas and semicolons are skipped, as field clients send them.
 * ERR_MALFORMED with the offset. */
MUST_CHECK enum err link_parse(struct arena *arena, struct bytes text, bool tolerant, struct links *ret_links,
                               struct fault *fault);
MUST_CHECK enum err link_print(struct arena *arena, struct links links, struct bytes *ret_text);

/* NULL when the link has no such attribute. */
const struct link_attribute *link_attribute(const struct link *link, const char *name);

#endif
