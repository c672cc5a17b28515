/* The servers that the device has an account of: which they are, and what each has asked for. */
#ifndef DEVICE_SERVERS_H
#define DEVICE_SERVERS_H

#include "attributes.h"
#include "observe.h"

#define SERVERS_MAX 8

struct server {
	uint16_t instance; /* of object 1 */
	uint16_t short_id; /* /1/x/0 */
	uint8_t minor_version; /* of LwM2M 1.x, as it was told to this server */
	struct attributes attributes;
	struct observations observations;
	bool wants_update;  /* of its registration */
	bool wants_disable; /* de-register, and stay silent for /1/x/5 seconds */
};

/* In the order of their instances. */
struct servers {
	struct server *at[SERVERS_MAX];
	size_t count;
	struct server *served; /* whose request or notification is at work; NULL without any server */
};

/* Those that objects 0 and 1 have accounts of; observations and attributes there were are gone. ERR_NOMEM. */
MUST_CHECK enum err servers_find(struct device *device);
void servers_forget(struct device *device);

/* NULL when no server has that instance of object 1, or that short id. */
struct server *server_by_instance(const struct device *device, uint16_t instance);
struct server *server_by_id(const struct device *device, uint16_t short_id);

/* The list of objects has changed: every server is to know. */
void servers_want_update(struct device *device);

/* Attributes at and below the path are gone, whoever attached them. */
void servers_remove_attributes(struct device *device, struct path path);

#endif
