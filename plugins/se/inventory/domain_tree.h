/* Which security domain is below which, from the lists of an inventory item. */
#ifndef SE_DOMAIN_TREE_H
#define SE_DOMAIN_TREE_H

#include <jansson.h>

/* A list of security domains that are below none, or below one that is not listed: each with its AID, the AIDs of its
 * applications and load files, and the security domains below it in the same form. A new reference; NULL when there is
 * no memory. */
json_t *domain_tree(const json_t *item);

#endif
