/* A server for one job of the Secure Element plugin: runs its steps against an agent, and breaks the link
 * where asked. */
#ifndef CARDEA_TESTS_SE_LAB_H
#define CARDEA_TESTS_SE_LAB_H

#include <cardea/plugin.h>
#include <jansson.h>

#include "se_agent.h"

#define LAB_MAX_KEYSETS 4
#define LAB_MAX_STEPS   4000

enum lab_break {
	BREAK_NEVER,
	LOSE_REQUEST,  /* it does not arrive */
	LOSE_ANSWER,   /* it arrives, the answer does not */
	REBOOT_BEFORE, /* the device starts anew, the request does not arrive */
	REBOOT_AFTER,  /* the request arrives, then the device starts anew */
};

struct lab {
	struct agent agent;
	struct arena *arena; /* of the lab: what is kept from step to step */
	struct arena *step_arena;
	struct lab_keyset {
		const char *kind; /* "scp03" */
		struct cardea_keyset keyset;
	} keysets[LAB_MAX_KEYSETS];
	size_t keyset_count;
	const char *scp11; /* the document of the SCP11 key set; NULL: there is none */
	/* breaks */
	enum lab_break break_kind;
	unsigned break_at;          /* at the n-th request, from 1 on */
	unsigned break_again_every; /* and after each so many more; 0: once */
	bool loses_notifications;
	/* the result of the last job */
	enum cardea_result result;
	enum err kind;
	char reason[256];
	json_t *reported, *learned;
	unsigned requests, steps, traces;
	uint64_t progress_done, progress_total;
	char *trace_text; /* all lines: "layer direction text HEX\n" */
	int64_t now_ms;
};

void lab_open(struct lab *lab, const struct card_settings *settings);
void lab_close(struct lab *lab);
void lab_add_keys(struct lab *lab, uint8_t version, const char *enc_hex, const char *mac_hex,
		  const char *dek_hex);

void lab_add_keys_of(struct lab *lab, const char *kind, uint8_t version, const char *enc_hex, const char *mac_hex,
		     const char *dek_hex);

/* Runs one job to its end. */
enum cardea_result lab_run(struct lab *lab, const char *operation, const char *params, struct bytes package);

struct bytes lab_hex(struct lab *lab, const char *hex);
bool lab_has(struct lab *lab, const char *aid_hex);

#endif
