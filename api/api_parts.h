/* struct api, for the files of this folder. */
#ifndef CARDEA_API_API_PARTS_H
#define CARDEA_API_API_PARTS_H

#include "api.h"
#include "http.h"

struct token_table;

struct api {
	struct api_parts parts;
	struct http_server *http;
	struct token_table *tokens;
};

#endif
