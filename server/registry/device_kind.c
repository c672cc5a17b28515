#include "device_kind.h"

#include <stdlib.h>
#include <string.h>

struct device_kind {
	struct index *kinds; /* where it is */
	uint64_t hash;
	size_t users, len;
	struct device_object at[]; /* `len` bytes: the objects, then the texts */
};

static struct bytes kind_bytes(const struct device_kind *kind)
{
	return bytes_of(kind->at, kind->len);
}

static bool is_kind(const void *item, const void *key)
{
	return bytes_equal(kind_bytes(item), kind_bytes(key));
}

/* A kind of its own, in no table; `device` points into it. */
static struct device_kind *pack(const struct device_description *description, struct device *device)
{
	const struct {
		struct bytes from;
		const char **to;
	} texts[] = {
		{ description->version, &device->version },
		{ description->binding, &device->binding },
		{ description->root, &device->root },
		{ description->links, &device->links },
	};
	const size_t text_count = sizeof(texts) / sizeof(texts[0]);
	const size_t object_bytes = description->object_count * sizeof(struct device_object);
	struct device_kind *kind;
	size_t len = object_bytes;
	char *at;

	for (size_t i = 0; i < text_count; i++)
		len += texts[i].from.len + 1;
	kind = malloc(sizeof(*kind) + len);
	if (kind == NULL)
		return NULL;
	*kind = (struct device_kind){ .users = 1, .len = len };
	if (object_bytes > 0)
		memcpy(kind->at, description->objects, object_bytes);
	at = (char *)kind->at + object_bytes;
	for (size_t i = 0; i < text_count; i++) {
		if (texts[i].from.len > 0)
			memcpy(at, texts[i].from.at, texts[i].from.len);
		at[texts[i].from.len] = 0;
		*texts[i].to = at;
		at += texts[i].from.len + 1;
	}
	device->objects = kind->at;
	device->object_count = description->object_count;
	return kind;
}

/* As `device` points into `from`, so it does into `to`, whose bytes are the same. */
static void point_into(const struct device_kind *to, const struct device_kind *from, struct device *device)
{
	const char **texts[] = { &device->version, &device->binding, &device->root, &device->links };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = (const char *)to->at + (*texts[i] - (const char *)from->at);
	device->objects = to->at;
}

enum err device_kind_take(struct index *kinds, const struct device_description *description,
			  struct device *device, struct device_kind **ret_kind)
{
	struct device like = *device;
	struct device_kind *kind = pack(description, &like), *known;
	enum err err;

	if (kind == NULL)
		return ERR_NOMEM;
	kind->kinds = kinds;
	kind->hash = index_hash(kinds, kind_bytes(kind));
	known = index_find(kinds, kind->hash, is_kind, kind);
	if (known != NULL) {
		point_into(known, kind, &like);
		free(kind);
		kind = known;
		kind->users++;
	} else {
		err = index_put(kinds, kind->hash, kind);
		if (err != ERR_NONE) {
			free(kind);
			return err;
		}
	}
	*device = like;
	*ret_kind = kind;
	return ERR_NONE;
}

void device_kind_give(struct device_kind *kind)
{
	if (kind == NULL || --kind->users > 0)
		return;
	index_remove(kind->kinds, kind->hash, kind);
	free(kind);
}
