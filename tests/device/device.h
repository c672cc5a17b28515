/* One simulated device: its values, its secure elements, who observes what, and its registration. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "agent.h"
#include "firmware.h"
#include "options.h"
#include "servers.h"
#include "smartcard.h"
#include "values.h"

/* What the device asks of the part that talks to its servers. */
enum device_wish {
	WISH_NONE,
	WISH_REBOOT,    /* lose everything that is not stored, then register */
	WISH_BOOTSTRAP, /* ask the bootstrap server anew */
	WISH_BEGIN,     /* its accounts have changed: register anew */
};

struct device {
	const struct options *options;
	struct misbehaviour *misbehaviour; /* borrowed; shared by all devices of the process */
	char *endpoint;
	struct arena *paths;              /* names of files */
	const char *folder, *values_path; /* NULL: nothing is kept */

	struct values values;
	struct servers servers;
	struct smartcard smartcard;
	struct firmware firmware;
	struct agent agents[SECURE_ELEMENTS_MAX];
	size_t agent_count;

	enum err save_error;    /* sticks until device_save reports it */
	int64_t now_ms;         /* monotonic, of this turn */
	int64_t clock_offset_s; /* what the server added to the clock */
	int64_t battery_percent, signal_dbm;
	enum device_wish wish;
	char local_address[64];
};

/* `endpoint` is copied. ERR_IO, ERR_NOMEM, ERR_MALFORMED for a damaged state. */
MUST_CHECK enum err device_open(const struct options *options, struct misbehaviour *misbehaviour,
				const char *endpoint, struct device **ret_device, struct fault *fault);
void device_close(struct device *device); /* accepts NULL */

/* What a power cycle does: everything volatile is gone, the cards are reset. */
MUST_CHECK enum err device_reboot(struct device *device, struct fault *fault);
MUST_CHECK enum err device_factory_reset(struct device *device);

/* Work in the background: agents, firmware. Answers when to call again, -1: nothing to do. */
int64_t device_step(struct device *device, int64_t now_ms);

/* A value changed by itself or by the server: whoever observes it is told. */
void device_changed(struct device *device, struct path path);

/* Stores what changed since the last call. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err device_save(struct device *device);

/* What the objects have by themselves, where they have nothing yet. */
void device_fill_objects(struct device *device);

/* Gives resources the values that they do not have yet. A failure shows at the next device_save. */
void device_fill(struct device *device, const struct record *defaults, size_t count);

/* Of LwM2M 1.x, as the server that is served knows it, and what is said to it without an Accept. */
uint8_t device_minor_version(const struct device *device);
uint16_t device_format(const struct device *device);

int64_t device_time_s(const struct device *device); /* of its own clock */
int64_t device_stored_integer(const struct device *device, struct path path, int64_t fallback);

/* The battery drains and the signal wanders: something to observe. */
void device_live(struct device *device);

/* object_secure_element.c: what happened to an agent, as resources that changed. */
void secure_element_changed(struct device *device, uint16_t instance, enum agent_change change);

#endif
