#include "plugin_gateway.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "credentials.h"
#include "orchestrator.h"
#include "plugin_host.h"
#include "presented.h"

struct presentation { /* one device of one plugin */
	struct cardea_presented by;
	UT_hash_handle hh; /* by endpoint */
	char endpoint[];
};

struct plugin_gateway {
	struct gateway_listener listeners[GATEWAY_MAX_LISTENERS];
	size_t listener_count;
	struct presentation *presentations;
	struct registry *registry;
	struct orchestrator *orchestrator;
	const struct credentials *credentials;
	gateway_answer *answer;
	void *answer_self;
};

/* ---- HTTP ---- */

static void free_listener(struct gateway_listener *listener)
{
	free((char *)listener->asked.listen);
	free((char *)listener->asked.tls_cert);
	free((char *)listener->asked.tls_key);
}

static enum err listen_http(cardea_host *view, const struct cardea_http_listener *asked)
{
	struct plugin_gateway *gateway = plugin_host_gateway(view);
	struct gateway_listener *listener = &gateway->listeners[gateway->listener_count];

	if (gateway->listener_count == GATEWAY_MAX_LISTENERS)
		return ERR_LIMIT;
	*listener = (struct gateway_listener){ plugin_host_view_name(view), *asked };
	listener->asked.listen = strdup(asked->listen);
	listener->asked.tls_cert = strdup(asked->tls_cert);
	listener->asked.tls_key = strdup(asked->tls_key);
	if (listener->asked.listen == NULL || listener->asked.tls_cert == NULL ||
	    listener->asked.tls_key == NULL) {
		free_listener(listener);
		return ERR_NOMEM;
	}
	gateway->listener_count++;
	return ERR_NONE;
}

static void answer_http(cardea_host *view, uint64_t id, const struct cardea_http_answer *answer)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	if (gateway->answer != NULL)
		gateway->answer(gateway->answer_self, id, answer);
}

static bool needs_credential(cardea_host *view, const char *endpoint)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	return gateway->credentials != NULL && credentials_has(gateway->credentials, endpoint);
}

const struct gateway_listener *plugin_gateway_listener(const struct plugin_gateway *gateway, size_t i)
{
	return i < gateway->listener_count ? &gateway->listeners[i] : NULL;
}

void plugin_gateway_served_by(struct plugin_gateway *gateway, gateway_answer *answer, void *self)
{
	gateway->answer = answer;
	gateway->answer_self = self;
}

/* ---- devices ---- */

static struct presentation *find(const struct plugin_gateway *gateway, const char *endpoint)
{
	struct presentation *presentation;

	HASH_FIND_STR(gateway->presentations, endpoint, presentation);
	return presentation;
}

static uint8_t ask(void *self, const char *endpoint, const struct operation_request *request,
		   struct arena *arena, struct lwm2m_records *ret_records)
{
	const struct plugin_gateway *gateway = self;
	const struct presentation *presentation = find(gateway, endpoint);
	const struct cardea_ask asked = {
		.operation = request->operation,
		.path = request->path,
		.records = request->records,
		.arguments = request->arguments,
		.is_confidential = request->is_confidential,
		.arena = arena,
	};

	return presentation == NULL
		       ? err_coap_code(ERR_UNAVAILABLE)
		       : presentation->by.ask(presentation->by.self, endpoint, &asked, ret_records);
}

static void gone(void *self, const char *endpoint)
{
	struct plugin_gateway *gateway = self;
	struct presentation *presentation = find(gateway, endpoint);

	if (presentation == NULL)
		return;
	HASH_DEL(gateway->presentations, presentation);
	presentation->by.gone(presentation->by.self, presentation->endpoint);
	free(presentation);
}

static void idle(void *self, const char *endpoint)
{
	const struct presentation *presentation = find(self, endpoint);

	if (presentation != NULL)
		presentation->by.idle(presentation->by.self, endpoint);
}

/* ERR_CONFLICT: another plugin presents it. */
static enum err remember(struct plugin_gateway *gateway, const struct cardea_presented *device)
{
	struct presentation *presentation = find(gateway, device->endpoint);
	size_t size = strlen(device->endpoint) + 1;

	if (presentation != NULL)
		return presentation->by.self == device->self ? ERR_NONE : ERR_CONFLICT;
	presentation = calloc(1, sizeof *presentation + size);
	if (presentation == NULL)
		return ERR_NOMEM;
	memcpy(presentation->endpoint, device->endpoint, size);
	presentation->by = *device;
	presentation->by.endpoint = presentation->endpoint;
	presentation->by.links = NULL;
	HASH_ADD_STR(gateway->presentations, endpoint, presentation);
	return ERR_NONE;
}

static enum err present(cardea_host *view, const struct cardea_presented *device, struct fault *fault)
{
	struct plugin_gateway *gateway = plugin_host_gateway(view);
	const struct presented_description description = { device->endpoint, device->links,
							   device->lifetime_s };
	const struct presenter presenter = { ask, gone, gateway };
	struct presentation *forgotten;

	if (gateway->registry == NULL)
		return fault_set(fault, ERR_UNAVAILABLE, "the server is not ready");
	enum err err = remember(gateway, device);
	if (err != ERR_NONE)
		return fault_set(fault, err, "%s is presented by another plugin", device->endpoint);
	err = presented_register(gateway->registry, &description, &presenter, fault);
	forgotten = err != ERR_NONE ? find(gateway, device->endpoint) : NULL;
	if (forgotten != NULL) {
		HASH_DEL(gateway->presentations, forgotten);
		free(forgotten);
	}
	return err;
}

static void set_awake(cardea_host *view, const char *endpoint, bool is_awake)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	if (gateway->registry != NULL && find(gateway, endpoint) != NULL)
		presented_set_awake(gateway->registry, endpoint, is_awake);
}

static void changed(cardea_host *view, const char *endpoint, struct lwm2m_path path)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	if (gateway->registry != NULL)
		presented_changed(gateway->registry, endpoint, path);
}

static bool has_job(cardea_host *view, const char *endpoint)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	return gateway->orchestrator != NULL && orchestrator_has_job(gateway->orchestrator, endpoint);
}

static void trace(cardea_host *view, const char *endpoint, const char *layer, const char *direction,
		  const char *text, struct bytes raw)
{
	const struct plugin_gateway *gateway = plugin_host_gateway(view);

	if (gateway->orchestrator != NULL)
		orchestrator_trace(gateway->orchestrator, endpoint, layer, direction, text, raw);
}

/* ---- begin and end ---- */

enum err plugin_gateway_create(struct plugin_gateway **ret_gateway)
{
	struct plugin_gateway *gateway = calloc(1, sizeof *gateway);

	if (gateway == NULL)
		return ERR_NOMEM;
	*ret_gateway = gateway;
	return ERR_NONE;
}

void plugin_gateway_free(struct plugin_gateway *gateway)
{
	struct presentation *presentation, *next;

	if (gateway == NULL)
		return;
	HASH_ITER (hh, gateway->presentations, presentation, next) {
		HASH_DEL(gateway->presentations, presentation);
		free(presentation);
	}
	while (gateway->listener_count > 0)
		free_listener(&gateway->listeners[--gateway->listener_count]);
	free(gateway);
}

void plugin_gateway_connect(struct plugin_gateway *gateway, struct registry *registry,
			    struct orchestrator *orchestrator, const struct credentials *credentials)
{
	gateway->registry = registry;
	gateway->orchestrator = orchestrator;
	gateway->credentials = credentials;
	if (orchestrator != NULL)
		orchestrator_when_idle(orchestrator, idle, gateway);
}

const struct cardea_gateway_api plugin_gateway_calls = {
	.size = sizeof(struct cardea_gateway_api),
	.listen_http = listen_http,
	.answer_http = answer_http,
	.needs_credential = needs_credential,
	.present = present,
	.set_awake = set_awake,
	.changed = changed,
	.has_job = has_job,
	.trace = trace,
};
