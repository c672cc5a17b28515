#include "servers.h"

#include <stdlib.h>

#include "account.h"

void servers_forget(struct device *device)
{
	struct servers *servers = &device->servers;

	for (size_t i = 0; i < servers->count; i++) {
		servers->served = servers->at[i];
		observe_cancel_all(device);
		free(servers->at[i]);
	}
	*servers = (struct servers){ .count = 0 };
}

enum err servers_find(struct device *device)
{
	struct servers *servers = &device->servers;
	struct account accounts[SERVERS_MAX];
	size_t count = accounts_find(device, accounts);

	servers_forget(device);
	for (size_t i = 0; i < count; i++) {
		struct server *server = calloc(1, sizeof(*server));

		if (server == NULL)
			return ERR_NOMEM;
		server->instance = accounts[i].server_instance;
		server->short_id = accounts[i].short_id;
		server->minor_version = device->options->minor_version;
		servers->at[servers->count++] = server;
	}
	servers->served = servers->at[0];
	return ERR_NONE;
}

struct server *server_by_instance(const struct device *device, uint16_t instance)
{
	for (size_t i = 0; i < device->servers.count; i++)
		if (device->servers.at[i]->instance == instance)
			return device->servers.at[i];
	return NULL;
}

struct server *server_by_id(const struct device *device, uint16_t short_id)
{
	for (size_t i = 0; i < device->servers.count; i++)
		if (device->servers.at[i]->short_id == short_id)
			return device->servers.at[i];
	return NULL;
}

void servers_want_update(struct device *device)
{
	for (size_t i = 0; i < device->servers.count; i++)
		device->servers.at[i]->wants_update = true;
}

void servers_remove_attributes(struct device *device, struct path path)
{
	for (size_t i = 0; i < device->servers.count; i++)
		attributes_remove(&device->servers.at[i]->attributes, path);
}
