/* struct api, for the files of this folder. */
#ifndef CARDEA_API_API_PARTS_H
#define CARDEA_API_API_PARTS_H

#include "api.h"
#include "http.h"

struct credential_change;
struct token_table;

struct api {
	struct api_parts parts;
	struct http_server *http;
	struct plugin_http *plugin_http;
	struct token_table *tokens;
	struct credential_change *credential_changes;   /* being written */
};

#endif
