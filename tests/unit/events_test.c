#include "events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL_MS     INT64_C(1714564800000)
#define KEPT_EVENTS 4096

static int open_events(void **state)
{
	struct events *events = NULL;

	if (events_create(WALL_MS, &events) != ERR_NONE)
		return 1;
	*state = events;
	return 0;
}

static int close_events(void **state)
{
	events_free(*state);
	return 0;
}

/* A subscriber that notes what it was told, and may do something at the first. */
struct listener {
	struct events *events;
	struct subscription *subscription;
	unsigned count;
	uint64_t first_id, last_id;
	bool is_in_order;
	char last_json[64];
	void (*at_first)(struct listener *listener);
	struct listener *other;
};

static void on_event(void *self, const struct event *event)
{
	struct listener *listener = self;

	if (listener->count == 0)
		listener->first_id = event->id;
	else if (event->id != listener->last_id + 1)
		listener->is_in_order = false;
	listener->last_id = event->id;
	snprintf(listener->last_json, sizeof(listener->last_json), "%s", event->json);
	listener->count++;
	if (listener->count == 1 && listener->at_first != NULL) {
		listener->at_first(listener);
		assert_int_equal(event->id, listener->first_id); /* still there, whatever was done */
	}
}

static struct listener listener_of(struct events *events)
{
	return (struct listener){ .events = events, .is_in_order = true };
}

static bool subscribe(struct listener *listener, uint64_t after_id)
{
	bool has_gap;

	assert_int_equal(events_subscribe(listener->events, after_id, on_event, listener,
					  &listener->subscription, &has_gap),
			 ERR_NONE);
	return has_gap;
}

static void publish(struct events *events, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		events_publish(events, WALL_MS + i, "job.updated", "{}");
}

static void tells_type_time_and_json(void **state)
{
	struct listener listener = listener_of(*state);
	char json[] = "{\"id\":1}";

	assert_false(subscribe(&listener, 0));
	events_publish(*state, WALL_MS + 5, "device.registered", json);
	json[1] = 'X'; /* it was copied */
	assert_int_equal(listener.count, 1);
	assert_string_equal(listener.last_json, "{\"id\":1}");
	assert_true(listener.first_id > (uint64_t)WALL_MS << 20);
	events_unsubscribe(*state, listener.subscription);
	publish(*state, 1);
	assert_int_equal(listener.count, 1);
}

static void ids_grow_by_one_and_over_restarts(void **state)
{
	struct listener before = listener_of(*state), after;
	struct events *restarted;

	subscribe(&before, 0);
	publish(*state, 1000);
	assert_true(before.is_in_order);
	assert_int_equal(before.count, 1000);

	assert_int_equal(events_create(WALL_MS + 1, &restarted), ERR_NONE);
	after = listener_of(restarted);
	assert_true(subscribe(&after, before.last_id)); /* what happened in between is not known */
	publish(restarted, 1);
	assert_true(after.first_id > before.last_id);
	events_free(restarted);
}

static void resumes_after_a_known_event(void **state)
{
	struct listener first = listener_of(*state), second = listener_of(*state),
			third = listener_of(*state);

	subscribe(&first, 0);
	publish(*state, 10);
	assert_false(subscribe(&second, first.first_id + 3));
	assert_int_equal(second.count, 6);
	assert_int_equal(second.first_id, first.first_id + 4);
	assert_true(second.is_in_order);
	assert_false(subscribe(&third, first.last_id));
	assert_int_equal(third.count, 0);
	publish(*state, 1);
	assert_int_equal(second.count, 7);
	assert_int_equal(third.count, 1);
}

static void tells_of_a_gap_when_the_past_is_no_longer_kept(void **state)
{
	struct listener first = listener_of(*state), late = listener_of(*state), just = listener_of(*state);

	subscribe(&first, 0);
	publish(*state, KEPT_EVENTS + 100);
	assert_true(subscribe(&late, first.first_id));
	assert_int_equal(late.count, KEPT_EVENTS);
	assert_int_equal(late.first_id, first.last_id - KEPT_EVENTS + 1);
	assert_false(subscribe(&just, first.last_id - KEPT_EVENTS));
	assert_int_equal(just.count, KEPT_EVENTS);
}

static void keeps_fewer_events_when_they_are_large(void **state)
{
	enum { SIZE = 1 << 20 };
	struct listener first = listener_of(*state), late = listener_of(*state);
	char *json = calloc(1, SIZE + 1);

	assert_non_null(json);
	memset(json, ' ', SIZE);
	subscribe(&first, 0);
	for (unsigned i = 0; i < 40; i++)
		events_publish(*state, WALL_MS, "notification", json);
	free(json);
	assert_int_equal(first.count, 40);
	assert_true(subscribe(&late, first.first_id));
	assert_int_equal(late.count, 15); /* and a little for each beside its text */
	assert_true(late.is_in_order);
}

static void drop_itself(struct listener *listener)
{
	events_unsubscribe(listener->events, listener->subscription);
}

static void drop_other(struct listener *listener)
{
	events_unsubscribe(listener->events, listener->other->subscription);
}

static void may_drop_itself_when_told(void **state)
{
	struct listener listener = listener_of(*state), bystander = listener_of(*state);

	listener.at_first = drop_itself;
	subscribe(&bystander, 0);
	subscribe(&listener, 0);
	publish(*state, 3);
	assert_int_equal(listener.count, 1);
	assert_int_equal(bystander.count, 3);
}

static void may_drop_itself_during_the_past(void **state)
{
	struct listener first = listener_of(*state), listener = listener_of(*state);

	subscribe(&first, 0);
	publish(*state, 5);
	listener.at_first = drop_itself;
	subscribe(&listener, first.first_id);
	assert_int_equal(listener.count, 1);
}

static void whoever_is_dropped_by_another_is_told_nothing_more(void **state)
{
	struct listener first = listener_of(*state), second = listener_of(*state);

	first.at_first = drop_other;
	second.at_first = drop_other;
	first.other = &second;
	second.other = &first;
	subscribe(&first, 0);
	subscribe(&second, 0);
	publish(*state, 1);
	assert_int_equal(first.count + second.count, 1);
}

static void publish_two(struct listener *listener)
{
	publish(listener->events, 2);
}

static void publish_more_than_is_kept(struct listener *listener)
{
	publish(listener->events, 2 * KEPT_EVENTS + 10);
}

static void everybody_sees_the_order_when_one_publishes_in_turn(void **state)
{
	struct listener first = listener_of(*state), second = listener_of(*state),
			third = listener_of(*state);

	second.at_first = publish_two;
	subscribe(&first, 0);
	subscribe(&second, 0);
	subscribe(&third, 0);
	publish(*state, 1);
	assert_int_equal(first.count, 3);
	assert_int_equal(second.count, 3);
	assert_int_equal(third.count, 3);
	assert_true(first.is_in_order && second.is_in_order && third.is_in_order);
}

static void an_event_lives_while_it_is_told(void **state)
{
	struct listener listener = listener_of(*state);

	listener.at_first = publish_more_than_is_kept;
	subscribe(&listener, 0);
	publish(*state, 1);
	assert_int_equal(listener.count, 1 + KEPT_EVENTS);
}

static void subscribe_other(struct listener *listener)
{
	assert_false(subscribe(listener->other, listener->first_id - 1));
}

static void may_subscribe_another_when_told(void **state)
{
	struct listener listener = listener_of(*state), other = listener_of(*state);

	listener.at_first = subscribe_other;
	listener.other = &other;
	subscribe(&listener, 0);
	publish(*state, 1);
	assert_int_equal(other.count, 1);
	publish(*state, 1);
	assert_int_equal(other.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_type_time_and_json, open_events, close_events),
		cmocka_unit_test_setup_teardown(ids_grow_by_one_and_over_restarts, open_events, close_events),
		cmocka_unit_test_setup_teardown(resumes_after_a_known_event, open_events, close_events),
		cmocka_unit_test_setup_teardown(tells_of_a_gap_when_the_past_is_no_longer_kept, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(keeps_fewer_events_when_they_are_large, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(may_drop_itself_when_told, open_events, close_events),
		cmocka_unit_test_setup_teardown(may_drop_itself_during_the_past, open_events, close_events),
		cmocka_unit_test_setup_teardown(whoever_is_dropped_by_another_is_told_nothing_more,
						open_events, close_events),
		cmocka_unit_test_setup_teardown(everybody_sees_the_order_when_one_publishes_in_turn,
						open_events, close_events),
		cmocka_unit_test_setup_teardown(an_event_lives_while_it_is_told, open_events, close_events),
		cmocka_unit_test_setup_teardown(may_subscribe_another_when_told, open_events, close_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
