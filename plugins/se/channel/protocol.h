/* Secure channel protocols behind one interface: how a channel opens, and how its commands and answers are protected.
 * Everything above sees this and no protocol. */
#ifndef SE_PROTOCOL_H
#define SE_PROTOCOL_H

#include "engine/batch.h"
#include "seram/script.h"

/* What a packet brought back. */
enum packet_end {
	PACKET_ANSWERED, /* the answers of its commands are there */
	PACKET_UNSENT,   /* the agent has no answer to all of its parts */
	PACKET_WAITING,  /* its receipt is fetched by the next script */
	PACKET_BUSY,     /* the card did not take it, and says so: the same again, later */
	PACKET_ENDED,    /* the task did */
};

/* Where the commands of a script go together in one packet, for which the card answers with one receipt. */
struct packets {
	/* The bytes of a script that carries so many bytes of commands; SIZE_MAX when no packet does. */
	size_t (*script_size)(const struct task *task, size_t command_bytes);
	/* The bytes of elements of answers that a receipt has room for. */
	size_t (*answer_room)(const struct task *task);
	/* The receipt has the answer to the last command only. */
	bool (*tells_last_only)(const struct task *task);
	/* A new packet: it gets a number that no other had. Failures end the task. */
	void (*number)(struct task *task);
	/* The commands that go to the card in place of those of the batch. */
	enum err (*seal)(const struct batch *batch, struct command ret_commands[static BATCH_MAX_COMMANDS],
			 size_t *ret_count, struct fault *fault);
	/* The packet, in the job's trace. */
	void (*trace)(const struct batch *batch);
	/* The answers to those become the answers to the commands of the batch. */
	enum packet_end (*open)(const struct batch *batch, struct body_response *answers);
};

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
	/* The commands that open the channel and are due now; NULL where it is open at once. */
	void (*plan)(struct task *task, struct batch *batch);
	/* The answer to one of them; the last makes the channel open. Failures end the task. */
	void (*take)(struct task *task, const struct planned *planned, const struct response *response);

	/* The data field that `data_size` plain bytes become at the session's level. */
	size_t (*wrapped_data_size)(const struct session *session, size_t data_size);
	/* ERR_LIMIT when it does not fit a short command. */
	enum err (*wrap)(struct session *session, const struct command *plain, struct arena *arena,
			 struct command *ret_wrapped);
	/* ERR_DENIED: the session must not be used any more. */
	enum err (*unwrap)(struct session *session, const struct planned *planned, const struct response *wrapped,
			   struct arena *arena, struct response *ret_plain, struct fault *fault);
	/* Its R-MACs make a chain: an answer that did not come whole breaks it. */
	bool chains_answers;

	const struct packets *packets; /* NULL: each command goes by itself */
};

extern const struct protocol scp02_protocol, scp03_protocol, scp11_protocol, scp80_protocol, plain_protocol;

/* For `unwrap`: R-MACs as SCP03 has them. */
enum err unwrap_as_scp03(struct session *session, const struct planned *planned, const struct response *wrapped,
			 struct arena *arena, struct response *ret_plain, struct fault *fault);

/* channel_plain.c: for protocols whose single commands stay as they are, and whose channel is open at once. */
enum err restore_nothing(struct task *task, struct fault *fault);
size_t plain_data_size(const struct session *session, size_t data_size);
enum err wrap_nothing(struct session *session, const struct command *plain, struct arena *arena,
		      struct command *ret_wrapped);
enum err unwrap_nothing(struct session *session, const struct planned *planned, const struct response *wrapped,
			struct arena *arena, struct response *ret_plain, struct fault *fault);

/* Which commands of a script open the channel; 0 is none of them. */
enum opening {
	OPENING_NONE,
	OPENING_CARD_DATA,       /* GET DATA 66 */
	OPENING_KEY_INFORMATION, /* GET DATA E0 */
	OPENING_COUNTER,         /* GET DATA C1 */
	OPENING_UPDATE,          /* INITIALIZE UPDATE */
	OPENING_AUTHENTICATE,    /* EXTERNAL, MUTUAL or INTERNAL AUTHENTICATE, or the first C-MAC where none of them is */
	OPENING_NUMBERS,         /* GET DATA 42, 45 */
	OPENING_CERTIFICATES,    /* GET DATA BF21 */
	OPENING_OFFER,           /* PERFORM SECURITY OPERATION */
	OPENING_NEXT,            /* INITIALIZE UPDATE of the session after this one */
};

#endif
