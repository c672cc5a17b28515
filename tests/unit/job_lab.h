/* A server for one job of a plugin: runs the steps of an operation against a device that a test plays, and breaks the
 * link where asked. */
#ifndef CARDEA_TESTS_JOB_LAB_H
#define CARDEA_TESTS_JOB_LAB_H

#include <cardea/plugin.h>
#include <jansson.h>

#define LAB_MAX_KEYSETS   4
#define LAB_MAX_DOCUMENTS 6
#define LAB_MAX_PACKAGES 4
#define LAB_MAX_STEPS   4000

enum lab_break {
	BREAK_NEVER,
	LOSE_REQUEST,  /* it does not arrive */
	LOSE_ANSWER,   /* it arrives, the answer does not */
	REBOOT_BEFORE, /* the device starts anew, the request does not arrive */
	REBOOT_AFTER,  /* the request arrives, then the device starts anew */
};

/* What a test plays. Records of answers and notifications may lie in the lab's step_arena. */
struct lab_device {
	void *self;
	/* CARDEA_ANSWER with code and records; the path and the format are the lab's matter. */
	struct cardea_step (*answer)(void *self, const struct cardea_request *request);
	/* Time passes. True when a notification comes meanwhile: path and records. */
	bool (*wait)(void *self, struct cardea_step *ret_notification);
	void (*lose_observations)(void *self);
	void (*reboot)(void *self);
};

struct job_lab {
	struct lab_device device;
	struct arena *arena; /* of the lab: what is kept from step to step */
	struct arena *step_arena;
	int64_t now_ms;
	const char *uri; /* where the package is served; NULL: nowhere */
	bool is_served;  /* since the last break */
	struct lab_keyset {
		const char *kind; /* "scp03" */
		struct bytes aid; /* of the security domain; empty: of all */
		struct cardea_keyset keyset;
	} keysets[LAB_MAX_KEYSETS];
	size_t keyset_count;
	struct lab_package { /* what parameters name in lists */
		const char *id;
		struct cardea_package package;
	} packages[LAB_MAX_PACKAGES];
	size_t package_count;
	json_t *known; /* what all jobs learned: by section, then by key */
	const char *config; /* of the plugin; NULL: {} */
	struct lab_document { /* key sets that are documents */
		const char *kind;
		struct bytes aid; /* empty: for any security domain */
		const char *json;
	} documents[LAB_MAX_DOCUMENTS];
	size_t document_count;
	const char *service; /* what the plugin offers to others, and its table */
	const void *service_table;
	const struct cardea_operation *operation; /* of another plugin, in place of the named one; NULL: none */
	json_t *counters; /* by name: the last number that a step was given */
	/* breaks */
	enum lab_break break_kind;
	unsigned break_at;          /* at the n-th request, from 1 on */
	unsigned break_again_every; /* and after each so many more; 0: once */
	unsigned give_up_at;        /* the job is forgotten once it made so many requests: CARDEA_NEXT; 0: never */
	/* the last job */
	struct bytes state;
	enum cardea_result result;
	enum err kind;
	char reason[256];
	json_t *announced;          /* objects, each with its type */
	json_t *reported, *learned; /* learned: by section, then by key */
	unsigned requests, steps, traces;
	uint64_t progress_done, progress_total;
	char *trace_text; /* all lines: "layer direction text HEX\n" */
};

void job_lab_open(struct job_lab *lab, struct lab_device device);
void job_lab_close(struct job_lab *lab);

/* Runs one job of the plugin that the test links to its end. */
enum cardea_result job_lab_run(struct job_lab *lab, const char *operation, const char *params,
			       struct bytes package);

#endif
