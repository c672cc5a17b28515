#include "place.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 65536

/* The parts of a URI. */
struct server_name {
	char *host, *port;
	bool is_secure;
};

static enum err split_server(const char *uri, struct arena *arena, struct server_name *ret_name,
			     struct fault *fault)
{
	struct server_name name = { .is_secure = strncmp(uri, "coaps://", 8) == 0 };
	const char *at = uri + (name.is_secure ? 8 : 7), *end, *host_end, *port;

	if (!name.is_secure && strncmp(uri, "coap://", 7) != 0)
		return fault_set(fault, ERR_MALFORMED, "\"%s\" is neither coap:// nor coaps://", uri);
	end = at + strcspn(at, "/");
	if (*at == '[') {
		at++;
		host_end = at + strcspn(at, "]");
		port = *host_end == ']' ? host_end + 1 : end;
	} else {
		host_end = port = at + strcspn(at, ":/");
	}
	if (host_end == at || host_end > end || port > end)
		return fault_set(fault, ERR_MALFORMED, "\"%s\" has no host", uri);
	name.host = arena_strndup(arena, at, (size_t)(host_end - at));
	name.port = *port == ':' ? arena_strndup(arena, port + 1, (size_t)(end - port - 1))
				 : arena_strdup(arena, name.is_secure ? "5684" : "5683");
	if (name.host == NULL || name.port == NULL)
		return ERR_NOMEM;
	*ret_name = name;
	return ERR_NONE;
}

static enum err look_up(const struct server_name *name, struct place *place, struct fault *fault)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST }, *found = NULL;
	int status = getaddrinfo(name->host, name->port, &hints, &found);

	if (status != 0) {
		hints.ai_flags = 0;
		status = getaddrinfo(name->host, name->port, &hints, &found);
		place->host = strdup(name->host);
	}
	if (status != 0)
		return fault_set(fault, ERR_NOT_FOUND, "%s: %s", name->host, gai_strerror(status));
	memcpy(&place->address.at, found->ai_addr, found->ai_addrlen);
	place->address.len = found->ai_addrlen;
	place->is_secure = name->is_secure;
	snprintf(place->name, sizeof(place->name), "%s", name->host);
	freeaddrinfo(found);
	return hints.ai_flags == 0 && place->host == NULL ? ERR_NOMEM : ERR_NONE;
}

enum err place_find(const char *uri, struct place *ret_place, struct fault *fault)
{
	struct arena *arena = arena_create(NAME_BYTES_MAX);
	struct server_name name = { .host = NULL };
	struct place place = { .host = NULL };
	enum err err = arena == NULL ? ERR_NOMEM : split_server(uri, arena, &name, fault);

	if (err == ERR_NONE)
		err = look_up(&name, &place, fault);
	arena_free(arena);
	if (err != ERR_NONE)
		place_clear(&place);
	else
		*ret_place = place;
	return err;
}

void place_clear(struct place *place)
{
	free(place->host);
	*place = (struct place){ .host = NULL };
}

bool is_same_address(const struct address *a, const struct address *b)
{
	return a->len == b->len && memcmp(&a->at, &b->at, a->len) == 0;
}
