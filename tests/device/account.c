#include "account.h"

#include "place.h"

#define IDENTITY_MAX 128

enum {
	URI = 0,
	IS_BOOTSTRAP = 1,
	MODE = 2,
	IDENTITY = 3,
	SERVER_KEY = 4,
	KEY = 5,
	SECURITY_SERVER_ID = 10,
	HOLD_OFF = 11,
	ACCOUNT_TIMEOUT = 12,
	MATCHING_TYPE = 13,
	SNI = 14,
	CERTIFICATE_USAGE = 15,
	SERVER_SERVER_ID = 0,
};

static const struct value *value_of(const struct device *device, uint16_t object, uint16_t instance,
				    uint16_t resource)
{
	return values_get(&device->values, RESOURCE_PATH(object, instance, resource));
}

static bool has_all(const struct device *device, uint16_t object, uint16_t instance,
		    const uint16_t *resources, size_t count, struct fault *fault)
{
	for (size_t i = 0; i < count; i++) {
		if (value_of(device, object, instance, resources[i]) != NULL)
			continue;
		fault_set(fault, ERR_MALFORMED, "/%u/%u/%u is missing", object, instance, resources[i]);
		return false;
	}
	return true;
}

/* The instance of object 1 that belongs to an instance of object 0. */
static bool find_server(const struct device *device, uint16_t security, uint16_t *ret_instance)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 1, ids);
	const struct value *id = value_of(device, 0, security, SECURITY_SERVER_ID);

	for (size_t i = 0; i < count; i++) {
		const struct value *other = value_of(device, 1, ids[i], SERVER_SERVER_ID);
		if (id != NULL && other != NULL && id->integer == other->integer) {
			*ret_instance = ids[i];
			return true;
		}
	}
	return false;
}

bool account_is_of_command_line(const struct device *device)
{
	return device->options->bootstrap == NULL && !smartcard_is_applied(device);
}

bool account_is_of_bootstrap(const struct device *device, uint16_t security_instance)
{
	const struct value *is = value_of(device, 0, security_instance, IS_BOOTSTRAP);

	return is != NULL && is->boolean;
}

bool account_of_bootstrap_is_fixed(const struct device *device)
{
	return device->options->bootstrap != NULL && !smartcard_is_applied(device) &&
	       value_of(device, 0, 0, IS_BOOTSTRAP) == NULL;
}

/* ---- checking ---- */

static bool has_bytes(const struct device *device, uint16_t security, uint16_t resource)
{
	const struct value *value = value_of(device, 0, security, resource);

	return value != NULL && value->bytes.len > 0;
}

static enum err check_scheme(const struct device *device, uint16_t security, struct fault *fault)
{
	const char *uri = (const char *)value_of(device, 0, security, URI)->bytes.at;
	int64_t mode = value_of(device, 0, security, MODE)->integer;
	const struct scheme *scheme = scheme_of(uri);
	const bool is_secure = scheme != NULL && scheme->is_secure;

	if (mode != SECURITY_PSK && mode != SECURITY_X509 && mode != SECURITY_NOSEC)
		return fault_set(fault, ERR_MALFORMED, "/0/%u/2: only PSK, X.509 and NoSec are supported",
				 security);
	if (scheme == NULL)
		return fault_set(fault, ERR_MALFORMED, "/0/%u/0: not " SCHEMES_TEXT, security);
	if (scheme->is_stream && mode == SECURITY_X509)
		return fault_set(fault, ERR_MALFORMED, "/0/%u: certificates are for coaps:// only", security);
	if (is_secure != (mode != SECURITY_NOSEC))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: URI and security mode do not fit", security);
	if (is_secure && (!has_bytes(device, security, IDENTITY) || !has_bytes(device, security, KEY)))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: identity or key is empty", security);
	if (mode == SECURITY_PSK && (value_of(device, 0, security, IDENTITY)->bytes.len > IDENTITY_MAX ||
				     value_of(device, 0, security, KEY)->bytes.len > SECRET_MAX))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: identity or key is too long", security);
	if (mode == SECURITY_X509 && !has_bytes(device, security, SERVER_KEY))
		return fault_set(fault, ERR_MALFORMED, "/0/%u/4: no certificate of the server", security);
	return ERR_NONE;
}

static enum err check_account(const struct device *device, uint16_t security, struct fault *fault)
{
	static const uint16_t of_security[] = { URI, IS_BOOTSTRAP, MODE, SECURITY_SERVER_ID };
	static const uint16_t of_server[] = { SERVER_SERVER_ID, 1, 6, 7 };
	uint16_t server;

	if (!has_all(device, 0, security, of_security, sizeof(of_security) / sizeof(of_security[0]), fault))
		return ERR_MALFORMED;
	if (!find_server(device, security, &server))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: no instance of object 1 has its server id",
				 security);
	if (!has_all(device, 1, server, of_server, sizeof(of_server) / sizeof(of_server[0]), fault))
		return ERR_MALFORMED;
	return check_scheme(device, security, fault);
}

/* One at most, which without an account of its own here is that of the command line. */
static enum err check_bootstrap(const struct device *device, uint16_t security, bool is_first,
				struct fault *fault)
{
	static const uint16_t of_security[] = { URI, IS_BOOTSTRAP, MODE };

	if (!is_first || account_of_bootstrap_is_fixed(device))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: a second bootstrap server", security);
	if (!has_all(device, 0, security, of_security, sizeof(of_security) / sizeof(of_security[0]), fault))
		return ERR_MALFORMED;
	return check_scheme(device, security, fault);
}

/* Whether an instance before this one is about the same server. */
static bool is_repeated(const struct device *device, const uint16_t *ids, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!account_is_of_bootstrap(device, ids[k]) &&
		    value_of(device, 0, ids[k], SECURITY_SERVER_ID)->integer ==
			    value_of(device, 0, ids[i], SECURITY_SERVER_ID)->integer)
			return true;
	return false;
}

static enum err check_all(const struct device *device, size_t *ret_servers, size_t *ret_bootstrap_servers,
			  struct fault *fault)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids), servers = 0, bootstrap_servers = 0;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		if (account_is_of_bootstrap(device, ids[i])) {
			err = check_bootstrap(device, ids[i], bootstrap_servers++ == 0, fault);
			continue;
		}
		servers++;
		err = check_account(device, ids[i], fault);
		if (err == ERR_NONE && is_repeated(device, ids, i))
			err = fault_set(fault, ERR_MALFORMED, "/0/%u/10: another account has this server id",
					ids[i]);
	}
	if (err == ERR_NONE && servers > SERVERS_MAX)
		err = fault_set(fault, ERR_MALFORMED, "there are more than %d accounts", SERVERS_MAX);
	*ret_servers = servers;
	*ret_bootstrap_servers = bootstrap_servers;
	return err;
}

enum err accounts_check(const struct device *device, struct fault *fault)
{
	size_t servers, bootstrap_servers;
	enum err err = check_all(device, &servers, &bootstrap_servers, fault);

	return err == ERR_NONE && servers == 0
		       ? fault_set(fault, ERR_MALFORMED, "there is no account of a server")
		       : err;
}

enum err accounts_check_card(const struct device *device, struct fault *fault)
{
	size_t servers, bootstrap_servers;
	enum err err = check_all(device, &servers, &bootstrap_servers, fault);

	return err == ERR_NONE && servers + bootstrap_servers == 0
		       ? fault_set(fault, ERR_MALFORMED, "there is no account of a server")
		       : err;
}

/* ---- finding ---- */

static uint8_t small_of(const struct device *device, uint16_t security, uint16_t resource, uint8_t otherwise)
{
	const struct value *value = value_of(device, 0, security, resource);

	return value != NULL ? (uint8_t)value->integer : otherwise;
}

/* Of an account that was checked. */
static struct x509_settings x509_of(const struct device *device, uint16_t security)
{
	const struct value *name = value_of(device, 0, security, SNI);

	if (value_of(device, 0, security, MODE)->integer != SECURITY_X509)
		return (struct x509_settings){ .usage = USAGE_DOMAIN_ISSUED };
	return (struct x509_settings){
		.certificate = value_of(device, 0, security, IDENTITY)->bytes,
		.key = value_of(device, 0, security, KEY)->bytes,
		.server = value_of(device, 0, security, SERVER_KEY)->bytes,
		.usage = small_of(device, security, CERTIFICATE_USAGE, USAGE_DOMAIN_ISSUED),
		.matching = small_of(device, security, MATCHING_TYPE, 0),
		.trust_store = device->options->trust_store,
		.name = name != NULL ? (const char *)name->bytes.at : NULL,
	};
}

/* Of an account that was checked: object 0. */
static struct account read_security(const struct device *device, uint16_t security)
{
	const struct value *identity = value_of(device, 0, security, IDENTITY);
	const struct value *key = value_of(device, 0, security, KEY);

	return (struct account){
		.uri = (const char *)value_of(device, 0, security, URI)->bytes.at,
		.mode = (enum security_mode)value_of(device, 0, security, MODE)->integer,
		.psk_identity = identity == NULL ? "" : (const char *)identity->bytes.at,
		.psk_key = key == NULL ? bytes_of(NULL, 0) : key->bytes,
		.x509 = x509_of(device, security),
	};
}

static bool read_account(const struct device *device, uint16_t security, struct account *ret_account)
{
	struct account account;
	uint16_t server;

	if (account_is_of_bootstrap(device, security) || check_account(device, security, NULL) != ERR_NONE ||
	    !find_server(device, security, &server))
		return false;
	account = read_security(device, security);
	account.server_instance = server;
	account.short_id = (uint16_t)value_of(device, 0, security, SECURITY_SERVER_ID)->integer;
	*ret_account = account;
	return true;
}

enum err account_find_bootstrap(const struct device *device, struct account *ret_account)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids);

	for (size_t i = 0; i < count; i++) {
		if (!account_is_of_bootstrap(device, ids[i]) ||
		    check_bootstrap(device, ids[i], true, NULL) != ERR_NONE)
			continue;
		*ret_account = read_security(device, ids[i]);
		return ERR_NONE;
	}
	return ERR_NOT_FOUND;
}

uint16_t account_instance_of_bootstrap(const struct device *device)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids);

	for (size_t i = 0; i < count; i++)
		if (account_is_of_bootstrap(device, ids[i]))
			return ids[i];
	return 0;
}

bool account_has_bootstrap(const struct device *device)
{
	struct account account;

	return account_find_bootstrap(device, &account) == ERR_NONE;
}

static uint32_t seconds_of(const struct device *device, uint16_t resource)
{
	uint16_t instance = account_instance_of_bootstrap(device);

	return account_is_of_bootstrap(device, instance)
		       ? (uint32_t)device_stored_integer(device, RESOURCE_PATH(0, instance, resource), 0)
		       : 0;
}

uint32_t account_hold_off_s(const struct device *device)
{
	return seconds_of(device, HOLD_OFF);
}

uint32_t account_timeout_s(const struct device *device)
{
	return seconds_of(device, ACCOUNT_TIMEOUT);
}

static enum err set_all(struct device *device, const struct record *records, size_t count)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = values_set(&device->values, records[i].path, records[i].value);
	return err;
}

static enum err fill_x509(struct device *device, const struct x509_settings *x509)
{
	const struct record records[] = {
		{ RESOURCE_PATH(0, 0, MODE), INTEGER_VALUE(SECURITY_X509) },
		{ RESOURCE_PATH(0, 0, IDENTITY), OPAQUE_VALUE(x509->certificate) },
		{ RESOURCE_PATH(0, 0, SERVER_KEY), OPAQUE_VALUE(x509->server) },
		{ RESOURCE_PATH(0, 0, KEY), OPAQUE_VALUE(x509->key) },
		{ RESOURCE_PATH(0, 0, MATCHING_TYPE), INTEGER_VALUE(x509->matching) },
		{ RESOURCE_PATH(0, 0, CERTIFICATE_USAGE), INTEGER_VALUE(x509->usage) },
	};

	return set_all(device, records, sizeof(records) / sizeof(records[0]));
}

static enum err fill_psk(struct device *device, const char *identity, struct bytes key)
{
	const struct bytes nothing = { NULL, 0 };
	const bool is_secure = key.len > 0;
	const struct record records[] = {
		{ RESOURCE_PATH(0, 0, MODE), INTEGER_VALUE(is_secure ? SECURITY_PSK : SECURITY_NOSEC) },
		{ RESOURCE_PATH(0, 0, IDENTITY),
		  OPAQUE_VALUE(is_secure ? bytes_of_text(identity) : nothing) },
		{ RESOURCE_PATH(0, 0, KEY), OPAQUE_VALUE(key) },
	};

	return set_all(device, records, sizeof(records) / sizeof(records[0]));
}

enum err account_fill_bootstrap(struct device *device, const struct line_settings *settings)
{
	const struct options *options = device->options;
	const struct record records[] = {
		{ RESOURCE_PATH(0, 0, IS_BOOTSTRAP), BOOLEAN_VALUE(true) },
		{ RESOURCE_PATH(0, 0, HOLD_OFF), INTEGER_VALUE(options->hold_off_s) },
		{ RESOURCE_PATH(0, 0, ACCOUNT_TIMEOUT), INTEGER_VALUE(options->bootstrap_timeout_s) },
	};
	uint16_t ids[INSTANCES_MAX];

	if (options->bootstrap == NULL || instances_with_values(device, 0, ids) > 0)
		return ERR_NONE;
	enum err err = set_all(device, records, sizeof(records) / sizeof(records[0]));
	if (err == ERR_NONE)
		err = settings->x509.certificate.len > 0
			      ? fill_x509(device, &settings->x509)
			      : fill_psk(device, settings->psk_identity, settings->psk_key);
	return err == ERR_NONE ? account_move_bootstrap(device) : err;
}

enum err account_move_bootstrap(struct device *device)
{
	const char *uri = device->options->bootstrap;

	return uri != NULL && !smartcard_is_applied(device) && account_is_of_bootstrap(device, 0)
		       ? values_set(&device->values, RESOURCE_PATH(0, 0, URI), STRING_VALUE(uri))
		       : ERR_NONE;
}

size_t accounts_find(const struct device *device, struct account ret_accounts[SERVERS_MAX])
{
	uint16_t ids[INSTANCES_MAX];
	size_t written = instances_with_values(device, 0, ids), count = 0;

	if (account_is_of_command_line(device))
		ret_accounts[count++] = (struct account){
			.short_id = (uint16_t)device_stored_integer(device,
								    RESOURCE_PATH(1, 0, SERVER_SERVER_ID), 0),
		};
	for (size_t i = 0; i < written && count < SERVERS_MAX; i++)
		count += read_account(device, ids[i], &ret_accounts[count]);
	return count;
}

enum err account_find(const struct device *device, uint16_t server_instance, struct account *ret_account)
{
	struct account accounts[SERVERS_MAX];
	size_t count = accounts_find(device, accounts);

	for (size_t i = 0; i < count; i++) {
		if (accounts[i].server_instance != server_instance)
			continue;
		*ret_account = accounts[i];
		return ERR_NONE;
	}
	return ERR_NOT_FOUND;
}

void account_fill_line(const struct account *account, const struct place *place,
		       struct line_settings *ret_settings)
{
	ret_settings->server = place->address;
	ret_settings->is_secure = place->is_secure;
	ret_settings->is_stream = place->is_stream;
	ret_settings->host = place->host;
	ret_settings->psk_identity = account->psk_identity;
	ret_settings->psk_key = account->psk_key;
	ret_settings->x509 = account->x509;
	if (account->x509.name == NULL)
		ret_settings->x509.name = place->name;
	else
		ret_settings->host = account->x509.name; /* SNI names another host than the URI */
}
