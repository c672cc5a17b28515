/* Channels that open with INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: what SCP02 and SCP03 share, and where they
 * differ. */
#ifndef SE_CHANNEL_UPDATE_H
#define SE_CHANNEL_UPDATE_H

#include "channel/channel.h"
#include "channel/key_memory.h"

/* Of struct protocol. */
void update_prepare(struct task *task);
enum err update_restore(struct task *task, struct fault *fault);
void update_plan(struct task *task, struct batch *batch);
void update_take(struct task *task, const struct planned *planned, const struct response *response);

/* Where the two differ. */
struct update_ways {
	/* The session of kept->opening and kept->host_challenge; *ret_i: what levels the card can do. */
	enum err (*open)(struct task *task, uint8_t *ret_i, uint8_t *ret_version, struct fault *fault);
	/* What the card will answer to INITIALIZE UPDATE with kept->host_challenge, as far as memory goes. */
	enum err (*expect)(struct task *task, const struct key_memory *memory, struct bytes *ret_opening);
	/* The counter after the session that has just opened; false when the card's challenges cannot be foreseen. */
	bool (*foresee)(struct task *task, struct key_memory *memory);
	enum err (*authenticate)(struct session *session, uint8_t level, struct arena *arena,
				 struct command *ret_command);
	bool (*level_is_possible)(uint8_t level, uint8_t i);
	uint8_t (*highest_level)(uint8_t i);
	bool has_long_challenge; /* of 16 bytes too */
	bool asks_option;        /* its i is in the card data and nowhere else */
	/* With these options neither of the two commands is: the counter is asked, and the first C-MAC authenticates us. NULL: never. */
	bool (*is_implicit)(uint8_t i);
};

extern const struct update_ways scp02_ways, scp03_ways;

/* The keys of the card, as kept->opening diversifies them; to be wiped. */
MUST_CHECK enum err update_card_keys(struct task *task, struct key_set *ret_keys, struct fault *fault);

#endif
