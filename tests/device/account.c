#include "account.h"

enum {
	URI = 0,
	IS_BOOTSTRAP = 1,
	MODE = 2,
	IDENTITY = 3,
	KEY = 5,
	SECURITY_SERVER_ID = 10,
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

/* ---- checking ---- */

static enum err check_scheme(const struct device *device, uint16_t security, struct fault *fault)
{
	const char *uri = (const char *)value_of(device, 0, security, URI)->bytes.at;
	int64_t mode = value_of(device, 0, security, MODE)->integer;
	bool is_secure = strncmp(uri, "coaps://", 8) == 0;

	if (mode != SECURITY_PSK && mode != SECURITY_NOSEC)
		return fault_set(fault, ERR_MALFORMED, "/0/%u/2: only PSK and NoSec are supported", security);
	if (!is_secure && strncmp(uri, "coap://", 7) != 0)
		return fault_set(fault, ERR_MALFORMED, "/0/%u/0: neither coap:// nor coaps://", security);
	if (is_secure != (mode == SECURITY_PSK))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: URI and security mode do not fit", security);
	if (is_secure && (value_of(device, 0, security, IDENTITY)->bytes.len == 0 ||
			  value_of(device, 0, security, KEY)->bytes.len == 0))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: identity or key is empty", security);
	return ERR_NONE;
}

static enum err check_account(const struct device *device, uint16_t security, struct fault *fault)
{
	static const uint16_t of_security[] = {
		URI, IS_BOOTSTRAP, MODE, IDENTITY, 4, KEY, SECURITY_SERVER_ID
	};
	static const uint16_t of_server[] = { SERVER_SERVER_ID, 1, 6, 7 };
	uint16_t server;

	if (!has_all(device, 0, security, of_security, sizeof(of_security) / sizeof(of_security[0]), fault))
		return ERR_MALFORMED;
	if (value_of(device, 0, security, IS_BOOTSTRAP)->boolean)
		return fault_set(fault, ERR_MALFORMED, "/0/%u: a second bootstrap server", security);
	if (!find_server(device, security, &server))
		return fault_set(fault, ERR_MALFORMED, "/0/%u: no instance of object 1 has its server id",
				 security);
	if (!has_all(device, 1, server, of_server, sizeof(of_server) / sizeof(of_server[0]), fault))
		return ERR_MALFORMED;
	return check_scheme(device, security, fault);
}

/* Whether an instance before this one is about the same server. */
static bool is_repeated(const struct device *device, const uint16_t *ids, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (value_of(device, 0, ids[k], SECURITY_SERVER_ID)->integer ==
		    value_of(device, 0, ids[i], SECURITY_SERVER_ID)->integer)
			return true;
	return false;
}

enum err accounts_check(const struct device *device, struct fault *fault)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids);
	enum err err = ERR_NONE;

	if (count == 0)
		return fault_set(fault, ERR_MALFORMED, "there is no account of a server");
	if (count > SERVERS_MAX)
		return fault_set(fault, ERR_MALFORMED, "there are more than %d accounts", SERVERS_MAX);
	for (size_t i = 0; i < count && err == ERR_NONE; i++) {
		err = check_account(device, ids[i], fault);
		if (err == ERR_NONE && is_repeated(device, ids, i))
			err = fault_set(fault, ERR_MALFORMED, "/0/%u/10: another account has this server id",
					ids[i]);
	}
	return err;
}

/* ---- finding ---- */

static bool read_account(const struct device *device, uint16_t security, struct account *ret_account)
{
	struct account account;

	if (check_account(device, security, NULL) != ERR_NONE ||
	    !find_server(device, security, &account.server_instance))
		return false;
	account.short_id = (uint16_t)value_of(device, 0, security, SECURITY_SERVER_ID)->integer;
	account.uri = (const char *)value_of(device, 0, security, URI)->bytes.at;
	account.mode = (enum security_mode)value_of(device, 0, security, MODE)->integer;
	account.psk_identity = (const char *)value_of(device, 0, security, IDENTITY)->bytes.at;
	account.psk_key = value_of(device, 0, security, KEY)->bytes;
	*ret_account = account;
	return true;
}

size_t accounts_find(const struct device *device, struct account ret_accounts[SERVERS_MAX])
{
	uint16_t ids[INSTANCES_MAX];
	size_t written = instances_with_values(device, 0, ids), count = 0;

	if (device->options->bootstrap == NULL)
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
