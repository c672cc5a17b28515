#include "serve.h"

#include <stdio.h>

#include "file.h"
#include "job.h"
#include "materials.h"
#include "vault.h"

#define NAME_BYTES 16

/* The same for a job whenever it is asked for, so that a download goes on after a restart. */
static enum err make_name(struct job *job)
{
	uint8_t value[SHA256_SIZE];
	char context[32];

	snprintf(context, sizeof(context), "file/%llu", (unsigned long long)job->id);
	enum err err = vault_derive(job->orchestrator->parts.vault, context, value);
	if (err != ERR_NONE)
		return err;
	const char *name = bytes_to_base64url(job->step_arena, bytes_of(value, NAME_BYTES));
	if (name == NULL)
		return ERR_NOMEM;
	snprintf(job->file_name, sizeof(job->file_name), "%s", name);
	return ERR_NONE;
}

static enum err offer(struct job *job)
{
	return file_offer(job->orchestrator->parts.registry, job->file_name, job->endpoint,
			  materials_package(job->materials));
}

enum err serve_package(cardea_out *out, const char **ret_uri)
{
	struct job *job = out->job;
	enum err err = ERR_NONE;

	if (job->phase == PHASE_COMPUTING)
		return ERR_UNAVAILABLE; /* the registry is the loop's */
	if (materials_package(job->materials).len == 0)
		return ERR_NOT_FOUND;
	if (job->file_name[0] == 0)
		err = make_name(job);
	if (err == ERR_NONE)
		err = offer(job);
	if (err == ERR_NONE)
		err = file_uri(job->orchestrator->parts.registry, job->file_name, job->endpoint, out->arena,
			       ret_uri);
	return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
}

void serve_renewed(struct job *job)
{
	if (job->file_name[0] != 0 && offer(job) != ERR_NONE)
		serve_end(job);
}

void serve_end(struct job *job)
{
	if (job->file_name[0] != 0)
		file_withdraw(job->orchestrator->parts.registry, job->file_name);
	job->file_name[0] = '\0';
}
