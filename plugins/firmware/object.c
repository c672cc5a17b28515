/* LwM2M Core TS 1.1, E.6: LwM2M Object: Firmware Update */
#include "object.h"

#define RESULT_MAX 11 /* 10 and 11 came with version 1.1 of the object */

/* clang-format off */
static const char *const states[STATE_COUNT] = {
	[STATE_IDLE]        = "idle",
	[STATE_DOWNLOADING] = "downloading",
	[STATE_DOWNLOADED]  = "downloaded",
	[STATE_UPDATING]    = "updating",
};

static const struct {
	enum err kind;
	const char *text;
} results[RESULT_MAX + 1] = {
	[0]  = { ERR_NONE,        "no result yet" },
	[1]  = { ERR_NONE,        "the firmware was updated" },
	[2]  = { ERR_LIMIT,       "there is not enough flash memory for the package" },
	[3]  = { ERR_LIMIT,       "there was not enough RAM during the download" },
	[4]  = { ERR_UNAVAILABLE, "the connection was lost during the download" },
	[5]  = { ERR_MALFORMED,   "the integrity check of the package failed" },
	[6]  = { ERR_UNSUPPORTED, "the type of the package is not supported" },
	[7]  = { ERR_MALFORMED,   "the URI of the package is invalid" },
	[8]  = { ERR_CONFLICT,    "the firmware update failed" },
	[9]  = { ERR_UNSUPPORTED, "the protocol of the URI is not supported" },
	[10] = { ERR_CONFLICT,    "the update was cancelled" },
	[11] = { ERR_CONFLICT,    "the update was deferred" },
};
/* clang-format on */

const char *state_text(enum firmware_state state)
{
	return state < STATE_COUNT ? states[state] : "unknown";
}

const char *result_text(uint8_t result)
{
	return result <= RESULT_MAX ? results[result].text : "it gives a result that no specification has";
}

enum err result_kind(uint8_t result)
{
	return result <= RESULT_MAX ? results[result].kind : ERR_MALFORMED;
}

void view_copy_version(struct bytes text, char to[static VERSION_SIZE])
{
	struct bytes fitting = bytes_first(text, VERSION_SIZE - 1);

	while (fitting.len > 0 && !bytes_are_utf8(fitting))
		fitting = bytes_first(fitting, fitting.len - 1);
	if (fitting.len > 0)
		memcpy(to, fitting.at, fitting.len);
	to[fitting.len] = '\0';
}

static uint32_t read_protocols(struct lwm2m_records records)
{
	uint32_t protocols = 0;
	bool has_any = false;

	for (size_t i = 0; i < records.count; i++) {
		const struct lwm2m_record *record = &records.at[i];
		const struct lwm2m_records one = { record, 1 };

		if (record->path.depth != 4 || record->path.object != 5 ||
		    record->path.resource != FIRMWARE_PROTOCOLS)
			continue;
		int64_t number = lwm2m_integer(one, record->path, -1);
		has_any = true;
		if (number >= 0 && number < 32)
			protocols |= UINT32_C(1) << number;
	}
	/* Without the resource a device that pulls speaks the protocol that it is managed with. [ours] */
	return has_any ? protocols
		       : 1u << PROTOCOL_COAP | 1u << PROTOCOL_COAPS | 1u << PROTOCOL_COAP_TCP |
				 1u << PROTOCOL_COAP_TLS;
}

enum err view_read(struct lwm2m_records records, struct view *view, struct fault *fault)
{
	int64_t state = lwm2m_integer(records, FIRMWARE(FIRMWARE_STATE), -1);
	int64_t result = lwm2m_integer(records, FIRMWARE(FIRMWARE_RESULT), -1);
	int64_t delivery = lwm2m_integer(records, FIRMWARE(FIRMWARE_DELIVERY), DELIVERS_BY_BOTH);

	if (state < 0 || state >= STATE_COUNT)
		return fault_set(fault, ERR_MALFORMED, "/5/0/3 is none of the states 0 to 3");
	if (result < 0 || result > UINT8_MAX)
		return fault_set(fault, ERR_MALFORMED, "/5/0/5 is not an update result");
	if (delivery < DELIVERS_BY_PULL || delivery > DELIVERS_BY_BOTH)
		return fault_set(fault, ERR_MALFORMED, "/5/0/9 is none of the delivery methods 0 to 2");
	view->has_object = true;
	view->state = (enum firmware_state)state;
	view->result = (uint8_t)result;
	view->delivery = (uint8_t)delivery;
	view->protocols = read_protocols(records);
	view->has_severity = lwm2m_find(records, FIRMWARE(FIRMWARE_SEVERITY)) != NULL;
	view->has_max_defer = lwm2m_find(records, FIRMWARE(FIRMWARE_MAX_DEFER)) != NULL;
	view_copy_version(lwm2m_bytes(records, FIRMWARE(FIRMWARE_PACKAGE_VERSION)), view->package_version);
	return ERR_NONE;
}
