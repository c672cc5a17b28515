/* The parts of the server in the order in which they begin: each one needs only those above it. They end in
 * the opposite order, after the store and the workers have told what they had to tell. */
#include "server.h"

#include <stdlib.h>

#include "api.h"
#include "bootstrap.h"
#include "certificate.h"
#include "config.h"
#include "credential_rows.h"
#include "credentials.h"
#include "deferred.h"
#include "events.h"
#include "loop.h"
#include "model.h"
#include "model_files.h"
#include "orchestrator.h"
#include "oscore_numbers.h"
#include "package.h"
#include "plugin_host.h"
#include "profiles.h"
#include "registry.h"
#include "step_out.h"
#include "store.h"
#include "token.h"
#include "vault.h"
#include "work.h"

#define WORKER_THREADS      2
#define WORKER_MAX_QUEUED   1024
#define COAP_MAX_BODY_BYTES (1u << 20) /* of one message of a device, put together from blocks */
#define SPARE_PEERS         1024       /* addresses that are no registered device, or one that has moved */

struct server {
	const struct config *config;
	struct loop *loop;
	struct token *token; /* NULL: none is configured */
	struct vault *vault;
	struct store *store;
	struct work_pool *workers;
	struct events *events;
	struct model *model;
	struct profiles *profiles;
	struct plugin_host *plugins;
	struct oscore_numbers *oscore_numbers;
	struct certificates *certificates; /* NULL: devices come with keys only */
	struct credentials *credentials, *bootstrap_credentials;
	struct registry *registry;
	struct endpoint *endpoint;
	struct bootstrap *bootstrap;
	struct endpoint *bootstrap_endpoint; /* NULL: it is off */
	struct deferred *deferred;
	struct packages *packages;
	struct orchestrator *orchestrator;
	struct api *api;
};

static enum err begin_loop(struct server *server, struct fault *fault)
{
	return loop_create(&server->loop);
}

static void end_loop(struct server *server)
{
	loop_free(server->loop);
}

static enum err begin_token(struct server *server, struct fault *fault)
{
	const struct config *config = server->config;
	const struct token_settings settings = { config->pkcs11_module, config->pkcs11_token,
						 config->pkcs11_pin_file };

	if (settings.module[0] == 0 && (settings.label[0] != 0 || settings.pin_file[0] != 0))
		return fault_set(fault, ERR_MALFORMED,
				 "--pkcs11-token and --pkcs11-pin-file need --pkcs11-module");
	if (settings.module[0] != 0 && (settings.label[0] == 0 || settings.pin_file[0] == 0))
		return fault_set(fault, ERR_MALFORMED,
				 "--pkcs11-module needs --pkcs11-token and --pkcs11-pin-file");
	return settings.module[0] != 0 ? token_open(&settings, &server->token, fault) : ERR_NONE;
}

static void end_token(struct server *server)
{
	token_close(server->token);
}

static enum err begin_vault_by_token(struct server *server, struct fault *fault)
{
	const char *label = server->config->kek_label;
	bool is_aes;
	size_t size;

	if (server->config->kek_file[0] != 0)
		return fault_set(fault, ERR_MALFORMED, "either --kek-file or --kek-label");
	enum err err = token_find(server->token, label, &is_aes, &size, fault);
	if (err != ERR_NONE)
		return err;
	if (!is_aes)
		return fault_set(fault, ERR_UNSUPPORTED, "--kek-label: \"%s\" is no AES key", label);
	const struct key key = token_key(server->token, label, size);
	return vault_open_with_key(&key, &server->vault, fault);
}

static enum err begin_vault(struct server *server, struct fault *fault)
{
	const char *kek_hex = getenv("CARDEA_KEK");

	if (server->config->kek_label[0] != 0)
		return begin_vault_by_token(server, fault);
	if (server->config->kek_file[0] == 0 && kek_hex == NULL)
		return fault_set(fault, ERR_NOT_FOUND,
				 "no key encryption key: give --kek-file, --kek-label or CARDEA_KEK");
	return vault_open(server->config->kek_file, kek_hex == NULL ? "" : kek_hex, &server->vault, fault);
}

static void end_vault(struct server *server)
{
	vault_close(server->vault);
}

static enum err begin_store(struct server *server, struct fault *fault)
{
	return store_open(server->config->data_dir, STORE_THREADED, server->loop, &server->store, fault);
}

static void end_store(struct server *server)
{
	store_close(server->store);
}

static enum err begin_workers(struct server *server, struct fault *fault)
{
	return work_pool_create(server->loop, WORKER_THREADS, WORKER_MAX_QUEUED, NULL, &server->workers);
}

static void end_workers(struct server *server)
{
	work_pool_free(server->workers);
	server->workers = NULL;
}

static enum err begin_events(struct server *server, struct fault *fault)
{
	return events_create(loop_wall_ms(server->loop), &server->events);
}

static void end_events(struct server *server)
{
	events_free(server->events);
}

static enum err begin_model(struct server *server, struct fault *fault)
{
	enum err err = model_create(&server->model);

	if (err == ERR_NONE)
		err = model_add_folder(server->model, server->config->model_dir, fault);
	if (err == ERR_NONE)
		err = model_add_kept(server->model, server->config->data_dir, fault);
	if (err == ERR_NONE)
		err = profiles_create(server->config->profiles, &server->profiles, fault);
	return err;
}

static void end_model(struct server *server)
{
	profiles_free(server->profiles);
	model_free(server->model);
}

static enum err begin_plugins(struct server *server, struct fault *fault)
{
	const struct config *config = server->config;
	struct cardea_host_api step_calls = { 0 };

	step_out_calls(&step_calls);
	return plugin_host_create(config->plugin_dir, config->plugin_config, server->model, &step_calls,
				  &server->plugins, fault);
}

static void end_plugins(struct server *server)
{
	plugin_host_free(server->plugins);
}

static enum err begin_certificates(struct server *server, struct fault *fault)
{
	const struct config *config = server->config;
	const struct certificate_files files = {
		.chain = config->coaps_cert,
		.key = config->coaps_key,
		.authorities = config->coaps_ca,
		.revocations = config->coaps_crl,
	};

	if ((files.chain[0] == 0) != (files.key[0] == 0))
		return fault_set(fault, ERR_MALFORMED, "--coaps-cert and --coaps-key go together");
	if (files.chain[0] == 0 && (files.authorities[0] != 0 || files.revocations[0] != 0))
		return fault_set(fault, ERR_MALFORMED, "--coaps-ca and --coaps-crl need --coaps-cert");
	if (files.authorities[0] == 0 && config->coaps_accept_issued)
		return fault_set(fault, ERR_MALFORMED, "--coaps-accept-issued needs --coaps-ca");
	return files.chain[0] != 0 ? certificates_create(&files, &server->certificates, fault) : ERR_NONE;
}

static void end_certificates(struct server *server)
{
	certificates_free(server->certificates);
}

/* The kinds of rows that fill the credentials of the one server and of the other. */
static enum err load_credentials(struct server *server, const char *const *kinds,
				 struct credentials **ret_credentials, struct fault *fault)
{
	enum err err = credentials_create(ret_credentials);

	for (size_t i = 0; err == ERR_NONE && kinds[i] != NULL; i++)
		err = credentials_load(server->store, server->vault, kinds[i], *ret_credentials, fault);
	if (err == ERR_NONE)
		credentials_accept_issued(*ret_credentials, server->config->coaps_accept_issued);
	return err;
}

static enum err begin_credentials(struct server *server, struct fault *fault)
{
	static const char *const of_server[] = { CREDENTIAL_PSK, CREDENTIAL_OSCORE, CREDENTIAL_X509, NULL };
	static const char *const of_bootstrap[] = { CREDENTIAL_BOOTSTRAP_PSK, CREDENTIAL_BOOTSTRAP_OSCORE,
						    CREDENTIAL_BOOTSTRAP_X509, NULL };
	enum err err = oscore_numbers_create(server->store, &server->oscore_numbers, fault);

	if (err == ERR_NONE)
		err = load_credentials(server, of_server, &server->credentials, fault);
	if (err == ERR_NONE)
		err = load_credentials(server, of_bootstrap, &server->bootstrap_credentials, fault);
	return err;
}

static void end_credentials(struct server *server)
{
	oscore_numbers_free(server->oscore_numbers);
	credentials_free(server->credentials);
	credentials_free(server->bootstrap_credentials);
}

static enum err begin_registry(struct server *server, struct fault *fault)
{
	const struct registry_parts parts = {
		.loop = server->loop,
		.store = server->store,
		.model = server->model,
		.events = server->events,
		.credentials = server->credentials,
		.profiles = server->profiles,
		.public_host = server->config->public_host,
		.max_devices = server->config->max_devices,
		.awake_ms = server->config->awake_ms,
		.grace_ms = REGISTRY_GRACE_MS,
	};

	return registry_create(&parts, &server->registry);
}

static void end_registry(struct server *server)
{
	registry_free(server->registry);
}

static enum err begin_endpoint(struct server *server, struct fault *fault)
{
	const struct config *config = server->config;
	const struct endpoint_settings settings = {
		.coap_listen = config->coap_listen,
		.coaps_listen = config->coaps_listen,
		.tcp_listen = config->tcp_listen,
		.tls_listen = config->tls_listen,
		.credentials = server->credentials,
		.certificates = server->certificates,
		.oscore_numbers = server->oscore_numbers,
		.ack_timeout_ms = config->ack_timeout_ms,
		.max_retransmit = config->max_retransmit,
		.block_size = config->block_size,
		.max_body_bytes = COAP_MAX_BODY_BYTES,
		.max_peers = config->max_devices + SPARE_PEERS,
		.max_connections = config->max_connections,
		.connection_idle_s = config->connection_idle_s,
	};
	const struct endpoint_handlers handlers = registry_handlers(server->registry);
	enum err err = endpoint_create(server->loop, &settings, &handlers, &server->endpoint, fault);

	if (err == ERR_NONE)
		registry_attach(server->registry, server->endpoint);
	return err;
}

static void end_endpoint(struct server *server)
{
	if (server->registry != NULL)
		registry_attach(server->registry, NULL);
	endpoint_free(server->endpoint);
	server->endpoint = NULL;
}

static enum err begin_bootstrap(struct server *server, struct fault *fault)
{
	const struct bootstrap_parts parts = {
		.loop = server->loop,
		.store = server->store,
		.vault = server->vault,
		.workers = server->workers,
		.model = server->model,
		.events = server->events,
		.credentials = server->credentials,
		.bootstrap_credentials = server->bootstrap_credentials,
		.certificates = server->certificates,
		.deadline_ms = BOOTSTRAP_DEADLINE_MS,
		.max_at_once = BOOTSTRAP_MAX_AT_ONCE,
	};

	return bootstrap_create(&parts, &server->bootstrap);
}

static void end_bootstrap(struct server *server)
{
	bootstrap_free(server->bootstrap);
}

static enum err begin_bootstrap_endpoint(struct server *server, struct fault *fault)
{
	const struct config *config = server->config;
	const struct endpoint_settings settings = {
		.coap_listen = config->bootstrap_listen,
		.coaps_listen = config->bootstrap_secure_listen,
		.tcp_listen = config->bootstrap_tcp_listen,
		.tls_listen = config->bootstrap_tls_listen,
		.credentials = server->bootstrap_credentials,
		.oscore_numbers = server->oscore_numbers,
		.certificates = server->certificates,
		.ack_timeout_ms = config->ack_timeout_ms,
		.max_retransmit = config->max_retransmit,
		.block_size = config->block_size,
		.max_body_bytes = COAP_MAX_BODY_BYTES,
		.max_peers = BOOTSTRAP_MAX_AT_ONCE + SPARE_PEERS,
		.max_connections = config->max_connections,
		.connection_idle_s = config->connection_idle_s,
	};
	const struct endpoint_handlers handlers = bootstrap_handlers(server->bootstrap);
	enum err err = ERR_NONE;

	if (settings.coap_listen[0] != 0 || settings.coaps_listen[0] != 0 || settings.tcp_listen[0] != 0 ||
	    settings.tls_listen[0] != 0)
		err = endpoint_create(server->loop, &settings, &handlers, &server->bootstrap_endpoint, fault);
	if (err == ERR_NONE)
		bootstrap_attach(server->bootstrap, server->bootstrap_endpoint);
	return err;
}

static void end_bootstrap_endpoint(struct server *server)
{
	if (server->bootstrap != NULL)
		bootstrap_attach(server->bootstrap, NULL);
	endpoint_free(server->bootstrap_endpoint);
	server->bootstrap_endpoint = NULL;
}

static enum err begin_deferred(struct server *server, struct fault *fault)
{
	const struct deferred_parts parts = {
		.loop = server->loop,
		.store = server->store,
		.vault = server->vault,
		.registry = server->registry,
		.events = server->events,
	};

	return deferred_create(&parts, &server->deferred);
}

static void end_deferred(struct server *server)
{
	deferred_free(server->deferred);
}

static enum err begin_packages(struct server *server, struct fault *fault)
{
	const struct packages_parts parts = {
		.loop = server->loop,
		.store = server->store,
		.plugins = server->plugins,
		.vault = server->vault,
		.workers = server->workers,
		.events = server->events,
		.max_package_bytes = server->config->max_package_bytes,
	};

	return packages_create(&parts, &server->packages);
}

static void end_packages(struct server *server)
{
	packages_free(server->packages);
}

static enum err begin_orchestrator(struct server *server, struct fault *fault)
{
	const struct orchestrator_parts parts = {
		.loop = server->loop,
		.store = server->store,
		.model = server->model,
		.registry = server->registry,
		.plugins = server->plugins,
		.packages = server->packages,
		.vault = server->vault,
		.token = server->token,
		.events = server->events,
		.workers = server->workers,
		.job_timeout_s = server->config->job_timeout_s,
	};

	enum err err = orchestrator_create(&parts, &server->orchestrator);

	if (err == ERR_NONE)
		plugin_gateway_connect(plugin_host_gateway_of(server->plugins), server->registry,
				       server->orchestrator, server->credentials);
	return err;
}

static void end_orchestrator(struct server *server)
{
	if (server->plugins != NULL)
		plugin_gateway_connect(plugin_host_gateway_of(server->plugins), NULL, NULL, NULL);
	orchestrator_free(server->orchestrator);
}

static enum err begin_api(struct server *server, struct fault *fault)
{
	const struct api_parts parts = {
		.config = server->config,
		.loop = server->loop,
		.store = server->store,
		.vault = server->vault,
		.token = server->token,
		.model = server->model,
		.events = server->events,
		.credentials = server->credentials,
		.oscore_numbers = server->oscore_numbers,
		.bootstrap_credentials = server->bootstrap_credentials,
		.endpoint = server->endpoint,
		.registry = server->registry,
		.deferred = server->deferred,
		.orchestrator = server->orchestrator,
		.packages = server->packages,
		.plugins = server->plugins,
		.workers = server->workers,
	};

	return api_create(&parts, &server->api, fault);
}

static void end_api(struct server *server)
{
	api_free(server->api);
}

static const struct part {
	const char *name;
	enum err (*begin)(struct server *server, struct fault *fault);
	void (*end)(struct server *server); /* also after it has not begun, or half */
} parts[] = {
	{ "loop", begin_loop, end_loop },
	{ "token", begin_token, end_token },
	{ "vault", begin_vault, end_vault },
	{ "store", begin_store, end_store },
	{ "workers", begin_workers, end_workers },
	{ "events", begin_events, end_events },
	{ "model", begin_model, end_model },
	{ "plugins", begin_plugins, end_plugins },
	{ "certificates", begin_certificates, end_certificates },
	{ "credentials", begin_credentials, end_credentials },
	{ "registry", begin_registry, end_registry },
	{ "endpoint", begin_endpoint, end_endpoint },
	{ "bootstrap", begin_bootstrap, end_bootstrap },
	{ "bootstrap endpoint", begin_bootstrap_endpoint, end_bootstrap_endpoint },
	{ "requests that wait", begin_deferred, end_deferred },
	{ "packages", begin_packages, end_packages },
	{ "orchestrator", begin_orchestrator, end_orchestrator },
	{ "api", begin_api, end_api },
};

#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

enum err server_start(const struct config *config, struct server **ret_server, struct fault *fault)
{
	struct server *server = calloc(1, sizeof(*server));
	enum err err = ERR_NONE;

	if (server == NULL)
		return fault_set(fault, ERR_NOMEM, "no memory");
	server->config = config;
	for (size_t i = 0; i < PART_COUNT && err == ERR_NONE; i++) {
		err = parts[i].begin(server, fault);
		if (err != ERR_NONE)
			fault_set(fault, err, "%s: %s", parts[i].name, err_name(err));
	}
	if (err != ERR_NONE)
		server_free(server);
	else
		*ret_server = server;
	return err;
}

enum err server_run(struct server *server)
{
	return loop_run(server->loop);
}

void server_stop(struct server *server)
{
	loop_stop(server->loop);
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	/* Whoever waits for a device, a write or a worker is told while he is still there. */
	end_endpoint(server);
	end_bootstrap_endpoint(server);
	if (server->oscore_numbers != NULL)
		oscore_numbers_flush(server->oscore_numbers);
	if (server->store != NULL)
		store_finish(server->store);
	end_workers(server);
	for (size_t i = PART_COUNT; i > 0; i--)
		parts[i - 1].end(server);
	free(server);
}

void server_print_addresses(const struct server *server, FILE *to)
{
	const char *address;

	for (size_t i = 0; (address = endpoint_listening(server->endpoint, i)) != NULL; i++)
		fprintf(to, "listening %s\n", address);
	for (size_t i = 0; server->bootstrap_endpoint != NULL &&
			   (address = endpoint_listening(server->bootstrap_endpoint, i)) != NULL;
	     i++)
		fprintf(to, "bootstrap %s\n", address);
	fprintf(to, "listening %s\n", api_listening(server->api));
	for (size_t i = 0; (address = api_plugin_listening(server->api, i)) != NULL; i++)
		fprintf(to, "plugin %s\n", address);
}

struct loop *server_loop(const struct server *server)
{
	return server->loop;
}

struct registry *server_registry(const struct server *server)
{
	return server->registry;
}

struct credentials *server_credentials(const struct server *server)
{
	return server->credentials;
}
