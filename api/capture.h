/* A job's trace as a capture that Wireshark dissects: CoAP messages between server and device, and the commands of smart
 * cards with their answers as GSMTAP, each with the decoded text as its comment. */
#ifndef CARDEA_API_CAPTURE_H
#define CARDEA_API_CAPTURE_H

#include <cardea/bytes.h>

#include "store.h"

/* Appends the whole file. ERR_NOMEM. */
MUST_CHECK enum err capture_build(struct builder *b, const struct job_row *job, const struct trace_row *lines,
                                  size_t count);

#endif
