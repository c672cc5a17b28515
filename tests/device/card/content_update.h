/* GPCS 2.3.1 9.4 content extradition and registry update */
#ifndef CARD_CONTENT_UPDATE_H
#define CARD_CONTENT_UPDATE_H

#include "chip.h"
#include "content_parameters.h"

/* Variants of INSTALL. */
uint16_t install_for_extradition(struct call *call, const struct install_fields *fields);
uint16_t install_for_registry_update(struct call *call, const struct install_fields *fields);

/* 6.4.1: a channel is given to one application only. Adds to what the entry has. */
uint16_t implicit_selection_add(struct registry *registry, struct entry *entry,
				const struct content_parameters *parameters);
/* 8.1.1: only who has the privilege Global Service has services. In place of those it had. */
uint16_t services_record(struct registry *registry, struct entry *entry, uint32_t privileges,
			 const struct content_parameters *parameters);

#endif
