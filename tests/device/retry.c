#include "retry.h"

#define RETRY_COUNT_DEFAULT    5
#define SEQUENCE_COUNT_DEFAULT 1
#define DOUBLINGS_MAX          6

static int64_t number(const struct device *device, const struct server *server, uint16_t resource,
		      int64_t fallback)
{
	return device_stored_integer(device, RESOURCE_PATH(1, server->instance, resource), fallback);
}

static bool boolean(const struct device *device, const struct server *server, uint16_t resource,
		    bool fallback)
{
	const struct value *value = values_get(&device->values, RESOURCE_PATH(1, server->instance, resource));

	return value == NULL ? fallback : value->boolean;
}

/* How often in one sequence; 0 is taken for once. */
static uint32_t count_of(const struct device *device, const struct server *server)
{
	int64_t count = number(device, server, RETRY_COUNT, RETRY_COUNT_DEFAULT);

	return count > 0 ? (uint32_t)count : 1;
}

/* Without its resources time passes as the command line says, and the wait between sequences is one as any
 * other: a day is long in a laboratory. */
int64_t retry_delay_ms(const struct device *device, const struct server *server, uint32_t failures)
{
	int64_t timer_s = number(device, server, RETRY_TIMER, -1);
	int64_t timer_ms = timer_s < 0 ? (int64_t)device->options->retry_ms : timer_s * 1000;
	int64_t sequence_s = number(device, server, SEQUENCE_DELAY, -1);
	uint32_t count = count_of(device, server), doublings = failures - 1;

	if (sequence_s >= 0 && failures % count == 0)
		return sequence_s * 1000;
	if (sequence_s >= 0)
		doublings %= count;
	return timer_ms << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
}

bool retry_wants_bootstrap(const struct device *device, const struct server *server, uint32_t failures)
{
	int64_t sequences = number(device, server, SEQUENCE_COUNT, SEQUENCE_COUNT_DEFAULT);

	return (int64_t)(failures / count_of(device, server)) >= (sequences > 0 ? sequences : 1) &&
	       boolean(device, server, BOOTSTRAP_ON_FAILURE, true);
}

int64_t retry_initial_delay_ms(const struct device *device, const struct server *server)
{
	return number(device, server, INITIAL_DELAY, 0) * 1000;
}

bool retry_comes_first(const struct device *device, const struct server *earlier, const struct server *later)
{
	int64_t first = number(device, earlier, PRIORITY_ORDER, -1),
		second = number(device, later, PRIORITY_ORDER, -1);

	return first >= 0 && first < second;
}

bool retry_blocks_others(const struct device *device, const struct server *server)
{
	return boolean(device, server, FAILURE_BLOCK, false);
}
