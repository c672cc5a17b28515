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

enum err accounts_check(const struct device *device, struct fault *fault)
{
	uint16_t ids[INSTANCES_MAX];
	size_t count = instances_with_values(device, 0, ids);
	enum err err = ERR_NONE;

	if (count == 0)
		return fault_set(fault, ERR_MALFORMED, "there is no account of a server");
	for (size_t i = 0; i < count && err == ERR_NONE; i++)
		err = check_account(device, ids[i], fault);
	return err;
}

/* ---- finding ---- */

enum err account_find(const struct device *device, struct account *ret_account)
{
	uint16_t ids[INSTANCES_MAX];
	struct account account;

	if (instances_with_values(device, 0, ids) == 0 || check_account(device, ids[0], NULL) != ERR_NONE ||
	    !find_server(device, ids[0], &account.server_instance))
		return ERR_NOT_FOUND;
	account.uri = (const char *)value_of(device, 0, ids[0], URI)->bytes.at;
	account.mode = (enum security_mode)value_of(device, 0, ids[0], MODE)->integer;
	account.psk_identity = (const char *)value_of(device, 0, ids[0], IDENTITY)->bytes.at;
	account.psk_key = value_of(device, 0, ids[0], KEY)->bytes;
	*ret_account = account;
	return ERR_NONE;
}
