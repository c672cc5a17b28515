/* One table: method, path, scope, function. What the API can do is what the table says; openapi.json is printed from it. */
#ifndef CARDEA_API_ROUTES_H
#define CARDEA_API_ROUTES_H

#include "http.h"

enum scope { SCOPE_NONE, SCOPE_READ, SCOPE_WRITE, SCOPE_ADMIN };        /* each includes those before it */

struct route {
	enum http_method method;
	/* {ep} and {id} take one segment, {path} one or more and only at the end or before a fixed last segment. */
	const char *pattern;
	enum scope scope;
	void (*handle)(struct http_request *request);
	const char *operation_id, *summary;     /* the rest is for OpenAPI */
	const char *queries;                    /* names, space-separated, and no others; "" for none */
	const char *body;                       /* schema name of the JSON body, or a media type; "" for none */
	unsigned status;                        /* of success */
	const char *result;                     /* as `body`, of the answer */
};

/* NULL after the last. */
const struct route *route_at(size_t i);

const char *http_method_name(enum http_method method);
const char *scope_name(enum scope scope);
MUST_CHECK enum err scope_of(const char *name, enum scope *ret_scope);

/* Finds the row of method and path and fills the request's route, endpoint, item and rest. False: *ret_allowed has the
 * bit 1 << method of each method that the path has; none when there is no such path. */
bool route_find(struct http_request *request, unsigned *ret_allowed);

#endif
