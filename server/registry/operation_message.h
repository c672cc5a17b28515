/* Operations as CoAP messages, and back (LwM2M Transport TS 1.1, 6.4). For this folder only. */
#ifndef CARDEA_REGISTRY_OPERATION_MESSAGE_H
#define CARDEA_REGISTRY_OPERATION_MESSAGE_H

#include "operation_queue.h"

/* Who is spoken to: the device, or with a root the end device behind it, as if that had registered. Valid until the device
 * changes. */
struct device operation_message_device(const struct device *device, const char *root);

/* The message of a request in the format of an attempt, from 0; in the arena. ERR_UNSUPPORTED: the format cannot carry it. */
MUST_CHECK enum err operation_message_of(struct arena *arena, const struct model *model, const struct device *device,
                                         const struct operation_request *request, size_t attempt,
                                         struct coap_message *ret_message, struct fault *fault);

/* Makes the message of an operation that has its entry, model and request, in the first format that can carry it. */
MUST_CHECK enum err operation_message_make(struct operation *operation, struct fault *fault);
/* True when the device refused the format and there is another one: the message then is in that. */
bool operation_message_again(struct operation *operation, uint8_t code);

/* Decodes an answer, in the operation's arena; the payload stays where it is. */
void operation_message_read(struct operation *operation, const struct coap_message *message,
			    struct operation_answer *ret_answer, uint32_t *rules);
/* The records of a read or a notification, empty with the reason in `fault` when it cannot be decoded.
 * The rules of tolerance that were needed are added to *rules. */
struct lwm2m_records operation_message_records(struct arena *arena, const struct model *model,
					       struct lwm2m_path path, uint16_t asked,
					       const struct coap_message *message, uint32_t *rules,
					       struct fault *fault);

/* True when the operation has changed the lifetime of the registration, /1/x/1. */
bool operation_message_wrote_lifetime(const struct operation *operation, uint8_t code,
				      uint32_t *ret_lifetime_s);

#endif
