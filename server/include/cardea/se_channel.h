/* The service "se.channel/1" of the Secure Element plugin: carries commands of another plugin under the secure channel of a
 * security domain, as a part of one of its own jobs.
 *
 * It is a machine inside a machine. The caller starts it with an empty state and gives it each event of its job until the
 * result is another than CARDEA_NEXT; meanwhile it asks for what the job asks for (`send`, `wait`), and its state is a part
 * of what the caller keeps. No command is sent twice once one that changes something may have run. */
#ifndef CARDEA_SE_CHANNEL_H
#define CARDEA_SE_CHANNEL_H

#include "plugin.h"

#define CARDEA_SE_CHANNEL "se.channel/1"

struct se_channel_command {
	struct bytes apdu;      /* as in the clear: short length, without SELECT */
	bool changes;           /* the card is not as before; a script with such a command is never repeated */
};

/* The same in all steps. */
struct se_channel_order {
	/* JSON: what all operations of the plugin share. se, securityDomainAidHex, protocol, keyVersion, securityLevel. */
	const char *params;
	const struct se_channel_command *commands;
	size_t count;
};

struct se_channel_answer {
	uint16_t sw;
	struct bytes data;
};

struct se_channel_progress {
	/* NEXT: the step has asked for its one thing, and `state` is to be kept and given back. DONE: the card has answered
	 * all, or refused the last one that has an answer. FAILED: what has no answer has not run. UNKNOWN: the first command
	 * without an answer may have run. */
	enum cardea_result result;
	struct bytes state;
	const struct se_channel_answer *answers;        /* in the order of the commands; not with NEXT */
	size_t answer_count;
	struct fault fault;                             /* why FAILED, UNKNOWN */
};

/* What `find` gives. */
struct se_channel {
	uint32_t size;                                  /* sizeof in the plugin */
	const void *self;
	/* All that it gives lives in the arena of the step. An error is one of ours (ERR_NOMEM); the job should fail with it. */
	enum err (*step)(const struct se_channel *channel, const struct se_channel_order *order,
	                 const struct cardea_step *step, cardea_out *out, struct bytes state,
	                 struct se_channel_progress *ret_progress);
};

#endif
