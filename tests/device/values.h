/* Resource values that the server or the factory has set and that survive a restart. */
#ifndef DEVICE_VALUES_H
#define DEVICE_VALUES_H

#include "buffer.h"
#include "value.h"

struct stored_value {
	struct path path;
	struct value value; /* its bytes lie in `content` */
	struct buffer content;
};

/* In the order of their paths. */
struct values {
	struct stored_value *at;
	size_t count, capacity;
	bool is_changed; /* since the last values_save */
};

void values_free(struct values *values);
/* Into empty ones. ERR_NOMEM. */
MUST_CHECK enum err values_copy(const struct values *from, struct values *to);

const struct value *values_get(const struct values *values, struct path path); /* NULL when absent */
MUST_CHECK enum err values_set(struct values *values, struct path path, struct value value);
void values_remove(struct values *values, struct path path); /* with everything below */

/* Appends everything at or below `path`. */
void values_read(const struct values *values, struct path path, struct records *records);

/* `path` NULL: nothing is kept. ERR_IO, ERR_NOMEM, ERR_MALFORMED. */
MUST_CHECK enum err values_save(struct values *values, const char *path);
MUST_CHECK enum err values_load(struct values *values, const char *path, struct fault *fault);

#endif
