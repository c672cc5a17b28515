/* What the bootstrap server writes to a device, as an operator says it in a JSON document:
 *
 * {
 *  "servers": [{
 *   "shortServerId": 101, "uri": "coaps://lwm2m.example.com:5684",
 *   "lifetime": 86400, "binding": "U", "storing": true,               what is shown here is the default
 *   "security": {"mode": "psk", "generate": true},                    a new key for each device and bootstrap
 *            or {"mode": "psk", "identity": "x", "keyHex": "..."},    the key is write-only
 *            or {"mode": "x509", "certificatePem": "...", "privateKeyPem": "...",   the device's; the key is write-only
 *                "serverCertificatePem": "..."}                       what it expects; without it our own
 *            or {"mode": "nosec"},
 *   "resources": {"2": 10}                                            further ones of object 1; in "security" of object 0
 *  }],
 *  "acl": [{"object": 3, "instance": 0, "owner": 101, "rights": {"101": 31, "0": 1}}],
 *  "delete": ["/"],                                                   before anything is written; [] for nothing
 *  "objects": [{"path": "/11/0", "resources": {"0": "internet"}}],
 *  "read": ["/", "/1"]                                                afterwards, for the outcome; / is a Discover
 * }
 *
 * The account of the bootstrap server itself is the device's: nothing here touches it. */
#ifndef CARDEA_REGISTRY_BOOTSTRAP_CONFIGURATION_H
#define CARDEA_REGISTRY_BOOTSTRAP_CONFIGURATION_H

#include <cardea/crypto.h>
#include <cardea/lwm2m.h>

#include "model.h"

#define BOOTSTRAP_MAX_SERVERS 8
#define BOOTSTRAP_MAX_ITEMS   64        /* of each other list */

/* Of /0/x/2. */
enum security_mode { SECURITY_PSK = 0, SECURITY_X509 = 2, SECURITY_NOSEC = 3 };

struct bootstrap_server {
	uint16_t short_server_id;
	const char *uri;
	uint32_t lifetime_s;
	bool is_storing;                        /* /1/x/6: notifications, while it is offline */
	const char *binding;
	enum security_mode mode;
	bool is_generated;                      /* identity and key are made for each bootstrap */
	const char *identity;
	struct secret key;
	struct bytes certificate, private_key;  /* DER, of the device */
	struct bytes server_certificate;        /* empty: our own */
	struct lwm2m_records security, server;  /* further resources of its two instances; their instance id is 0 here */
};

struct bootstrap_right {
	uint16_t short_server_id;               /* 0: all others */
	uint8_t bits;                           /* 1 read, 2 write, 4 execute, 8 delete, 16 create */
};

struct bootstrap_access {
	uint16_t object, instance, owner;       /* instance LWM2M_ID_NONE: the right to create; owner LWM2M_ID_NONE: bootstrap */
	const struct bootstrap_right *rights;
	size_t right_count;
};

struct bootstrap_object {
	struct lwm2m_path path;                 /* of an instance */
	struct lwm2m_records records;
};

struct bootstrap_configuration {
	const struct bootstrap_server *servers;
	size_t server_count;
	const struct bootstrap_access *accesses;
	size_t access_count;
	const struct lwm2m_path *deletes;
	size_t delete_count;
	const struct bootstrap_object *objects;
	size_t object_count;
	const struct lwm2m_path *reads;
	size_t read_count;
};

/* Reads and checks a document, into the arena (which is the place of keys then). `is_for_all`: it is for many devices, so
 * that it may not hold anything that only one can have. *ret_document is the same without keys. ERR_MALFORMED and
 * ERR_UNSUPPORTED name the member; ERR_NOMEM. */
MUST_CHECK enum err bootstrap_configuration_read(struct arena *arena, const struct model *model, struct bytes json,
						 bool is_for_all, struct bootstrap_configuration *ret_configuration,
						 const char **ret_document, struct fault *fault);

/* What a device would find inconsistent (LwM2M Core TS 1.1, 6.1.7.6): part of reading. ERR_MALFORMED names the member. */
MUST_CHECK enum err bootstrap_configuration_check(const struct model *model,
						  const struct bootstrap_configuration *configuration,
						  bool is_for_all, struct fault *fault);

/* ERR_CONFLICT, naming the member, when the key of the bootstrap server (NULL: none) would serve another server too. */
MUST_CHECK enum err bootstrap_configuration_check_key(const struct bootstrap_configuration *configuration,
						      const struct secret *bootstrap_key, struct fault *fault);

/* Whether a URI is one of LwM2M over CoAP, and fits the mode: part of the above. ERR_MALFORMED begins with `name`. */
MUST_CHECK enum err bootstrap_check_uri(const char *uri, enum security_mode mode, const char *name, struct fault *fault);

/* Whether a resource holds a key, which is never shown. */
bool bootstrap_is_secret(struct lwm2m_path path);

#endif
