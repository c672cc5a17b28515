/* CoRE link format (RFC 6690), as Register, Discover and Bootstrap-Discover use it. */
#ifndef CARDEA_LWM2M_LINK_H
#define CARDEA_LWM2M_LINK_H

#include <cardea/bytes.h>

struct link_attribute {
	struct bytes name;
	struct bytes value; /* unescaped */
	bool has_value, quoted;
};

struct link {
	struct bytes target; /* between < and >: an absolute path, percent-encoded as it was */
	const struct link_attribute *attributes;
	size_t attribute_count;
};

struct links {
	const struct link *at;
	size_t count;
};

/* Strict: RFC 6690 grammar. Tolerant: blanks around links and attributes are skipped, as field clients send
 * them. No text is no links. Targets and values borrow from `text`. ERR_MALFORMED with the offset, ERR_NOMEM.
 */
MUST_CHECK enum err link_parse(struct arena *arena, struct bytes text, bool tolerant, struct links *ret_links,
			       struct fault *fault);
/* ERR_MALFORMED for what cannot stand in a link: a relative target, an empty name, an unquoted value that
 * needs quotes. */
MUST_CHECK enum err link_print(struct arena *arena, struct links links, struct bytes *ret_text);

/* The first of that name, the others do not count (RFC 6690, 3); NULL when there is none. */
const struct link_attribute *link_attribute(const struct link *link, const char *name);

#endif
