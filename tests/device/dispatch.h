/* What dispatch.c and write.c share: one request at work. */
#ifndef DEVICE_DISPATCH_H
#define DEVICE_DISPATCH_H

#include "device.h"

struct work {
	struct device *device;
	const struct request *request;
	struct arena *arena;
	struct answer *answer;
	struct fault *fault;
	bool is_bootstrap; /* the bootstrap server asks: it may write whatever is stored */
};

/* Notes why, for the log, and answers the code. */
enum answer_code work_refuse(struct work *work, enum answer_code code, const char *reason);
enum answer_code work_code(enum err err);

/* The answer to a read. */
enum answer_code work_answer_records(struct work *work, const struct records *records, struct path path,
				     uint16_t format);

/* write.c: Write (6.3.4) on the path of the request, all of it or nothing; Create (6.3.7); Write-Composite
 * (6.3.10). */
enum answer_code work_write(struct work *work, const struct object *object, bool replaces);
enum answer_code work_create(struct work *work, const struct object *object);
enum answer_code work_write_composite(struct work *work);
/* Bootstrap-Write (6.1.7.2): an object, an instance or a resource, there or not. Nothing is saved yet. */
enum answer_code work_write_bootstrap(struct work *work, const struct object *object);
/* The same with records of this object, in order. */
enum answer_code work_write_bootstrap_records(struct work *work, const struct object *object,
					      struct records *records);

#endif
