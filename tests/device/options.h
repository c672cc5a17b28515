/* The command line: one table says it all (options.c). */
#ifndef DEVICE_OPTIONS_H
#define DEVICE_OPTIONS_H

#include "agent.h"
#include "smartcard_session.h"

enum reboot_moment {
	REBOOT_NEVER,
	REBOOT_BEFORE_APDU,
	REBOOT_AFTER_APDU,
	REBOOT_AFTER_RECORD,
	REBOOT_BEFORE_REQUEST,
	REBOOT_AFTER_REQUEST,
};

#define SECURE_ELEMENTS_MAX 8

struct options {
	const char *gateway; /* NULL: LwM2M */
	const char *server, *endpoint, *psk_identity, *state_folder;
	struct secret psk_key;
	const char *certificate, *certificate_key, *server_certificate, *trust_store; /* files; NULL: none */
	uint32_t certificate_usage, matching_type;
	const char *bootstrap, *bootstrap_identity; /* NULL: the server of the command line is for good */
	struct secret bootstrap_key;
	uint32_t hold_off_s, bootstrap_timeout_s;
	bool wants_pack;      /* before a bootstrap request by request */
	bool reads_smartcard; /* before anything else */
	const char *smartcard_pin; /* as the device's owner knows it; NULL: does not */
	struct smartcard_keys smartcard_keys; /* of the secure channel to it; no length: none */
	const char *scp11_keyset;  /* file for the operator's key set; NULL: nobody asks for it */
	const char *card_profile;  /* file with more security domains and keys of the cards; NULL: none */
	const char *smartcard;     /* folder with the files of the card; NULL: those that it has */
	uint32_t lifetime_s;
	uint8_t minor_version; /* of LwM2M 1.x */
	uint16_t preferred_format;
	bool is_queue_mode;
	uint32_t awake_ms, wake_every_ms;
	uint32_t retry_ms, ack_timeout_ms;
	uint32_t device_count, start_rate;
	uint32_t live_every_ms; /* 0: values stay as they are */
	uint32_t send_every_ms; /* 0: never */
	int log_level;

	uint32_t se_count;
	bool is_se_absent;
	bool has_no_scripts, has_orders; /* what agents announce */
	bool wants_session;
	bool se_is_in_reader;
	const char *reader; /* beginning of its name; NULL: any */
	struct card_settings card;
	uint32_t apdu_delay_ms, max_request_bytes, max_response_bytes;
	const char *allowed_aids;
	struct card_refusal refusals[AGENT_REFUSALS_MAX];
	size_t refusal_count;

	uint8_t firmware_delivery;  /* enum firmware_delivery */
	uint8_t firmware_failure;   /* an update result; 0: none */
	uint32_t firmware_failures; /* how often */

	uint32_t drop_percent, duplicate_percent, corrupt_percent, delay_ms, seed;
	enum reboot_moment reboot_moment;
	uint32_t reboot_at; /* counted from 1 */
	bool reboots_by_exec;
	bool answers_nonsense;

	const char *const *arguments; /* argv, to execute it again */
};

/* Borrows argv. ERR_MALFORMED with the reason. `ret_wants_help`: --help was there, nothing else counts. */
MUST_CHECK enum err options_parse(int argc, char *const *argv, struct options *ret_options,
				  bool *ret_wants_help, struct fault *fault);
void options_print_help(void);

#endif
