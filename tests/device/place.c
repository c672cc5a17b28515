#include "place.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 65536

/* The parts of a URI. */
struct server_name {
	const struct scheme *scheme;
	char *host, *port;
};

const struct scheme *scheme_of(const char *uri)
{
	static const struct scheme schemes[] = {
		{ "coap://", "5683", false, false },
		{ "coaps://", "5684", true, false },
		{ "coap+tcp://", "5683", false, true },
		{ "coaps+tcp://", "5684", true, true },
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(uri, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return NULL;
}

static enum err split_server(const char *uri, struct arena *arena, struct server_name *ret_name,
			     struct fault *fault)
{
	struct server_name name = { .scheme = scheme_of(uri) };
	const char *at, *end, *host_end, *port;

	if (name.scheme == NULL)
		return fault_set(fault, ERR_MALFORMED, "\"%s\" is not " SCHEMES_TEXT, uri);
	at = uri + strlen(name.scheme->prefix);
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
				 : arena_strdup(arena, name.scheme->port);
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
	place->is_secure = name->scheme->is_secure;
	place->is_stream = name->scheme->is_stream;
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
