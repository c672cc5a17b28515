/* How a card is told to open an administration session (GPC Amendment B 1.1): the trigger message, and the same
 * parameters stored in a security domain. */
#ifndef SE_SERAM_PARAMETERS_H
#define SE_SERAM_PARAMETERS_H

#include <cardea/bytes.h>

struct session_parameters {
	struct bytes connection;        /* TS 102 223 elements of OPEN CHANNEL */
	bool has_security;
	struct bytes psk_identity;
	uint8_t key_version, key_id;
	struct bytes extended_security; /* not looked into */
	struct bytes retry;             /* counter, timer, perhaps what to report */
	bool has_http;
	struct bytes host, agent, uri;  /* UTF-8 */
	struct bytes dns;               /* trigger by name, not looked into */
};

/* Elements 84, 85, A5, 86 and 89 in any order; 81 and 83 around them are opened. ERR_MALFORMED says which. */
MUST_CHECK enum err session_parameters_parse(struct bytes elements, struct session_parameters *ret_parameters,
					     struct fault *fault);
/* The elements that are there; `is_trigger`: inside 81 and 83. */
MUST_CHECK enum err session_parameters_build(struct arena *arena, const struct session_parameters *parameters,
					     bool is_trigger, struct bytes *ret_elements);

#endif
