/* Secure channel protocols behind one interface: how a channel opens, and how its commands and answers are protected.
 * Everything above sees this and no protocol. */
#ifndef SE_PROTOCOL_H
#define SE_PROTOCOL_H

#include "engine/batch.h"

struct protocol {
	const char *name; /* "SCP03" */
	const char *kind; /* of the key sets that it needs */
	uint8_t number;
	enum key_type key_type; /* of the keys that PUT KEY brings under it */
	bool locks_keys;        /* cards count failed authentications, and lock the key set after some */

	/* Before the first script of a session: keys and challenges. Failures end the task. */
	void (*prepare)(struct task *task);
	/* The session of the channel that is kept, with the chains before the script in flight. */
	enum err (*restore)(struct task *task, struct fault *fault);
	/* The commands that open the channel and are due now. */
	void (*plan)(struct task *task, struct batch *batch);
	/* The answer to one of them; the last makes the channel open. Failures end the task. */
	void (*take)(struct task *task, const struct planned *planned, const struct response *response);

	/* The data field that `data_size` plain bytes become at the session's level. */
	size_t (*wrapped_data_size)(const struct session *session, size_t data_size);
	/* ERR_LIMIT when it does not fit a short command. */
	enum err (*wrap)(struct session *session, const struct command *plain, struct arena *arena,
			 struct command *ret_wrapped);
	/* ERR_DENIED: the session must not be used any more. */
	enum err (*unwrap)(const struct session *session, const struct session_mark *mark,
			   const struct response *wrapped, struct arena *arena, struct response *ret_plain,
			   struct fault *fault);
};

extern const struct protocol scp02_protocol, scp03_protocol, scp11_protocol;

/* Which commands of a script open the channel; 0 is none of them. */
enum opening {
	OPENING_NONE,
	OPENING_CARD_DATA,       /* GET DATA 66 */
	OPENING_KEY_INFORMATION, /* GET DATA E0 */
	OPENING_UPDATE,          /* INITIALIZE UPDATE */
	OPENING_AUTHENTICATE,    /* EXTERNAL, MUTUAL or INTERNAL AUTHENTICATE */
	OPENING_CERTIFICATES,    /* GET DATA BF21 */
	OPENING_OFFER,           /* PERFORM SECURITY OPERATION */
};

#endif
