/* Four levels of 256 slots. A slot of level 0 is one tick wide, one of each further level as wide as the
 * whole level before it. A timer waits in the level that its distance asks for; when the wheel reaches the
 * slot, its timers move down, and in level 0 they fire. The farthest that the levels reach is 795 days; a
 * timer beyond waits at the far end and is placed anew from there.
 *
 * A list of timers is singly linked with a pointer back to what points at the timer, so that any timer leaves
 * its list without knowing which. */
#include "wheel.h"

#include <stdlib.h>

#define TICK_MS       16
#define LEVELS        4
#define SLOTS         256
#define LEVEL_BITS    8 /* SLOTS is 2 to this */
#define FARTHEST_TICK (((int64_t)1 << (LEVELS * LEVEL_BITS)) - 1)

struct wheel {
	int64_t tick; /* the last one that was served */
	size_t count;
	struct timer *slots[LEVELS][SLOTS];
};

/* Ticks count from the zero of the clock; a timer fires at the first tick that is not before it is due. */
static int64_t tick_before(int64_t ms)
{
	return ms / TICK_MS - (ms % TICK_MS < 0);
}

static int64_t tick_after(int64_t ms)
{
	return ms / TICK_MS + (ms % TICK_MS > 0);
}

enum err wheel_create(int64_t now_ms, struct wheel **ret_wheel)
{
	struct wheel *wheel = calloc(1, sizeof(*wheel));

	if (wheel == NULL)
		return ERR_NOMEM;
	wheel->tick = tick_before(now_ms);
	*ret_wheel = wheel;
	return ERR_NONE;
}

static void unlink_timer(struct timer *timer)
{
	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	timer->next = NULL;
	timer->link = NULL;
}

void wheel_free(struct wheel *wheel)
{
	if (wheel == NULL)
		return;
	for (int level = 0; level < LEVELS; level++) {
		for (int slot = 0; slot < SLOTS; slot++) {
			while (wheel->slots[level][slot] != NULL)
				unlink_timer(wheel->slots[level][slot]);
		}
	}
	free(wheel);
}

static unsigned slot_of(int64_t tick, int level)
{
	return (uint64_t)tick >> (level * LEVEL_BITS) & (SLOTS - 1);
}

/* Links the timer into the slot for its time, which is `earliest` at the earliest. */
static void place(struct wheel *wheel, struct timer *timer, int64_t earliest)
{
	int64_t tick = tick_after(timer->due_ms);
	int level = 0;
	struct timer **slot;

	if (tick < earliest)
		tick = earliest;
	if (tick - wheel->tick > FARTHEST_TICK)
		tick = wheel->tick + FARTHEST_TICK;
	while ((tick - wheel->tick) >> ((level + 1) * LEVEL_BITS) != 0)
		level++;
	slot = &wheel->slots[level][slot_of(tick, level)];
	timer->next = *slot;
	timer->link = slot;
	if (*slot != NULL)
		(*slot)->link = &timer->next;
	*slot = timer;
}

void wheel_start(struct wheel *wheel, struct timer *timer, int64_t due_ms)
{
	wheel_stop(wheel, timer);
	timer->due_ms = due_ms;
	place(wheel, timer, wheel->tick + 1);
	wheel->count++;
}

void wheel_stop(struct wheel *wheel, struct timer *timer)
{
	if (!timer_runs(timer))
		return;
	unlink_timer(timer);
	wheel->count--;
}

/* The next tick at which a slot with timers in it is reached: theirs in level 0, its beginning above.
 * INT64_MAX when nothing runs. */
static int64_t next_tick(const struct wheel *wheel)
{
	int64_t next = INT64_MAX;

	for (int level = 0; wheel->count > 0 && level < LEVELS; level++) {
		int shift = level * LEVEL_BITS;
		int64_t position = wheel->tick >> shift;

		for (int64_t ahead = 1; ahead <= SLOTS; ahead++) {
			int64_t reached = (position + ahead) * ((int64_t)1 << shift);

			if (reached >= next)
				break;
			if (wheel->slots[level][(position + ahead) & (SLOTS - 1)] != NULL)
				next = reached;
		}
	}
	return next;
}

/* At the beginning of a slot of a higher level its timers move to where they now belong. */
static void move_down(struct wheel *wheel, int level)
{
	struct timer **slot = &wheel->slots[level][slot_of(wheel->tick, level)];
	struct timer *moving = *slot;

	*slot = NULL;
	while (moving != NULL) {
		struct timer *timer = moving;

		moving = timer->next;
		place(wheel, timer, wheel->tick);
	}
}

static void serve_tick(struct wheel *wheel)
{
	struct timer **slot = &wheel->slots[0][slot_of(wheel->tick, 0)];

	for (int level = LEVELS - 1; level > 0; level--) {
		if ((wheel->tick & (((int64_t)1 << (level * LEVEL_BITS)) - 1)) == 0)
			move_down(wheel, level);
	}
	/* What a callback starts goes to a later slot, so this one runs empty. */
	while (*slot != NULL) {
		struct timer *timer = *slot;

		wheel_stop(wheel, timer);
		timer->fire(timer->self);
	}
}

void wheel_advance(struct wheel *wheel, int64_t now_ms)
{
	int64_t until = tick_before(now_ms);

	for (int64_t next = next_tick(wheel); next <= until; next = next_tick(wheel)) {
		wheel->tick = next;
		serve_tick(wheel);
	}
	if (wheel->tick < until)
		wheel->tick = until;
}

int wheel_wait_ms(const struct wheel *wheel, int64_t now_ms)
{
	int64_t next = next_tick(wheel);
	int64_t wait_ms;

	if (next == INT64_MAX)
		return -1;
	wait_ms = next * TICK_MS - now_ms;
	return wait_ms < 0 ? 0 : wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms;
}
