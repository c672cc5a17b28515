/* What a device may ask of the server. For this folder only. */
#ifndef CARDEA_REGISTRY_ROUTES_H
#define CARDEA_REGISTRY_ROUTES_H

#include "coap.h"

/* The endpoint's handler of requests; `self` is the registry. */
void routes_serve(void *self, const struct coap_request *request);

#endif
