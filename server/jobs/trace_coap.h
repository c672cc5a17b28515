/* CoAP messages in a job's trace: whole ones, as they are before the endpoint cuts them into blocks. Private to this
 * folder. */
#ifndef CARDEA_JOBS_TRACE_COAP_H
#define CARDEA_JOBS_TRACE_COAP_H

#include "coap.h"
#include "job.h"

/* A line of the layer "coap". The token stands for `path`, so that notifications have that of their observation, and
 * the message id is the number of the step. Of a message that is `is_hidden` or very long the payload is left out. */
void job_trace_coap(struct job *job, const char *direction, const struct coap_message *message,
                    struct lwm2m_path path, bool is_hidden);

#endif
