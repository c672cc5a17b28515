/* Server accounts as a bootstrap server writes them: an instance of object 0 and one of object 1 with the same short
 * server id (LwM2M Core TS 1.1, 6.1.7.6 and E.1, E.2). */
#ifndef DEVICE_ACCOUNT_H
#define DEVICE_ACCOUNT_H

#include "device.h"
#include "place.h"

enum security_mode {
	SECURITY_PSK = 0,
	SECURITY_X509 = 2,
	SECURITY_NOSEC = 3,
};

struct account { /* all of it borrows from the device's values, until they change */
	uint16_t server_instance, short_id;
	const char *uri; /* NULL: of the server of the command line, which has no values but in object 1 */
	enum security_mode mode;
	const char *psk_identity;
	struct bytes psk_key;
	struct x509_settings x509; /* certificate.len 0 with another mode */
};

/* Those that are whole, in the order of their instances of object 0: without a bootstrap server first the one of
 * the command line. Answers how many there are. */
size_t accounts_find(const struct device *device, struct account ret_accounts[SERVERS_MAX]);

/* The one with this instance of object 1. ERR_NOT_FOUND. */
MUST_CHECK enum err account_find(const struct device *device, uint16_t server_instance,
				 struct account *ret_account);

/* Whether what is there fits together, and there is at least one account. ERR_MALFORMED with the reason. */
MUST_CHECK enum err accounts_check(const struct device *device, struct fault *fault);
/* The same for a card, which may have no account but that of a bootstrap server. */
MUST_CHECK enum err accounts_check_card(const struct device *device, struct fault *fault);

/* The server of the command line is the one to register with, unless others are written. */
bool account_is_of_command_line(const struct device *device);

/* ---- the bootstrap server ---- */

/* Gives the device the account that the command line says, if it says one, as /0/0, when it has no account at all. ERR_NOMEM. */
MUST_CHECK enum err account_fill_bootstrap(struct device *device, const struct line_settings *settings);
/* Where the device was switched on again: its server may be elsewhere now, while the rest of the account is what the
 * bootstrap server may have made of it. ERR_NOMEM. */
MUST_CHECK enum err account_move_bootstrap(struct device *device);

/* ERR_NOT_FOUND: there is none. */
MUST_CHECK enum err account_find_bootstrap(const struct device *device, struct account *ret_account);
bool account_has_bootstrap(const struct device *device);
/* /0/x/11 and 12 of it; 0 without: not to be waited for, not to end. */
uint32_t account_hold_off_s(const struct device *device);
uint32_t account_timeout_s(const struct device *device);
uint16_t account_instance_of_bootstrap(const struct device *device); /* of object 0 */
bool account_is_of_bootstrap(const struct device *device, uint16_t security_instance);
/* It is of the command line, and not filled in: /0/0, which then is not written. */
bool account_of_bootstrap_is_fixed(const struct device *device);

/* How to reach the server of an account at the place that its URI names; both are borrowed. */
void account_fill_line(const struct account *account, const struct place *place, struct line_settings *ret_settings);

#endif
