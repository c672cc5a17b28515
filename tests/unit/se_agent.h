/* An admin agent for tests of the Secure Element plugin: object 30401 over the simulated card, with what can
 * go wrong. */
#ifndef CARDEA_TESTS_SE_AGENT_H
#define CARDEA_TESTS_SE_AGENT_H

#include <cardea/lwm2m.h>

#include "card.h"

#define AGENT_MAX_COMMANDS 4000

struct agent {
	struct card *card;
	struct arena *arena; /* of the request and the response */
	/* the resources */
	int64_t se_state, agent_state, script_status;
	uint32_t request_id, response_id, executed;
	struct bytes target, request, response;
	bool stop_on_error, was_interrupted, is_channel_open;
	uint32_t max_request, max_response;
	uint32_t real_max_request; /* 0: as it says */
	const char *identifier;
	bool has_empty_neighbour; /* instance 1: a reader without a card */
	const char *protocol, *second_protocol; /* NULL: it announces one only */
	int64_t body_format;                    /* resource 10 */
	bool report_required;                   /* 8 */
	uint32_t retry_count, retry_delay, session_timeout; /* 23, 24, 25 */
	bool has_settings;                                  /* 8, 10, 23, 24, 25 */
	/* how it behaves */
	bool has_channel_resource, has_stop_on_error;
	bool ends_channel_after_script;
	bool opens_by_itself; /* of SERAM 2.0.0: no answer to the selection */
	int64_t report_status; /* likewise, of the next Report, whatever its object says; 0: as it is */
	bool is_slow;                 /* a script runs until agent_finish */
	unsigned cut_after;           /* commands of the next script, then the power goes; 0: never */
	int64_t lasting_status;       /* of every script, none of which runs; 0: none */
	bool is_definite_only;        /* finds no length in a script of the other form */
	int64_t next_status;          /* of the next script, which does not run; 0: none */
	unsigned unreachable_script;  /* the n-th from now on finds its application unavailable; 0: none */
	unsigned max_command_data;    /* of the card; 0: any */
	unsigned refuse_answers_over; /* bytes of data; then 62F1 */
	bool leaves_the_rest;         /* that 61xx announces */
	uint8_t lies_about;           /* answers this instruction with 6100, unasked; 0: none */
	unsigned lies;                /* how often ... */
	unsigned lies_after;          /* ... after so many that were good */
	struct bytes lie;             /* instead of 6100, once the card has run the command ... */
	bool lies_instead;            /* ... or without it */
	/* what happened */
	uint8_t first_byte; /* of the last request */
	struct bytes actions; /* the elements of the last script that are no commands */
	bool has_no_chaining; /* refuses a script with Script Chaining */
	unsigned scripts, commands, starts, selections;
	uint8_t instructions[AGENT_MAX_COMMANDS];
};

/* ret code: CoAP. */
uint8_t agent_write(struct agent *agent, struct lwm2m_records records);
uint8_t agent_execute(struct agent *agent, uint16_t resource, const char *arguments);
/* The whole instance 0, in the arena. */
struct lwm2m_records agent_read(struct agent *agent, struct arena *arena);
void agent_finish(struct agent *agent);
/* Power off and on: the card is reset, what was running is interrupted. */
void agent_reboot(struct agent *agent);
unsigned agent_count(const struct agent *agent, uint8_t instruction);

#endif
