/* OpenAPI 3.1 printed from the table of routes, the plugins' operations and the schemas in
 * openapi_schemas.json. */
#include <stdio.h>
#include <string.h>

#include "api_parts.h"
#include "handlers.h"
#include "plugin_host.h"
#include "reply.h"
#include "routes.h"

static const char schemas_text[] =
#include "openapi_schemas.inc"
	;

static json_t *parameter(const char *name, size_t len, const char *in, bool is_required)
{
	return json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", name, len, "in", in, "required", is_required,
			 "schema", "type", "string");
}

static json_t *parameters_of(const struct route *route)
{
	json_t *list = json_array();
	for (const char *at = strchr(route->pattern, '{'); at != NULL; at = strchr(at + 1, '{'))
		json_array_append_new(list, parameter(at + 1, strcspn(at + 1, "}"), "path", true));
	for (const char *at = route->queries; *at != 0; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		json_array_append_new(list, parameter(at, len, "query", false));
		at += len;
	}
	return list;
}

/* A media type stands for itself, a name for a schema of JSON. */
static json_t *content_of(const char *what)
{
	char reference[80];
	if (strchr(what, '/') != NULL)
		return json_pack("{s:{}}", what);
	snprintf(reference, sizeof reference, "#/components/schemas/%s", what);
	return json_pack("{s:{s:{s:s}}}", "application/json", "schema", "$ref", reference);
}

static json_t *operation_of(const struct route *route)
{
	char status[8];
	snprintf(status, sizeof status, "%u", route->status);
	json_t *success = json_pack("{s:s}", "description", "Success");
	if (route->result[0] != 0)
		json_object_set_new(success, "content", content_of(route->result));
	json_t *operation =
		json_pack("{s:s, s:s, s:o, s:{s:o, s:{s:s}}}", "operationId", route->operation_id, "summary",
			  route->summary, "parameters", parameters_of(route), "responses", status, success,
			  "default", "$ref", "#/components/responses/Problem");
	if (strstr(route->queries, "queue") != NULL)
		json_object_set_new(json_object_get(operation, "responses"), "202",
				    json_pack("{s:s, s:o}", "description",
					      "It waits for its device (?queue=)", "content",
					      content_of("Queued")));
	if (route->body[0] != 0)
		json_object_set_new(operation, "requestBody",
				    json_pack("{s:o}", "content", content_of(route->body)));
	if (route->scope == SCOPE_NONE)
		json_object_set_new(operation, "security", json_array());
	else
		json_object_set_new(operation, "x-scope", json_string(scope_name(route->scope)));
	return operation;
}

static json_t *paths(void)
{
	json_t *all = json_object();
	const struct route *route;
	for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
		char method[8] = "";
		json_t *path = json_object_get(all, route->pattern);
		if (path == NULL) {
			path = json_object();
			json_object_set_new(all, route->pattern, path);
		}
		const char *name = http_method_name(route->method);
		for (size_t k = 0; name[k] != 0 && k + 1 < sizeof method; k++)
			method[k] = (char)(name[k] | 0x20);
		json_object_set_new(path, method, operation_of(route));
	}
	return all;
}

/* The order of a job: one variant per operation of a plugin. */
static json_t *order_schema(const struct plugin_host *plugins)
{
	json_t *variants = json_array();
	const struct loaded_operation *loaded;
	for (size_t i = 0; (loaded = plugin_host_operation_at(plugins, i)) != NULL; i++)
		json_array_append_new(variants,
				      json_pack("{s:s, s:s, s:{s:{s:s}, s:o}, s:[s]}", "type", "object",
						"title", loaded->operation->summary, "properties",
						"operation", "const", loaded->operation->name, "params",
						json_text(loaded->operation->params_schema), "required",
						"operation"));
	return json_pack("{s:o}", "oneOf", variants);
}

void openapi_get(struct http_request *request)
{
	json_t *schemas = json_text(schemas_text);
	json_object_set_new(schemas, "Order", order_schema(request->api->parts.plugins));
	http_reply_json(request, 200,
			json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o, s:{s:{s:s, s:{s:{s:{s:s}}}}}, s:{s:{s:s, "
				  "s:s}}}, s:[{s:[]}]}",
				  "openapi", "3.1.0", "info", "title", "Cardea", "version", "1", "paths",
				  paths(), "components", "schemas", schemas, "responses", "Problem",
				  "description", "What went wrong (RFC 9457)", "content",
				  "application/problem+json", "schema", "$ref",
				  "#/components/schemas/Problem", "securitySchemes", "token", "type", "http",
				  "scheme", "bearer", "security", "token"));
}
