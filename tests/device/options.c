#include "options.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "firmware.h"
#include "log.h"
#include "objects.h"
#include "place.h"
#include "x509.h"

#define AT(member)       offsetof(struct options, member)
#define HEX_BYTES_MAX    64
#define DEFAULT_SERVER   "coap://127.0.0.1:5683"
#define DEFAULT_ENDPOINT "cardea-device"

/* ---- values with a syntax of their own ---- */

static bool bytes_of_hex(const char *text, size_t min_len, size_t max_len, uint8_t *ret_at, size_t *ret_len)
{
	struct arena *arena = arena_create(4096);
	struct bytes bytes;
	bool is_good = arena != NULL && bytes_from_hex(arena, text, &bytes) == ERR_NONE &&
		       bytes.len >= min_len && bytes.len <= max_len;

	if (is_good) {
		memcpy(ret_at, bytes.at, bytes.len);
		*ret_len = bytes.len;
		wipe((void *)(uintptr_t)bytes.at, bytes.len);
	}
	arena_free(arena);
	return is_good;
}

static bool parse_psk_key(const char *text, struct options *options)
{
	return bytes_of_hex(text, 1, SECRET_MAX, options->psk_key.at, &options->psk_key.len);
}

static bool parse_bootstrap_key(const char *text, struct options *options)
{
	return bytes_of_hex(text, 1, SECRET_MAX, options->bootstrap_key.at, &options->bootstrap_key.len);
}

static bool parse_bootstrap(const char *text, struct options *options)
{
	if (strcmp(text, "smartcard") == 0)
		options->reads_smartcard = true;
	else
		options->bootstrap = text;
	return *text != '\0';
}

static bool is_pin(const char *text)
{
	size_t length = strlen(text);

	return length >= 4 && length <= CARD_PIN_MAX && strspn(text, "0123456789") == length;
}

static bool parse_smartcard_pin(const char *text, struct options *options)
{
	options->smartcard_pin = text;
	return is_pin(text);
}

static bool parse_smartcard_key(const char *text, struct options *options)
{
	struct secret *key = &options->smartcard_keys.enc;
	bool is_key = bytes_of_hex(text, 16, 32, key->at, &key->len) && key->len % 8 == 0;

	options->smartcard_keys.mac = *key;
	return is_key;
}

static bool parse_card_pin(const char *text, struct options *options)
{
	snprintf(options->card.pin, sizeof(options->card.pin), "%s", text);
	options->card.pin_file = 0x6432;
	return is_pin(text);
}

static bool parse_version(const char *text, struct options *options)
{
	if (strlen(text) != 3 || strncmp(text, "1.", 2) != 0 || text[2] < '0' || text[2] > '2')
		return false;
	options->minor_version = (uint8_t)(text[2] - '0');
	return true;
}

/* What an answer or a Send may be in, and the version that it needs. */
static const struct {
	const char *name;
	uint16_t number;
	uint8_t since_minor;
} formats[] = {
	{ "tlv", FORMAT_TLV, 0 },
	{ "senml-cbor", FORMAT_SENML_CBOR, 1 },
	{ "senml-json", FORMAT_SENML_JSON, 2 },
	{ "lwm2m-cbor", FORMAT_LWM2M_CBOR, 2 },
};

static bool parse_format(const char *text, struct options *options)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(text, formats[i].name) == 0) {
			options->preferred_format = formats[i].number;
			return true;
		}
	}
	return false;
}

static enum err check_format(const struct options *options, struct fault *fault)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].number == options->preferred_format &&
		    options->minor_version < formats[i].since_minor)
			return fault_set(fault, ERR_MALFORMED, "--format %s needs --version 1.%u",
					 formats[i].name, formats[i].since_minor);
	return ERR_NONE;
}

static bool parse_log_level(const char *text, struct options *options)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"
	};

	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (strcmp(text, levels[i]) == 0) {
			options->log_level = i;
			return true;
		}
	}
	return false;
}

static bool parse_key_version(const char *text, struct options *options)
{
	size_t len;

	return bytes_of_hex(text, 1, 1, &options->card.keys.version, &len) && options->card.keys.version != 0;
}

/* One key for all three roles, or the three of them one after another. */
static bool parse_key(const char *text, struct options *options)
{
	struct secret *const roles[] = { &options->card.keys.enc, &options->card.keys.mac,
					 &options->card.keys.dek };
	uint8_t keys[3 * 32];
	size_t len, key_len, step;
	bool is_good = bytes_of_hex(text, 16, sizeof(keys), keys, &len);

	key_len = is_good && len > 32 ? len / 3 : len;
	step = is_good && len > 32 ? key_len : 0;
	is_good = is_good && (key_len == 16 || key_len == 24 || key_len == 32) &&
		  (step == 0 || len == 3 * key_len);
	for (size_t i = 0; is_good && i < 3; i++) {
		memcpy(roles[i]->at, keys + i * step, key_len);
		roles[i]->len = key_len;
	}
	wipe(keys, sizeof(keys));
	return is_good;
}

static bool parse_scp03(const char *text, struct options *options)
{
	size_t len;

	return bytes_of_hex(text, 1, 1, &options->card.scp03_options, &len);
}

static bool parse_se(const char *text, struct options *options)
{
	options->se_is_in_reader = strcmp(text, "pcsc") == 0;
	return options->se_is_in_reader || strcmp(text, "simulated") == 0;
}

static bool parse_scp02(const char *text, struct options *options)
{
	size_t len;

	return bytes_of_hex(text, 1, 1, &options->card.scp02_options, &len);
}

/* "11a,11c" or "11a,11c:brainpoolP256r1" */
static bool parse_scp11(const char *text, struct options *options)
{
	static const struct {
		const char *name;
		uint8_t option;
	} rows[] = { { "11a", CARD_SCP11_A },
		     { "11b", CARD_SCP11_B },
		     { "11c", CARD_SCP11_C },
		     { "s16", CARD_SCP11_S16 } };
	const char *colon = strchr(text, ':');
	size_t len = colon == NULL ? strlen(text) : (size_t)(colon - text);

	if (colon != NULL && ec_curve_find(colon + 1, &options->card.scp11.curve) != ERR_NONE)
		return false;
	for (size_t at = 0; at < len; at += 4) {
		size_t i = 0;
		while (i < 4 && strncmp(text + at, rows[i].name, 3) != 0)
			i++;
		if (i == 4 || (at + 3 < len && text[at + 3] != ','))
			return false;
		options->card.scp11.options |= rows[i].option;
	}
	return options->card.scp11.options != 0;
}

static bool parse_isd(const char *text, struct options *options)
{
	return bytes_of_hex(text, 5, CARD_AID_MAX, options->card.isd_aid.at, &options->card.isd_aid.len);
}

static bool parse_refusal(const char *text, struct options *options)
{
	uint8_t instruction, status[2];
	size_t len;
	char first[3] = { 0 };

	if (options->refusal_count == AGENT_REFUSALS_MAX || strlen(text) != 7 || text[2] != '=')
		return false;
	memcpy(first, text, 2);
	if (!bytes_of_hex(first, 1, 1, &instruction, &len) || !bytes_of_hex(text + 3, 2, 2, status, &len))
		return false;
	options->refusals[options->refusal_count++] =
		(struct card_refusal){ instruction, (uint16_t)(status[0] << 8 | status[1]) };
	return true;
}

static bool number_of(const char *text, uint32_t min, uint32_t max, uint32_t *ret_number)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || number < min || number > max)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

static bool parse_reboot(const char *text, struct options *options)
{
	static const struct {
		const char *name;
		enum reboot_moment moment;
	} moments[] = {
		{ "before-apdu:", REBOOT_BEFORE_APDU },   { "apdu:", REBOOT_AFTER_APDU },
		{ "after-record:", REBOOT_AFTER_RECORD }, { "before-request:", REBOOT_BEFORE_REQUEST },
		{ "request:", REBOOT_AFTER_REQUEST },
	};

	if (strcmp(text, "never") == 0) {
		options->reboot_moment = REBOOT_NEVER;
		return true;
	}
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		size_t len = strlen(moments[i].name);
		if (strncmp(text, moments[i].name, len) != 0)
			continue;
		options->reboot_moment = moments[i].moment;
		return number_of(text + len, 1, UINT32_MAX, &options->reboot_at);
	}
	return false;
}

static bool parse_firmware_delivery(const char *text, struct options *options)
{
	static const char *const names[] = {
		[DELIVERY_BY_PULL] = "pull", [DELIVERY_BY_PUSH] = "push", [DELIVERY_BOTH] = "both"
	};

	for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			options->firmware_delivery = i;
			return true;
		}
	}
	return false;
}

static bool parse_firmware_failure(const char *text, struct options *options)
{
	const size_t digits = strcspn(text, ":");
	char result[4] = "";
	uint32_t number;

	if (digits >= sizeof(result))
		return false;
	memcpy(result, text, digits);
	if (!number_of(result, FIRMWARE_SUCCESS + 1, FIRMWARE_RESULT_MAX, &number))
		return false;
	options->firmware_failure = (uint8_t)number;
	options->firmware_failures = UINT32_MAX;
	return text[digits] == '\0' ||
	       number_of(text + digits + 1, 1, UINT32_MAX, &options->firmware_failures);
}

/* ---- the table ---- */

static bool parse_se_protocol(const char *text, struct options *options)
{
	static const struct {
		const char *text;
		bool has_scripts, has_orders;
	} rows[] = {
		{ "1.1.1", true, false },
		{ "2.0.0", false, true },
		{ "1.1.1,2.0.0", true, true },
		{ "2.0.0,1.1.1", true, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].text, text) != 0)
			continue;
		options->has_no_scripts = !rows[i].has_scripts;
		options->has_orders = rows[i].has_orders;
		return true;
	}
	return false;
}

enum option_kind {
	TEXT,
	NUMBER,
	FLAG,
	PARSED,
};

struct option_row {
	const char *name, *argument; /* no argument: a flag */
	enum option_kind kind;
	size_t at;
	uint32_t min, max;
	bool (*parse)(const char *text, struct options *options);
	const char *help;
};

/* clang-format off */
static const struct option_row rows[] = {
	{ "server", "URI", TEXT, AT(server), 0, 0, NULL,
	  SCHEMES_TEXT " with host and port [" DEFAULT_SERVER "]" },
	{ "gateway", "URI", TEXT, AT(gateway), 0, 0, NULL,
	  "speak SERAM over HTTP to this http:// or https:// URI, and no LwM2M; with --psk-key that is TLS with a\n"
	  "pre-shared key, else --trust-store says whose certificate is good" },
	{ "endpoint", "NAME", TEXT, AT(endpoint), 0, 0, NULL,
	  "endpoint client name [" DEFAULT_ENDPOINT "]" },
	{ "psk-identity", "ID", TEXT, AT(psk_identity), 0, 0, NULL,
	  "for coaps; in a fleet it is followed by -000001 as the name is [the endpoint name]" },
	{ "psk-key", "HEX", PARSED, 0, 0, 0, parse_psk_key,
	  "for coaps" },
	{ "certificate", "FILE", TEXT, AT(certificate), 0, 0, NULL,
	  "PEM, for coaps instead of a key: of --bootstrap, or else of --server" },
	{ "certificate-key", "FILE", TEXT, AT(certificate_key), 0, 0, NULL,
	  "PEM, of --certificate" },
	{ "server-certificate", "FILE", TEXT, AT(server_certificate), 0, 0, NULL,
	  "PEM, with --certificate: what the server's is compared with" },
	{ "certificate-usage", "0-3", NUMBER, AT(certificate_usage), 0, USAGE_DOMAIN_ISSUED, NULL,
	  "how: 0 an authority above it, 1 the certificate, both below --trust-store; 2 an authority, 3 the\n"
	  "certificate, by themselves [3]" },
	{ "matching-type", "0-3", NUMBER, AT(matching_type), 0, MATCHING_MAX, NULL,
	  "in full, or by SHA-256, SHA-384, SHA-512 [0]" },
	{ "trust-store", "FILE", TEXT, AT(trust_store), 0, 0, NULL,
	  "PEM, authorities that the device trusts for certificate usages 0 and 1" },
	{ "bootstrap", "URI|smartcard", PARSED, 0, 0, 0, parse_bootstrap,
	  "ask this bootstrap server where to register, instead of --server; with --state only when it has to be.\n"
	  "Or read that from the card in the first reader; given twice, the card comes first" },
	{ "bootstrap-identity", "ID", TEXT, AT(bootstrap_identity), 0, 0, NULL,
	  "for --bootstrap coaps://; in a fleet as --psk-identity [the endpoint name]" },
	{ "bootstrap-key", "HEX", PARSED, 0, 0, 0, parse_bootstrap_key,
	  "for --bootstrap coaps://" },
	{ "hold-off", "S", NUMBER, AT(hold_off_s), 0, UINT32_MAX, NULL,
	  "wait so long before a bootstrap that the device begins by itself (/0/0/11) [0]" },
	{ "bootstrap-timeout", "S", NUMBER, AT(bootstrap_timeout_s), 0, UINT32_MAX, NULL,
	  "forget the bootstrap server so long after it has done its work (/0/0/12); 0: never [0]" },
	{ "bootstrap-pack", NULL, FLAG, AT(wants_pack), 0, 0, NULL,
	  "ask the bootstrap server for all at once, and request by request only when that fails; with --version 1.2" },
	{ "smartcard-pin", "DIGITS", PARSED, 0, 0, 0, parse_smartcard_pin,
	  "for --bootstrap smartcard, when the card asks for it" },
	{ "lifetime", "S", NUMBER, AT(lifetime_s), 0, UINT32_MAX, NULL,
	  "registration lifetime; 0 is without end [86400]" },
	{ "version", "1.0|1.1|1.2", PARSED, 0, 0, 0, parse_version,
	  "LwM2M enabler [1.1]" },
	{ "format", "tlv|senml-cbor|senml-json|lwm2m-cbor", PARSED, 0, 0, 0, parse_format,
	  "answer when a request has no Accept, and of a Send; the last two with 1.2 [senml-cbor; tlv with 1.0]" },
	{ "queue-mode", NULL, FLAG, AT(is_queue_mode), 0, 0, NULL,
	  "sleep when nothing happened for --awake-ms" },
	{ "awake-ms", "MS", NUMBER, AT(awake_ms), 1, UINT32_MAX, NULL,
	  "[93000]" },
	{ "wake-every-ms", "MS", NUMBER, AT(wake_every_ms), 1, UINT32_MAX, NULL,
	  "a sleeping device wakes for a registration update this often [lifetime / 2]" },
	{ "retry-ms", "MS", NUMBER, AT(retry_ms), 1, UINT32_MAX, NULL,
	  "first pause after a failed registration; doubles up to 64 times that [1000]" },
	{ "ack-timeout-ms", "MS", NUMBER, AT(ack_timeout_ms), 1000, 60000, NULL,
	  "CoAP ACK_TIMEOUT, at least 1000 [2000]" },
	{ "state", "DIR", TEXT, AT(state_folder), 0, 0, NULL,
	  "keep everything durable here, a folder per endpoint name [forget it all]" },
	{ "fleet", "N", NUMBER, AT(device_count), 0, 1000000, NULL,
	  "N devices in this process, NAME-000001 and so on [one device, NAME]" },
	{ "rate", "N", NUMBER, AT(start_rate), 1, 1000000, NULL,
	  "how many of a fleet start each second [100]" },
	{ "live-every-ms", "MS", NUMBER, AT(live_every_ms), 0, UINT32_MAX, NULL,
	  "battery level and signal change this often; 0: never [0]" },
	{ "send-every-ms", "MS", NUMBER, AT(send_every_ms), 0, UINT32_MAX, NULL,
	  "Send battery level and signal this often, once the server has unmuted that (/1/0/23); 0: never [0]" },
	{ "log", "LEVEL", PARSED, 0, 0, 0, parse_log_level,
	  "error, warn, info or debug, on standard error [info]" },
	{ "help", NULL, FLAG, 0, 0, 0, NULL,
	  "this text" },

	{ "se", "KIND", PARSED, 0, 0, 0, parse_se,
	  "simulated, or pcsc: the cards in the readers of this machine [simulated]" },
	{ "pcsc-reader", "NAME", TEXT, AT(reader), 0, 0, NULL,
	  "only readers whose name begins so [any]" },
	{ "se-count", "N", NUMBER, AT(se_count), 0, SECURE_ELEMENTS_MAX, NULL,
	  "secure elements [1]" },
	{ "se-key-version", "HEX", PARSED, 0, 0, 0, parse_key_version,
	  "of the card's first key set [30]" },
	{ "se-key", "HEX", PARSED, 0, 0, 0, parse_key,
	  "16, 24 or 32 bytes for ENC, MAC and DEK alike, or all three in a row [404142..4F]" },
	{ "se-scp03", "HEX", PARSED, 0, 0, 0, parse_scp03,
	  "the parameter i: 01 S16, 10 pseudo-random challenge, 20 R-MAC, 60 R-MAC and R-ENC [70]" },
	{ "se-scp02", "HEX", PARSED, 0, 0, 0, parse_scp02,
	  "the card's first key set is for SCP02, of this parameter i: 04 (explicit) with\n"
	  "any of 01 three keys, 02 C-MAC on the unmodified command, 10 ICV encryption, 20 R-MAC, 40 pseudo-random challenge;\n"
	  "or 0A (implicit) with any of 01 and 10 [none]" },
	{ "se-scp11", "LIST[:CURVE]", PARSED, 0, 0, 0, parse_scp11,
	  "the card speaks SCP11 too: of 11a, 11b, 11c and s16 (MACs of 16 bytes), with keys on this curve\n"
	  "[secp256r1] that everybody knows" },
	{ "se-scp11-keyset", "FILE", TEXT, AT(scp11_keyset), 0, 0, NULL,
	  "where to write the operator's key set for that, as REST takes it" },
	{ "se-profile", "FILE", TEXT, AT(card_profile), 0, 0, NULL,
	  "JSON with security domains and keys that a new card has (card_profile.h) [none]" },
	{ "se-tries", "N", NUMBER, AT(card.authentication_tries), 0, 255, NULL,
	  "wrong authentications in a row after which the card locks a key set for good; 0: any number [10]" },
	{ "se-isd", "HEX", PARSED, 0, 0, 0, parse_isd,
	  "AID of the issuer security domain [A000000151000000]" },
	{ "smartcard-key", "HEX", PARSED, 0, 0, 0, parse_smartcard_key,
	  "for --bootstrap smartcard: 16, 24 or 32 bytes, ENC and MAC alike; the card is read over SCP03 [in the clear]" },
	{ "smartcard", "DIR", TEXT, AT(smartcard), 0, 0, NULL,
	  "at each start the card in the first reader gets the files of DIR (2F00, 5031, 6430, 6432) in a PKCS #15\n"
	  "application [those that it has]" },
	{ "card-pin", "DIGITS", PARSED, 0, 0, 0, parse_card_pin,
	  "that this card asks for before it gives the file 6432 [none]" },
	{ "card-secure-channel", NULL, FLAG, AT(card.wants_secure_channel), 0, 0, NULL,
	  "this card gives its files over SCP03 only" },
	{ "se-absent", NULL, FLAG, AT(is_se_absent), 0, 0, NULL,
	  "the reader is empty" },
	{ "se-protocol", "LIST", PARSED, 0, 0, 0, parse_se_protocol,
	  "what its agent announces and takes: 1.1.1 (scripts), 2.0.0 (orders of SERAM 2.0.0), or both [1.1.1]" },
	{ "se-wants-session", NULL, FLAG, AT(wants_session), 0, 0, NULL,
	  "its agent asks for a session when it starts" },
	{ "se-max-request", "BYTES", NUMBER, AT(max_request_bytes), 1, 65536, NULL,
	  "longest script [8192]" },
	{ "se-max-response", "BYTES", NUMBER, AT(max_response_bytes), 300, 65000, NULL,
	  "longest script response [16384]" },
	{ "apdu-delay-ms", "MS", NUMBER, AT(apdu_delay_ms), 0, 60000, NULL,
	  "pause after each C-APDU of a script [0]" },
	{ "allow-aid", "HEX,...", TEXT, AT(allowed_aids), 0, 0, NULL,
	  "beginnings of the AIDs that scripts may target [any]" },

	{ "firmware-delivery", "pull|push|both", PARSED, 0, 0, 0, parse_firmware_delivery,
	  "how it takes firmware packages, which begin with a line like \"VERSION 2.0.0\" [both]" },
	{ "firmware-fail", "RESULT[:N]", PARSED, 0, 0, 0, parse_firmware_failure,
	  "end firmware updates with this result, 2 to 11, the first N times or always" },

	{ "drop", "PERCENT", NUMBER, AT(drop_percent), 0, 100, NULL,
	  "of the datagrams, in both directions [0]" },
	{ "duplicate", "PERCENT", NUMBER, AT(duplicate_percent), 0, 100, NULL,
	  "likewise [0]" },
	{ "corrupt", "PERCENT", NUMBER, AT(corrupt_percent), 0, 100, NULL,
	  "likewise: one bit flips [0]" },
	{ "delay-ms", "MS", NUMBER, AT(delay_ms), 0, 60000, NULL,
	  "mean delay of a datagram, from 0 to twice that, so that they overtake each other [0]" },
	{ "seed", "N", NUMBER, AT(seed), 0, UINT32_MAX, NULL,
	  "of the four above and of --nonsense [1]" },
	{ "reboot-at", "WHEN:K", PARSED, 0, 0, 0, parse_reboot,
	  "lose power at the K-th C-APDU of scripts (before-apdu: not sent yet; apdu: the card did it, nobody\n"
	  "knows; after-record: the answer is stored) or the K-th CoAP request (before-request: not looked at;\n"
	  "request: done and stored, not answered; with --gateway the K-th that the agent sends), counted over all devices; or never. The process ends with\n"
	  "status 86" },
	{ "reboot-by-exec", NULL, FLAG, AT(reboots_by_exec), 0, 0, NULL,
	  "instead of ending, start again with the same arguments and no further reboot" },
	{ "card-refuse", "INS=SW", PARSED, 0, 0, 0, parse_refusal,
	  "answer this instruction with this status word, as in E6=6A84; may be repeated" },
	{ "card-refuse-host", NULL, FLAG, AT(card.misbehaviour.refuses_authentication), 0, 0, NULL,
	  "the card finds every EXTERNAL AUTHENTICATE wrong, and counts it" },
	{ "nonsense", NULL, FLAG, AT(answers_nonsense), 0, 0, NULL,
	  "answer random bytes as payload" },
};
/* clang-format on */

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *row_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

static bool row_apply(const struct option_row *row, const char *text, struct options *options)
{
	void *at = (char *)options + row->at;

	switch (row->kind) {
	case TEXT:
		*(const char **)at = text;
		return *text != '\0';
	case NUMBER:
		return number_of(text, row->min, row->max, at);
	case FLAG:
		*(bool *)at = true;
		return true;
	default:
		return row->parse(text, options);
	}
}

static struct options options_default(void)
{
	return (struct options){
		.server = DEFAULT_SERVER,
		.endpoint = DEFAULT_ENDPOINT,
		.certificate_usage = USAGE_DOMAIN_ISSUED,
		.lifetime_s = 86400,
		.minor_version = 1,
		.preferred_format = FORMAT_NONE,
		.awake_ms = 93000,
		.retry_ms = 1000,
		.ack_timeout_ms = 2000,
		.start_rate = 100,
		.log_level = LOG_INFO,
		.se_count = 1,
		.card = card_settings_default(),
		.firmware_delivery = DELIVERY_BOTH,
		.max_request_bytes = 8192,
		.max_response_bytes = 16384,
		.seed = 1,
	};
}

static enum err check_server(const char *name, const char *uri, const char *key_name,
			     const struct secret *key, bool has_certificate, struct fault *fault)
{
	const struct scheme *scheme = scheme_of(uri);

	if (scheme == NULL)
		return fault_set(fault, ERR_MALFORMED, "--%s is not " SCHEMES_TEXT, name);
	if (scheme->is_secure && key->len == 0 && !has_certificate)
		return fault_set(fault, ERR_MALFORMED, "a %s server needs --%s or --certificate",
				 scheme->prefix, key_name);
	if (scheme->is_stream && scheme->is_secure && has_certificate)
		return fault_set(fault, ERR_MALFORMED, "--certificate is for coaps:// only");
	return ERR_NONE;
}

static enum err check_certificate(const struct options *options, struct fault *fault)
{
	const bool has_certificate = options->certificate != NULL;

	if (has_certificate != (options->certificate_key != NULL) ||
	    has_certificate != (options->server_certificate != NULL))
		return fault_set(
			fault, ERR_MALFORMED,
			"--certificate, --certificate-key and --server-certificate are given together");
	if (has_certificate && options->device_count > 0)
		return fault_set(fault, ERR_MALFORMED, "--certificate is of one device, not of a fleet");
	return ERR_NONE;
}

static enum err check(struct options *options, struct fault *fault)
{
	const bool has_certificate = options->certificate != NULL;
	enum err err = check_certificate(options, fault);

	if (err == ERR_NONE)
		err = check_server("server", options->server, "psk-key", &options->psk_key, has_certificate,
				   fault);
	if (err == ERR_NONE && options->bootstrap != NULL)
		err = check_server("bootstrap", options->bootstrap, "bootstrap-key", &options->bootstrap_key,
				   has_certificate, fault);
	if (err == ERR_NONE && options->wants_pack && options->minor_version < 2)
		err = fault_set(fault, ERR_MALFORMED, "--bootstrap-pack needs --version 1.2");
	if (err != ERR_NONE)
		return err;
	if (options->preferred_format == FORMAT_NONE)
		options->preferred_format = options->minor_version == 0 ? FORMAT_TLV : FORMAT_SENML_CBOR;
	err = check_format(options, fault);
	if (err != ERR_NONE)
		return err;
	if (options->psk_identity == NULL)
		options->psk_identity = options->endpoint;
	if (options->bootstrap_identity == NULL)
		options->bootstrap_identity = options->endpoint;
	if (options->wake_every_ms == 0)
		options->wake_every_ms = options->lifetime_s > 0 && options->lifetime_s < 4000000
						 ? options->lifetime_s * 500
						 : 43200000;
	return ERR_NONE;
}

enum err options_parse(int argc, char *const *argv, struct options *ret_options, bool *ret_wants_help,
		       struct fault *fault)
{
	struct options options = options_default();
	enum err err;

	options.arguments = (const char *const *)argv;
	*ret_wants_help = false;
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2, *equals = strchr(argv[i], '='), *text = NULL;
		const struct option_row *row;

		if (strncmp(argv[i], "--", 2) != 0)
			return fault_set(fault, ERR_MALFORMED, "\"%s\" is no option; see --help", argv[i]);
		row = row_find(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
		if (row == NULL)
			return fault_set(fault, ERR_MALFORMED, "unknown option %s; see --help", argv[i]);
		if (strcmp(row->name, "help") == 0) {
			*ret_wants_help = true;
			return ERR_NONE;
		}
		if (row->argument != NULL)
			text = equals != NULL ? equals + 1 : argv[++i];
		if ((row->argument != NULL) != (text != NULL) || (row->argument == NULL && equals != NULL))
			return fault_set(fault, ERR_MALFORMED, "--%s %s", row->name,
					 row->argument != NULL ? "needs a value" : "takes no value");
		if (!row_apply(row, text, &options))
			return fault_set(fault, ERR_MALFORMED, "--%s: the value is not %s, or out of range",
					 row->name, row->argument);
	}
	err = check(&options, fault);
	if (err == ERR_NONE)
		*ret_options = options;
	return err;
}

void options_print_help(void)
{
	printf("cardea-device: a LwM2M device with a secure element, as Cardea's tests and demo use it.\n\n"
	       "A registered device prints \"registered endpoint=NAME location=/rd/...\" on standard "
	       "output.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char left[64];
		const char *help = rows[i].help;

		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].argument == NULL ? "" : rows[i].argument);
		while (help != NULL) {
			int len = (int)strcspn(help, "\n");
			printf("  %-26s %.*s\n", left, len, help);
			left[0] = '\0';
			help = help[len] == '\n' ? help + len + 1 : NULL;
		}
	}
}
