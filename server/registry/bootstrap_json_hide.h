/* What of a document of the bootstrap server is never shown. For this folder only. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_JSON_HIDE_H
#define CARDEA_REGISTRY_BOOTSTRAP_JSON_HIDE_H

#include <jansson.h>

/* Takes every key out of the document, which may be any JSON, and wipes those that have a member of their own. */
void bootstrap_hide_keys(json_t *document);

#endif
