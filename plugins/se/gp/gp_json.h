/* What a card says about itself, as JSON for operators. New references; NULL when there is no memory. */
#ifndef SE_GP_JSON_H
#define SE_GP_JSON_H

#include <jansson.h>

#include "gp/gp.h"

json_t *json_hex(struct arena *arena, struct bytes bytes);
json_t *registry_entry_json(struct arena *arena, const struct registry_entry *entry, enum registry_kind kind);
/* Only the security domains, only the others, or all. */
enum registry_part { PART_ALL, PART_DOMAINS, PART_APPLICATIONS };
json_t *registry_json(struct arena *arena, const struct registry *registry, enum registry_kind kind,
		      enum registry_part part);
json_t *key_information_json(const struct key_information *keys);
json_t *card_data_json(struct arena *arena, const struct card_data *card);
json_t *card_capability_json(struct arena *arena, const struct card_capability *capability);
json_t *cplc_json(struct arena *arena, const struct cplc *cplc);
json_t *card_resources_json(const struct card_resources *resources);

#endif
