#include "tolerance.h"

#include <assert.h>

/* clang-format off */
static const struct { const char *name, *text; } rules[] = {
	[TOLERANCE_VERSION_WITH_PATCH] = { "version-with-patch",
		"lwm2m has a third number, which was left out" },
	[TOLERANCE_MISSING_VERSION] = { "missing-version", "lwm2m is missing: taken for 1.0" },
	[TOLERANCE_MISSING_LIFETIME] = { "missing-lifetime", "lt is missing: taken for 86400" },
	[TOLERANCE_QUEUE_LETTER] = { "queue-letter-in-binding",
		"b has the letter Q of LwM2M 1.0: taken for the parameter Q" },
	[TOLERANCE_REGISTER_PARAMETER_IN_UPDATE] = { "register-parameter-in-update",
		"an Update repeats ep or lwm2m, which was left out" },
	[TOLERANCE_OBJECT_OUTSIDE_ROOT] = { "object-outside-root",
		"an object is listed without the alternate path: taken for one below it" },
	[TOLERANCE_BOOTSTRAP_OBJECT_LISTED] = { "bootstrap-object-listed",
		"object 0, 21 or 23 is listed, which was left out" },
	[TOLERANCE_MISSING_LINK_FORMAT] = { "missing-link-format",
		"the list of objects has no Content-Format: taken for link format" },
	[TOLERANCE_REGISTERED_AGAIN] = { "registered-again",
		"a new registration without the end of the old one, which it replaces" },
	[TOLERANCE_UPDATE_FROM_NEW_PORT] = { "update-from-new-port",
		"an Update without security came from another port: the device is reached there from now on" },
	[TOLERANCE_UPDATE_FROM_NEW_ADDRESS] = { "update-from-new-address",
		"an Update without security came from another address: the device is reached there from now on" },
	[TOLERANCE_LATE_UPDATE] = { "late-update",
		"an Update came after the lifetime: the registration goes on" },
	[TOLERANCE_NOT_LISTENING_YET] = { "not-listening-yet",
		"a request right after a Register or Update was reset: the device is spoken to again a moment later" },
	[TOLERANCE_LATE_ACK] = { "late-ack",
		"an answer came in a second acknowledgement: taken for a separate one" },
	[TOLERANCE_MISSING_CONTENT_FORMAT] = { "missing-content-format",
		"an answer has no Content-Format: read as what was asked for or, when it is one value, as text" },
	[TOLERANCE_LEGACY_CONTENT_FORMAT] = { "legacy-content-format",
		"a Content-Format of 1541 to 1543: read as the registered format that followed it" },
	[TOLERANCE_TLV_VALUE_LENGTH] = { "tlv-value-length",
		"TLV of a number or boolean in a number of bytes that it cannot have: read as the number that it is" },
	[TOLERANCE_TLV_INSTANCE_LENGTH] = { "tlv-instance-length",
		"TLV of an object instance says a wrong length: read to the end" },
	[TOLERANCE_JSON_BASE_WITHOUT_SLASH] = { "json-base-without-slash",
		"LwM2M JSON with the base name /3/0 and the name 1: taken for /3/0/1" },
	[TOLERANCE_NOTIFY_FROM_NEW_PORT] = { "notify-from-new-port",
		"a notification without security came from another port: its token names the observation" },
	[TOLERANCE_REPEATED_OBSERVE_NUMBER] = { "repeated-observe-number",
		"a new notification has the Observe number of the last one: taken for a newer one" },
};
/* clang-format on */

static_assert(sizeof(rules) / sizeof(rules[0]) == TOLERANCE_COUNT, "a row for each rule");
static_assert(TOLERANCE_COUNT <= 32, "a bit for each rule");

const char *tolerance_name(enum tolerance rule)
{
	return rules[rule].name;
}

const char *tolerance_text(enum tolerance rule)
{
	return rules[rule].text;
}
