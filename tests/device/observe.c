#include "observe.h"

#include <math.h>
#include <stdlib.h>

#include "device.h"

static struct observation *find(struct observations *observations, struct bytes token)
{
	for (struct observation *at = observations->first; at != NULL; at = at->next)
		if (bytes_equal(bytes_of(at->token, at->token_len), token))
			return at;
	return NULL;
}

/* ---- what the server last heard ---- */

static bool read_number(struct device *device, struct path path, struct arena *arena, double *ret_number)
{
	struct records records = records_in(arena);

	if (path.depth < 3 || objects_read(device, path, &records) != ANSWER_NONE)
		return false;
	if (records.count != 1 || !path_equal(records.at[0].path, path))
		return false;
	const struct value value = records.at[0].value;
	if (value.kind != KIND_BOOLEAN && !value_is_number(value))
		return false;
	*ret_number = value.kind == KIND_BOOLEAN ? value.boolean : value_number(value);
	return true;
}

static void heard(struct device *device, struct observation *observation, struct arena *arena)
{
	observation->sent_ms = observation->evaluated_ms = device->now_ms;
	observation->is_dirty = observation->is_due = false;
	observation->has_number = observation->watched_count == 1 &&
				  read_number(device, observation->watched[0], arena, &observation->number);
}

/* The request that is answered again and again: read, without Observe. */
static enum err keep_request(struct observation *observation, const struct request *request, uint16_t format)
{
	enum err err = buffer_set(&observation->body, request->payload);

	if (err != ERR_NONE)
		return err;
	observation->request = (struct request){
		.method = request->method,
		.path = request->path,
		.is_path_known = true,
		.content_format = request->content_format,
		.accept = format,
		.payload = buffer_bytes(&observation->body),
	};
	return ERR_NONE;
}

static struct observation *find_or_create(struct observations *observations, struct bytes token)
{
	struct observation *observation = find(observations, token);

	if (observation != NULL)
		return observation;
	observation = calloc(1, sizeof(*observation));
	if (observation == NULL)
		return NULL;
	memcpy(observation->token, token.at, token.len);
	observation->token_len = token.len;
	observation->next = observations->first;
	observations->first = observation;
	observations->count++;
	return observation;
}

enum err observe_add(struct device *device, const struct request *request, uint16_t format,
		     const struct path *watched, size_t watched_count, const struct attribute_set *own)
{
	struct observations *observations = &device->servers.served->observations;
	struct observation *observation;
	struct arena *arena;

	if (request->token.len > OBSERVE_TOKEN_MAX || watched_count > OBSERVE_PATHS_MAX ||
	    (find(observations, request->token) == NULL && observations->count == OBSERVATIONS_MAX))
		return ERR_LIMIT;
	arena = arena_create(0);
	observation = arena == NULL ? NULL : find_or_create(observations, request->token);
	if (observation == NULL || keep_request(observation, request, format) != ERR_NONE) {
		observe_cancel(device, request->token);
		arena_free(arena);
		return ERR_NOMEM;
	}
	memcpy(observation->watched, watched, watched_count * sizeof(*watched));
	observation->watched_count = watched_count;
	observation->own = *own;
	heard(device, observation, arena);
	arena_free(arena);
	return ERR_NONE;
}

static void remove_at(struct observations *observations, struct observation **link)
{
	struct observation *gone = *link;

	*link = gone->next;
	buffer_clear(&gone->body);
	free(gone);
	observations->count--;
}

void observe_cancel(struct device *device, struct bytes token)
{
	struct observations *observations = &device->servers.served->observations;

	for (struct observation **link = &observations->first; *link != NULL; link = &(*link)->next) {
		if (bytes_equal(bytes_of((*link)->token, (*link)->token_len), token)) {
			remove_at(observations, link);
			return;
		}
	}
}

void observe_cancel_all(struct device *device)
{
	struct observations *observations = &device->servers.served->observations;

	while (observations->first != NULL)
		remove_at(observations, &observations->first);
}

/* ---- changes ---- */

static bool is_quiet(struct path path)
{
	const struct object *object = object_find(path.id[0]);
	const struct resource *resource = path.depth >= 3 ? resource_find(object, path.id[2]) : NULL;

	return resource != NULL && (resource->traits & QUIET);
}

static void mark_changed(struct observations *observations, struct path path, bool is_quiet_change)
{
	for (struct observation *at = observations->first; at != NULL; at = at->next) {
		for (size_t i = 0; i < at->watched_count; i++) {
			if (is_quiet_change && at->watched[i].depth < 3)
				continue;
			if (path_covers(at->watched[i], path) || path_covers(path, at->watched[i]))
				at->is_dirty = true;
		}
	}
}

void observe_changed(struct device *device, struct path path)
{
	for (size_t i = 0; i < device->servers.count; i++)
		mark_changed(&device->servers.at[i]->observations, path, is_quiet(path));
}

void observe_lost(struct device *device, struct bytes token)
{
	struct observation *observation = find(&device->servers.served->observations, token);

	if (observation != NULL) {
		observation->is_dirty = true;
		observation->has_number = false;
	}
}

/* ---- conditions ---- */

static bool crosses(double threshold, double before, double now)
{
	return (before <= threshold) != (now <= threshold);
}

static bool has_threshold(const struct attribute_set *set)
{
	return set->has[ATTRIBUTE_GT] || set->has[ATTRIBUTE_LT] || set->has[ATTRIBUTE_ST] ||
	       set->has[ATTRIBUTE_EDGE];
}

/* gt, lt, st and edge, if any of them is attached, say which changes are worth telling. */
static bool is_worth_telling(struct device *device, struct observation *observation,
			     const struct attribute_set *set, struct arena *arena)
{
	const double before = observation->number;
	double now;

	if (!has_threshold(set))
		return true;
	if (!observation->has_number || !read_number(device, observation->watched[0], arena, &now))
		return true;
	if (set->has[ATTRIBUTE_EDGE]) {
		observation->number = now; /* the next edge is from here, told or not */
		return before != now && now == set->value[ATTRIBUTE_EDGE];
	}
	if (set->has[ATTRIBUTE_GT] && crosses(set->value[ATTRIBUTE_GT], before, now))
		return true;
	if (set->has[ATTRIBUTE_LT] && crosses(set->value[ATTRIBUTE_LT], before, now))
		return true;
	return set->has[ATTRIBUTE_ST] && fabs(now - before) >= set->value[ATTRIBUTE_ST];
}

static int64_t period_ms(struct device *device, const struct attribute_set *set, enum attribute attribute,
			 uint16_t default_resource)
{
	if (set->has[attribute])
		return (int64_t)(set->value[attribute] * 1000);
	return device_stored_integer(
		       device, RESOURCE_PATH(1, device->servers.served->instance, default_resource), 0) *
	       1000;
}

/* Looks whether a change is to be told, at most once in epmin. Answers when to look again; -1: there is no
 * need to. As changes are seen when they happen, epmax asks for nothing more. */
static int64_t evaluate(struct device *device, struct observation *observation,
			const struct attribute_set *set, struct arena *arena)
{
	int64_t look_ms = observation->evaluated_ms;

	if (!observation->is_dirty)
		return -1;
	if (set->has[ATTRIBUTE_EPMIN])
		look_ms += (int64_t)(set->value[ATTRIBUTE_EPMIN] * 1000);
	if (look_ms > device->now_ms)
		return look_ms;
	observation->evaluated_ms = device->now_ms;
	observation->is_dirty = false;
	observation->is_due |= is_worth_telling(device, observation, set, arena);
	return -1;
}

static struct attribute_set effective(const struct device *device, const struct observation *observation)
{
	return attributes_effective(&device->servers.served->attributes, observation->watched[0],
				    &observation->own);
}

/* When it is to be sent, or looked at, if nothing else happens: now or earlier means at once, -1 not at all.
 */
static int64_t due_ms(struct device *device, struct observation *observation, struct arena *arena)
{
	struct attribute_set set = effective(device, observation);
	int64_t pmin_ms = period_ms(device, &set, ATTRIBUTE_PMIN, 2);
	int64_t pmax_ms = period_ms(device, &set, ATTRIBUTE_PMAX, 3);
	int64_t due = pmax_ms > 0 && pmax_ms >= pmin_ms ? observation->sent_ms + pmax_ms : -1;
	int64_t look_ms = evaluate(device, observation, &set, arena);

	if (observation->is_due && (due < 0 || observation->sent_ms + pmin_ms < due))
		due = observation->sent_ms + pmin_ms;
	return look_ms >= 0 && (due < 0 || look_ms < due) ? look_ms : due;
}

static void make_notification(struct device *device, struct observation *observation, struct arena *arena,
			      struct notification *ret_notification)
{
	const struct attribute_set set = effective(device, observation);

	objects_dispatch(device, &observation->request, arena, &ret_notification->answer, NULL);
	ret_notification->is_confirmable = !set.has[ATTRIBUTE_CON] || set.value[ATTRIBUTE_CON] != 0;
	observation->sequence++;
	ret_notification->sequence = observation->sequence;
	ret_notification->token = bytes_of(observation->token, observation->token_len);
	heard(device, observation, arena);
}

bool observe_next(struct device *device, struct arena *arena, struct notification *ret_notification,
		  int64_t *ret_next_ms)
{
	int64_t next_ms = -1;

	for (struct observation *at = device->servers.served->observations.first; at != NULL; at = at->next) {
		int64_t due = due_ms(device, at, arena);
		if (due >= 0 && due <= device->now_ms) {
			make_notification(device, at, arena, ret_notification);
			return true;
		}
		if (due >= 0 && (next_ms < 0 || due < next_ms))
			next_ms = due;
	}
	*ret_next_ms = next_ms;
	return false;
}
