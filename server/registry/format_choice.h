/* Which content formats a device is spoken to in, by its version and what it announces in `ct`, one after
 * another while it refuses. For this folder only. */
#ifndef CARDEA_REGISTRY_FORMAT_CHOICE_H
#define CARDEA_REGISTRY_FORMAT_CHOICE_H

#include "operation.h"

#define FORMAT_CHOICES_MAX 8

struct format_choice {
	uint16_t body;   /* FORMAT_NONE: there is none, or it has its own */
	uint16_t accept; /* FORMAT_NONE: the device chooses, or there is no answer to read */
};

struct format_choices {
	struct format_choice at[FORMAT_CHOICES_MAX];
	size_t count;
};

/* The minor version of LwM2M 1: 0 for what cannot be read. */
unsigned format_choice_minor(struct bytes version);
/* A list of numbers as a set of our formats: bit i is format_at(i). */
uint16_t format_choice_set(const uint16_t *numbers, size_t count);
/* What is tried first before anything is known by experience. */
uint16_t format_choice_first(unsigned minor, bool has_root, uint16_t announced);

/* For a read: `accept` alone when somebody asks for it, FORMAT_NONE: whatever the device can. */
struct format_choices format_choices_read(const struct device *device, uint16_t accept);
/* What is written, in request->accept alone when somebody asks for it. */
struct format_choices format_choices_write(const struct device *device,
					   const struct operation_request *request);
/* The composite ones, whose body names what it is about. For the same device and the same `accept` (which is
 * that of the answer), the body is the same, as ending an observation asks. */
struct format_choices format_choices_fetch(const struct device *device, uint16_t accept);
struct format_choices format_choices_patch(const struct device *device,
					   const struct operation_request *request);

#endif
