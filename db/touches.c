#include "touches.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "index.h"

#define TOUCHES_MAX (1u << 20)

struct touch {
	struct touch *prev, *next; /* in the order in which they came */
	int64_t updated_ms, expires_ms;
	char endpoint[];
};

struct touches {
	struct touch *first; /* the oldest */
	struct index by_endpoint;
	struct touch_row oldest[TOUCHES_AT_ONCE];
};

enum err touches_create(struct touches **ret_touches)
{
	struct touches *touches = calloc(1, sizeof *touches);
	if (touches == NULL)
		return ERR_NOMEM;
	enum err err = index_begin(&touches->by_endpoint);
	if (err) {
		free(touches);
		return err;
	}
	*ret_touches = touches;
	return ERR_NONE;
}

void touches_free(struct touches *touches)
{
	if (touches == NULL)
		return;
	touches_drop_oldest(touches, touches_count(touches));
	index_end(&touches->by_endpoint);
	free(touches);
}

static bool is_of(const void *item, const void *key)
{
	return strcmp(((const struct touch *)item)->endpoint, key) == 0;
}

static uint64_t hash_of(const struct touches *touches, const char *endpoint)
{
	return index_hash(&touches->by_endpoint, bytes_of_text(endpoint));
}

static struct touch *find(const struct touches *touches, const char *endpoint)
{
	return index_find(&touches->by_endpoint, hash_of(touches, endpoint), is_of, endpoint);
}

static enum err add(struct touches *touches, const char *endpoint, struct touch **ret_touch)
{
	if (touches_count(touches) >= TOUCHES_MAX)
		return ERR_UNAVAILABLE;
	size_t size = strlen(endpoint) + 1;
	struct touch *touch = malloc(sizeof *touch + size);
	if (touch == NULL)
		return ERR_NOMEM;
	memcpy(touch->endpoint, endpoint, size);
	enum err err = index_put(&touches->by_endpoint, hash_of(touches, endpoint), touch);
	if (err) {
		free(touch);
		return err;
	}
	DL_APPEND(touches->first, touch);
	*ret_touch = touch;
	return ERR_NONE;
}

enum err touches_put(struct touches *touches, const char *endpoint, int64_t updated_ms, int64_t expires_ms)
{
	struct touch *touch = find(touches, endpoint);
	if (touch == NULL) {
		enum err err = add(touches, endpoint, &touch);
		if (err)
			return err;
	}
	touch->updated_ms = updated_ms;
	touch->expires_ms = expires_ms;
	return ERR_NONE;
}

static void drop(struct touches *touches, struct touch *touch)
{
	index_remove(&touches->by_endpoint, hash_of(touches, touch->endpoint), touch);
	DL_DELETE(touches->first, touch);
	free(touch);
}

void touches_forget(struct touches *touches, const char *endpoint)
{
	struct touch *touch = find(touches, endpoint);
	if (touch)
		drop(touches, touch);
}

size_t touches_count(const struct touches *touches)
{
	return touches->by_endpoint.count;
}

size_t touches_oldest(struct touches *touches, size_t max, const struct touch_row **ret_rows)
{
	size_t count = 0;
	for (struct touch *touch = touches->first; touch && count < max && count < TOUCHES_AT_ONCE;
	     touch = touch->next)
		touches->oldest[count++] =
			(struct touch_row){ touch->endpoint, touch->updated_ms, touch->expires_ms };
	*ret_rows = touches->oldest;
	return count;
}

void touches_drop_oldest(struct touches *touches, size_t count)
{
	for (; count && touches->first; count--)
		drop(touches, touches->first);
}
