/* Register, Update, De-register (LwM2M Core TS 1.1, 6.2) and the end of a lifetime. For this folder only. */
#ifndef CARDEA_REGISTRY_REGISTRATION_H
#define CARDEA_REGISTRY_REGISTRATION_H

#include "state.h"

void registration_register(struct registry *registry, const struct coap_request *request);
void registration_update(struct registry *registry, const struct coap_request *request);
void registration_deregister(struct registry *registry, const struct coap_request *request);

/* It was heard: its lifetime begins anew. */
void registration_touch(struct device_entry *entry);
/* It is registered, and may be spoken to: the listeners are told, its observations asked for again. */
void registration_announce(struct registry *registry, struct device_entry *entry);
void registration_expire(struct registry *registry, struct device_entry *entry);
/* The device is reached at another address from now on. */
void registration_move(struct registry *registry, struct device_entry *entry, const struct coap_address *to);
/* /1/x/1 was written: clients do not repeat it in their next Update [spec2]. */
void registration_set_lifetime(struct registry *registry, struct device_entry *entry, uint32_t lifetime_s);

#endif
