/* Server accounts as a bootstrap server writes them: an instance of object 0 and one of object 1 with the same short
 * server id (LwM2M Core TS 1.1, 6.1.7.6 and E.1, E.2). */
#ifndef DEVICE_ACCOUNT_H
#define DEVICE_ACCOUNT_H

#include "device.h"

enum security_mode {
	SECURITY_PSK = 0,
	SECURITY_NOSEC = 3,
};

struct account { /* all of it borrows from the device's values, until they change */
	uint16_t server_instance, short_id;
	const char *uri; /* NULL: of the server of the command line, which has no values but in object 1 */
	enum security_mode mode;
	const char *psk_identity;
	struct bytes psk_key;
};

/* Those that are whole, in the order of their instances of object 0: without a bootstrap server first the one of
 * the command line. Answers how many there are. */
size_t accounts_find(const struct device *device, struct account ret_accounts[SERVERS_MAX]);

/* The one with this instance of object 1. ERR_NOT_FOUND. */
MUST_CHECK enum err account_find(const struct device *device, uint16_t server_instance,
				 struct account *ret_account);

/* Whether what is there fits together, and there is at least one account. ERR_MALFORMED with the reason. */
MUST_CHECK enum err accounts_check(const struct device *device, struct fault *fault);

#endif
