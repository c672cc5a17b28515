/* Which observations there are (LwM2M Core TS 1.1, 6.4). For this folder only. */
#ifndef CARDEA_REGISTRY_OBSERVATION_H
#define CARDEA_REGISTRY_OBSERVATION_H

#include "observation_target.h"
#include "operation.h"
#include "state.h"

#define OBSERVATION_MAX 128                     /* per device */

struct observation {
	struct observation *next;               /* of the device */
	struct device_entry *entry;             /* owns it */
	uint64_t token, job_id;
	struct observation_target target;
	uint16_t format;                        /* Accept of its request; FORMAT_NONE: the device's choice */
	bool has_number;
	uint32_t number;                        /* Observe option of the last notification, and when it came */
	int64_t heard_ms;
	UT_hash_handle hh;
	char *prefix, *attributes;              /* of the target; owned, or NULL */
	struct lwm2m_path names[];              /* of the target too */
};

struct observation *observation_by_token(const struct registry *registry, uint64_t token);
struct observation *observation_find(const struct device_entry *entry, const struct observation_target *target,
                                     uint64_t job_id);
/* Any of the job; NULL when it has none. */
const struct observation *observation_of_job(const struct device_entry *entry, uint64_t job_id);
MUST_CHECK enum err observation_views(const struct device_entry *entry, struct arena *arena,
                                      struct observation_view **ret_views, size_t *ret_count);
/* What asks for it again (OBSERVE) or cancels it: names in the arena. ERR_NOMEM. */
MUST_CHECK enum err observation_request(const struct observation *observation, enum lwm2m_operation operation,
                                        struct arena *arena, struct operation_request *ret_request);

/* The device has accepted what the observation's row says. ERR_NOMEM, ERR_UNAVAILABLE (the store): not kept. */
MUST_CHECK enum err observation_keep(struct registry *registry, struct device_entry *entry, uint64_t token,
                                     const struct observation_target *target, uint16_t format, uint64_t job_id);
/* From the store. */
MUST_CHECK enum err observation_restore(struct registry *registry, struct device_entry *entry,
                                        const struct observation_row *row, const struct observation_target *target);
/* Here; the device is not told. Nothing happens when there is none. */
void observation_end(struct registry *registry, uint64_t token);
/* After a new registration, which has ended them on the device: those of jobs are gone ... */
void observation_drop_jobs(struct registry *registry, struct device_entry *entry);
/* ... and those of operators are asked for again. */
void observation_renew(struct registry *registry, struct device_entry *entry);
/* Of a device that is gone, and whose row is. */
void observation_forget_all(struct registry *registry, struct device_entry *entry);

/* The endpoint's handler; `self` is the registry. */
bool observation_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
                          struct coap_message *ret_request);

#endif
