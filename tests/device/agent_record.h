/* What the agent keeps across a restart. */
#ifndef DEVICE_AGENT_RECORD_H
#define DEVICE_AGENT_RECORD_H

#include "agent.h"

struct agent_record agent_record_default(void);
void agent_record_clear(struct agent_record *record);

/* Makes the record durable; without a path nothing happens. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err agent_record_store(const struct agent_record *record, const char *path);

/* What was stored; the default when there is nothing yet. ERR_MALFORMED for a damaged file, ERR_IO,
 * ERR_NOMEM. */
MUST_CHECK enum err agent_record_load(struct agent_record *record, const char *path, struct fault *fault);

#endif
