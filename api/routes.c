#include "routes.h"

#include <string.h>

#include "handlers.h"

#define V1 "/api/v1"

static const struct route routes[] = {
	/* clang-format off */
	{ HTTP_GET,    V1 "/devices", SCOPE_READ, devices_list,
	  "listDevices", "Registered devices, in the order of their names", "limit cursor", "", 200, "DeviceList" },
	{ HTTP_GET,    V1 "/devices/{ep}", SCOPE_READ, device_get,
	  "getDevice", "One registered device", "", "", 200, "Device" },
	{ HTTP_PATCH,  V1 "/devices/{ep}", SCOPE_WRITE, device_patch,
	  "setDevice", "Sets how long a device in queue mode listens after it was heard", "", "DeviceSettings", 204, "" },
	{ HTTP_DELETE, V1 "/devices/{ep}", SCOPE_WRITE, device_delete,
	  "removeDevice", "Removes a registration, as if the device had de-registered", "", "", 204, "" },

	{ HTTP_GET,    V1 "/devices/{ep}/lwm2m/{path}/discover", SCOPE_READ, lwm2m_discover,
	  "discover", "Discover: what is below a path, with its attributes", "depth queue priority prefix", "", 200, "Links" },
	{ HTTP_PUT,    V1 "/devices/{ep}/lwm2m/{path}/observe", SCOPE_WRITE, lwm2m_observe,
	  "observe", "Observes a path: its notifications become events; with attributes for this observation alone (LwM2M 1.2)",
	  "pmin pmax gt lt st epmin epmax edge con hqmax format queue priority prefix", "", 200, "Records" },
	{ HTTP_DELETE, V1 "/devices/{ep}/lwm2m/{path}/observe", SCOPE_WRITE, lwm2m_cancel_observation,
	  "cancelObservation", "Ends an observation", "prefix", "", 200, "Records" },
	{ HTTP_PUT,    V1 "/devices/{ep}/lwm2m/{path}/attributes", SCOPE_WRITE, lwm2m_attributes,
	  "writeAttributes", "Write-Attributes: the query holds them (?pmin=10&pmax); a name alone removes one",
	  "pmin pmax gt lt st epmin epmax edge con hqmax queue priority prefix", "", 204, "" },
	{ HTTP_GET,    V1 "/devices/{ep}/lwm2m/{path}", SCOPE_READ, lwm2m_read,
	  "read", "Read an object, instance, resource or resource instance", "format queue priority prefix", "", 200, "Records" },
	{ HTTP_PUT,    V1 "/devices/{ep}/lwm2m/{path}", SCOPE_WRITE, lwm2m_replace,
	  "replace", "Write (replace)", "format queue priority prefix", "Values", 204, "" },
	{ HTTP_PATCH,  V1 "/devices/{ep}/lwm2m/{path}", SCOPE_WRITE, lwm2m_update,
	  "update", "Write (partial)", "format queue priority prefix", "Values", 204, "" },
	{ HTTP_POST,   V1 "/devices/{ep}/lwm2m/{path}", SCOPE_WRITE, lwm2m_post,
	  "executeOrCreate", "Execute a resource, or create an instance of an object", "format queue priority prefix", "Values", 204, "" },
	{ HTTP_DELETE, V1 "/devices/{ep}/lwm2m/{path}", SCOPE_WRITE, lwm2m_delete,
	  "deleteInstance", "Delete an object instance", "queue priority prefix", "", 204, "" },

	{ HTTP_POST,   V1 "/devices/{ep}/composite/read", SCOPE_READ, composite_read,
	  "readComposite", "Read-Composite: what there is of several paths", "format queue priority prefix", "Paths", 200, "Records" },
	{ HTTP_POST,   V1 "/devices/{ep}/composite/write", SCOPE_WRITE, composite_write,
	  "writeComposite", "Write-Composite: several resources, all of them or none; null removes a resource instance", "format queue priority prefix",
	  "Values", 204, "" },
	{ HTTP_POST,   V1 "/devices/{ep}/composite/observe", SCOPE_WRITE, composite_observe,
	  "observeComposite", "Observe-Composite: the notifications of several paths become events; with attributes (LwM2M 1.2)",
	  "pmin pmax epmin epmax con format queue priority prefix", "Paths", 200, "Records" },
	{ HTTP_DELETE, V1 "/devices/{ep}/composite/observe", SCOPE_WRITE, composite_cancel_observation,
	  "cancelCompositeObservation", "Ends the observation of just these paths, in their order", "prefix", "Paths", 200,
	  "Records" },

	{ HTTP_GET,    V1 "/devices/{ep}/access-control", SCOPE_READ, access_control_list,
	  "listAccessControl", "Which server may do what with which instance, read from object 2; empty for a device without", "", "",
	  200, "AccessControlList" },
	{ HTTP_PUT,    V1 "/devices/{ep}/access-control/{path}", SCOPE_WRITE, access_control_put,
	  "putAccessRights", "The rights of a server (path: object/instance/short server id; 0 is whoever has no entry)", "",
	  "AccessRights", 204, "" },
	{ HTTP_DELETE, V1 "/devices/{ep}/access-control/{path}", SCOPE_WRITE, access_control_delete,
	  "deleteAccessRights", "Takes the entry of a server away: what counts then is ownership, else the entry of 0", "", "", 204, "" },
	{ HTTP_GET,    V1 "/devices/{ep}/observations", SCOPE_READ, observations_list,
	  "listObservations", "What is observed of a device, but for jobs", "", "", 200, "ObservationList" },
	{ HTTP_GET,    V1 "/devices/{ep}/end-devices", SCOPE_READ, end_devices_list,
	  "listEndDevices", "The devices behind a gateway, read from its object 25; empty for what is no gateway", "", "", 200,
	  "EndDeviceList" },
	{ HTTP_GET,    V1 "/devices/{ep}/queue", SCOPE_READ, queue_list,
	  "listQueue", "Requests that wait for the device, and those that have ended lately, the newest first", "limit cursor", "",
	  200, "QueueList" },
	{ HTTP_GET,    V1 "/devices/{ep}/queue/{id}", SCOPE_READ, queue_get,
	  "getQueued", "One request with its state and the device's answer", "", "", 200, "Queued" },
	{ HTTP_DELETE, V1 "/devices/{ep}/queue/{id}", SCOPE_WRITE, queue_delete,
	  "cancelQueued", "Cancels a request that waits", "", "", 204, "" },

	{ HTTP_GET,    V1 "/devices/{ep}/secure-elements", SCOPE_READ, secure_elements_get,
	  "getSecureElements", "Secure elements: readers, cards, what is on them, and what has changed", "", "", 200,
	  "SecureElements" },
	{ HTTP_GET,    V1 "/devices/{ep}/authentications", SCOPE_READ, authentications_get,
	  "getAuthentications", "Failed authentications to secure components, per key set: what could lock it", "", "", 200, "Inventory" },
	{ HTTP_GET,    V1 "/devices/{ep}/tees", SCOPE_READ, tees_get,
	  "getTees", "Trusted execution environments, as last learned", "", "", 200, "Inventory" },
	{ HTTP_GET,    V1 "/devices/{ep}/euiccs", SCOPE_READ, euiccs_get,
	  "getEuiccs", "eUICCs and their profiles, as last learned", "", "", 200, "Inventory" },
	{ HTTP_GET,    V1 "/devices/{ep}/security-services", SCOPE_READ, security_services_get,
	  "getSecurityServices", "Secure boot, key store and the like, as last learned", "", "", 200, "Inventory" },

	{ HTTP_GET,    V1 "/devices/{ep}/keysets", SCOPE_READ, keysets_list,
	  "listKeySets", "Key sets: everything but the values", "", "", 200, "KeySetList" },
	{ HTTP_PUT,    V1 "/devices/{ep}/keysets", SCOPE_ADMIN, keyset_put,
	  "putKeySet", "Stores a key set; its values are write-only", "", "KeySet", 204, "" },
	{ HTTP_DELETE, V1 "/devices/{ep}/keysets", SCOPE_ADMIN, keyset_delete,
	  "deleteKeySet", "Forgets a key set", "kind aidHex version", "", 204, "" },
	{ HTTP_GET,    V1 "/keysets", SCOPE_READ, fleet_keysets_list,
	  "listFleetKeySets", "Key sets for many devices: everything but the values", "", "", 200, "KeySetList" },
	{ HTTP_PUT,    V1 "/keysets", SCOPE_ADMIN, fleet_keyset_put,
	  "putFleetKeySet", "Stores a key set for many devices, which counts where a device has none of its own", "", "KeySet", 204, "" },
	{ HTTP_DELETE, V1 "/keysets", SCOPE_ADMIN, fleet_keyset_delete,
	  "deleteFleetKeySet", "Forgets a key set for many devices", "devices kind aidHex version", "", 204, "" },
	{ HTTP_GET,    V1 "/transport-keys", SCOPE_READ, transport_keys_list,
	  "listTransportKeys", "Keys under which key sets come wrapped: everything but the values", "", "", 200, "TransportKeyList" },
	{ HTTP_PUT,    V1 "/transport-keys", SCOPE_ADMIN, transport_key_put,
	  "putTransportKey", "Stores a transport key; its value is write-only", "", "TransportKey", 204, "" },
	{ HTTP_DELETE, V1 "/transport-keys", SCOPE_ADMIN, transport_key_delete,
	  "deleteTransportKey", "Forgets a transport key", "name", "", 204, "" },

	{ HTTP_GET,    V1 "/operations", SCOPE_READ, operations_list,
	  "listOperations", "Every operation of every plugin, with the JSON Schema of its parameters", "", "", 200, "OperationList" },
	{ HTTP_POST,   V1 "/devices/{ep}/operations", SCOPE_WRITE, job_post,
	  "startOperation", "Makes a job; honours Idempotency-Key", "", "Order", 202, "Job" },
	{ HTTP_GET,    V1 "/jobs", SCOPE_READ, jobs_list,
	  "listJobs", "Jobs, the newest first", "endpoint state limit cursor", "", 200, "JobList" },
	{ HTTP_GET,    V1 "/jobs/{id}", SCOPE_READ, job_get,
	  "getJob", "One job", "", "", 200, "Job" },
	{ HTTP_DELETE, V1 "/jobs/{id}", SCOPE_WRITE, job_delete,
	  "cancelJob", "Cancels a job at the end of the step that is under way", "", "", 202, "" },
	{ HTTP_POST,   V1 "/jobs/{id}/retry", SCOPE_WRITE, job_retry_post,
	  "retryJob", "A new job with the order of one that did not succeed", "", "", 202, "Job" },
	{ HTTP_GET,    V1 "/jobs/{id}/trace", SCOPE_READ, job_trace,
	  "getTrace", "Each command and answer of a job, decoded; ?explain=true: field by field; ?format=pcapng: all of it as a capture",
	  "explain format limit cursor", "", 200, "Trace" },

	{ HTTP_GET,    V1 "/packages", SCOPE_READ, packages_list,
	  "listPackages", "Packages, the newest first", "kind limit cursor", "", 200, "PackageList" },
	{ HTTP_POST,   V1 "/packages", SCOPE_WRITE, package_post,
	  "uploadPackage", "Uploads a package; it is parsed and refused with a reason when malformed", "kind name",
	  "application/octet-stream", 201, "Package" },
	{ HTTP_GET,    V1 "/packages/{id}", SCOPE_READ, package_get,
	  "getPackage", "What is known of a package", "", "", 200, "Package" },
	{ HTTP_GET,    V1 "/packages/{id}/content", SCOPE_ADMIN, package_content,
	  "getPackageContent", "The package as uploaded", "", "", 200, "application/octet-stream" },
	{ HTTP_DELETE, V1 "/packages/{id}", SCOPE_WRITE, package_delete,
	  "deletePackage", "Removes a package that no unfinished job uses", "", "", 204, "" },

	{ HTTP_GET,    V1 "/credentials", SCOPE_READ, credentials_list,
	  "listCredentials", "Credentials: everything but the keys", "", "", 200, "CredentialList" },
	{ HTTP_GET,    V1 "/credentials/{ep}", SCOPE_READ, credential_get,
	  "getCredential", "The credential of an endpoint, without its key; ?kind for one other than psk", "kind", "", 200, "Credential" },
	{ HTTP_PUT,    V1 "/credentials/{ep}", SCOPE_ADMIN, credential_put,
	  "putCredential", "Sets what an endpoint comes with, for the LwM2M server or the bootstrap server", "", "Credential", 204, "" },
	{ HTTP_DELETE, V1 "/credentials/{ep}", SCOPE_ADMIN, credential_delete,
	  "deleteCredential", "Forgets a credential of an endpoint", "kind", "", 204, "" },

	{ HTTP_GET,    V1 "/models", SCOPE_READ, models_list,
	  "listModels", "Object definitions, in the order of ids and versions", "limit cursor", "", 200, "ModelList" },
	{ HTTP_POST,   V1 "/models", SCOPE_ADMIN, model_post,
	  "addModel", "Adds the definition (DDF XML) of one object, or replaces the one of that version", "",
	  "application/xml", 204, "" },
	{ HTTP_GET,    V1 "/bootstrap", SCOPE_READ, bootstrap_list,
	  "listBootstraps", "What the bootstrap server writes: the default, and the configurations of endpoints, without keys",
	  "limit cursor", "", 200, "BootstrapList" },
	{ HTTP_PUT,    V1 "/bootstrap", SCOPE_ADMIN, bootstrap_put,
	  "putDefaultBootstrap", "Sets the default configuration, of all endpoints that have none of their own", "",
	  "Bootstrap", 204, "" },
	{ HTTP_DELETE, V1 "/bootstrap", SCOPE_ADMIN, bootstrap_delete,
	  "deleteDefaultBootstrap", "Removes the default configuration", "", "", 204, "" },
	{ HTTP_GET,    V1 "/bootstrap/{ep}", SCOPE_READ, bootstrap_get,
	  "getBootstrap", "What the bootstrap server writes to an endpoint, and how its last bootstrap has ended", "", "",
	  200, "Bootstrap" },
	{ HTTP_PUT,    V1 "/bootstrap/{ep}", SCOPE_ADMIN, bootstrap_put,
	  "putBootstrap", "Sets what the bootstrap server writes to an endpoint; keys are write-only", "", "Bootstrap",
	  204, "" },
	{ HTTP_DELETE, V1 "/bootstrap/{ep}", SCOPE_ADMIN, bootstrap_delete,
	  "deleteBootstrap", "Removes the configuration of an endpoint, which then has the default one", "", "", 204, "" },
	{ HTTP_GET,    V1 "/bootstrap/{ep}/smartcard", SCOPE_ADMIN, smartcard_get,
	  "getSmartcard", "EF(LwM2M_Bootstrap) of a smartcard that the endpoint boots from, with its keys; with ?format=json all "
	  "files of the card, and what they say",
	  "format style private bootstrapServer directoryId fileId", "", 200, "application/octet-stream" },
	{ HTTP_POST,   V1 "/bootstrap/{ep}/start", SCOPE_WRITE, bootstrap_start,
	  "startBootstrap", "Server-initiated bootstrap: makes a registered device ask its bootstrap server (Execute of /1/x/9)",
	  "instance", "", 204, "" },

	{ HTTP_GET,    V1 "/events", SCOPE_READ, events_stream,
	  "streamEvents", "Server-sent events, resumable by Last-Event-ID", "", "", 200, "text/event-stream" },

	{ HTTP_GET,    V1 "/tokens", SCOPE_ADMIN, tokens_list,
	  "listTokens", "API tokens: everything but the tokens", "", "", 200, "TokenList" },
	{ HTTP_POST,   V1 "/tokens", SCOPE_ADMIN, token_post,
	  "createToken", "Makes a token; it is shown this once", "", "NewToken", 201, "Token" },
	{ HTTP_DELETE, V1 "/tokens/{id}", SCOPE_ADMIN, token_delete,
	  "deleteToken", "Revokes a token", "", "", 204, "" },

	{ HTTP_GET,    V1 "/openapi.json", SCOPE_NONE, openapi_get,
	  "getOpenApi", "This description", "", "", 200, "application/json" },
	{ HTTP_GET,    "/healthz", SCOPE_NONE, health_get,
	  "getHealth", "The process runs", "", "", 200, "text/plain" },
	{ HTTP_GET,    "/readyz", SCOPE_NONE, ready_get,
	  "getReadiness", "The server can do its work: store and sockets answer", "", "", 200, "text/plain" },
	/* clang-format on */
};

const struct route *route_at(size_t i)
{
	return i < sizeof routes / sizeof routes[0] ? &routes[i] : NULL;
}

static const char *const method_names[HTTP_METHOD_COUNT] = {
	[HTTP_GET] = "GET",     [HTTP_PUT] = "PUT",       [HTTP_POST] = "POST",
	[HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

const char *http_method_name(enum http_method method)
{
	return method_names[method];
}

static const char *const scope_names[] = {
	[SCOPE_NONE] = "none",
	[SCOPE_READ] = "read",
	[SCOPE_WRITE] = "write",
	[SCOPE_ADMIN] = "admin",
};

const char *scope_name(enum scope scope)
{
	return scope_names[scope];
}

enum err scope_of(const char *name, enum scope *ret_scope)
{
	for (size_t i = SCOPE_READ; i < sizeof scope_names / sizeof scope_names[0]; i++) {
		if (strcmp(scope_names[i], name) == 0) {
			*ret_scope = (enum scope)i;
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

/* ---- matching ---- */

struct match {
	const char *endpoint, *item;
	size_t rest, rest_count;
};

/* The next segment of a pattern; false at its end. */
static bool next_segment(const char **pattern, struct bytes *ret_segment)
{
	while (**pattern == '/')
		(*pattern)++;
	size_t len = strcspn(*pattern, "/");
	*ret_segment = bytes_of(*pattern, len);
	*pattern += len;
	return len > 0;
}

static size_t count_segments(const char *pattern)
{
	struct bytes segment;
	size_t count = 0;
	while (next_segment(&pattern, &segment))
		count++;
	return count;
}

static bool matches(const struct http_request *request, const char *pattern, struct match *ret_match)
{
	size_t at = 0, in_pattern = count_segments(pattern), i = 0;
	struct match match = { .endpoint = "", .item = "" };
	struct bytes segment;
	for (; next_segment(&pattern, &segment); i++) {
		if (at >= request->segment_count)
			return false;
		if (bytes_equal_text(segment, "{ep}")) {
			match.endpoint = request->segments[at++];
		} else if (bytes_equal_text(segment, "{id}")) {
			match.item = request->segments[at++];
		} else if (bytes_equal_text(segment, "{path}")) {
			size_t fixed = in_pattern - i - 1; /* segments that follow */
			if (request->segment_count < at + 1 + fixed)
				return false;
			match.rest = at;
			match.rest_count = request->segment_count - at - fixed;
			at += match.rest_count;
		} else if (!bytes_equal_text(segment, request->segments[at++])) {
			return false;
		}
	}
	*ret_match = match;
	return at == request->segment_count;
}

bool route_find(struct http_request *request, unsigned *ret_allowed)
{
	struct match match;
	unsigned allowed = 0;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		if (!matches(request, routes[i].pattern, &match))
			continue;
		allowed |= 1u << routes[i].method;
		if (routes[i].method != request->method)
			continue;
		request->route = &routes[i];
		request->endpoint = match.endpoint;
		request->item = match.item;
		request->rest = match.rest;
		request->rest_count = match.rest_count;
		return true;
	}
	*ret_allowed = allowed;
	return false;
}
