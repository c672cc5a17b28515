/* Presented devices, for the files of this folder. */
#ifndef CARDEA_REGISTRY_PRESENTED_STATE_H
#define CARDEA_REGISTRY_PRESENTED_STATE_H

#include "operation_queue.h"
#include "presented.h"

/* The answer to an operation on a presented device, in its arena. */
struct operation_answer presented_answer(struct registry *registry, struct operation *operation);

#endif
