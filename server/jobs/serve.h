/* The package of a job, fetched by its device: cardea_host_api.serve. */
#ifndef CARDEA_JOBS_SERVE_H
#define CARDEA_JOBS_SERVE_H

#include <cardea/plugin.h>

struct job;

/* Offers the package of the job whose step this is. ERR_NOT_FOUND, ERR_UNAVAILABLE, ERR_NOMEM. */
MUST_CHECK enum err serve_package(cardea_out *out, const char **ret_uri);
/* The package of a job that offers it has been read again: the copy before is about to be freed. */
void serve_renewed(struct job *job);
void serve_end(struct job *job);

#endif
