#include "misbehave.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define NONSENSE_BYTES_MAX 200

struct misbehaviour misbehaviour_of(const struct options *options)
{
	return (struct misbehaviour){ .options = options, .dice = options->seed + 0x9E3779B97F4A7C15u };
}

bool misbehave_with_datagrams(const struct options *options)
{
	return options->drop_percent > 0 || options->duplicate_percent > 0 || options->corrupt_percent > 0 ||
	       options->delay_ms > 0;
}

/* splitmix64: small, and the same everywhere */
static uint64_t roll(struct misbehaviour *misbehaviour)
{
	uint64_t z = misbehaviour->dice += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static bool happens(struct misbehaviour *misbehaviour, uint32_t percent)
{
	return roll(misbehaviour) % 100 < percent;
}

struct datagram_fate misbehave_datagram(struct misbehaviour *misbehaviour, uint8_t *at, size_t len)
{
	const struct options *options = misbehaviour->options;
	struct datagram_fate fate = {
		.is_dropped = happens(misbehaviour, options->drop_percent),
		.is_doubled = happens(misbehaviour, options->duplicate_percent),
	};

	if (options->delay_ms > 0)
		fate.delay_ms = (int64_t)(roll(misbehaviour) % (2 * (uint64_t)options->delay_ms + 1));
	if (len > 0 && happens(misbehaviour, options->corrupt_percent)) {
		uint64_t bit = roll(misbehaviour) % (8 * len);
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	return fate;
}

/* ---- sudden reboots ---- */

static void execute_again(const struct options *options)
{
	size_t count = 0;
	char **arguments;

	while (options->arguments[count] != NULL)
		count++;
	arguments = calloc(count + 3, sizeof(*arguments));
	if (arguments == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		arguments[i] = strdup(options->arguments[i]);
	arguments[count] = strdup("--reboot-at");
	arguments[count + 1] = strdup("never");
	close_range(3, ~0U, 0); /* the sockets of this life must not go on into the next */
	execv("/proc/self/exe", arguments);
}

static void reboot_at(struct misbehaviour *misbehaviour, enum reboot_moment moment, uint32_t count)
{
	const struct options *options = misbehaviour->options;

	if (options->reboot_moment != moment || options->reboot_at != count)
		return;
	if (options->reboots_by_exec)
		execute_again(options);
	_exit(REBOOT_STATUS);
}

void misbehave_at_apdu(struct misbehaviour *misbehaviour, enum agent_moment moment)
{
	static const enum reboot_moment moments[] = {
		[BEFORE_COMMAND] = REBOOT_BEFORE_APDU,
		[AFTER_COMMAND] = REBOOT_AFTER_APDU,
		[AFTER_RECORD] = REBOOT_AFTER_RECORD,
	};

	if (moment == BEFORE_COMMAND)
		misbehaviour->apdus++;
	reboot_at(misbehaviour, moments[moment], misbehaviour->apdus);
}

void misbehave_before_request(struct misbehaviour *misbehaviour)
{
	misbehaviour->requests++;
	reboot_at(misbehaviour, REBOOT_BEFORE_REQUEST, misbehaviour->requests);
}

void misbehave_after_request(struct misbehaviour *misbehaviour)
{
	reboot_at(misbehaviour, REBOOT_AFTER_REQUEST, misbehaviour->requests);
}

void misbehave_answer(struct misbehaviour *misbehaviour, struct arena *arena, struct answer *answer)
{
	struct builder b = builder_in(arena);
	size_t len;

	if (!misbehaviour->options->answers_nonsense || answer->format == FORMAT_NONE)
		return;
	len = roll(misbehaviour) % NONSENSE_BYTES_MAX;
	while (b.len < len)
		build_u8(&b, (uint8_t)roll(misbehaviour));
	answer->payload = bytes_of(b.at, b.len);
}
