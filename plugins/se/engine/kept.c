/* The kept state in bytes: one table says which field is where, in which width. */
#include "engine/kept.h"

#include <stddef.h>

#include <cardea/tlv.h>

#define KEPT_VERSION 15
#define CHOICE_LIMIT 8 /* values of enum protocol_choice */

enum width { BOOL, BYTE, ENUM, LONG, LONG_LONG };

struct field {
	size_t offset;
	enum width width;
	uint32_t limit; /* of an ENUM: values below it are valid */
};

#define FIELD(name, width, limit)                                                                            \
	{                                                                                                    \
		offsetof(struct kept, name), width, limit                                                    \
	}

static const struct field fields[] = {
	FIELD(phase, ENUM, PHASE_COUNT),
	FIELD(script_in_flight, BOOL, 2),
	FIELD(is_delivered, BOOL, 2),
	FIELD(is_observing, BOOL, 2),
	FIELD(cannot_observe, BOOL, 2),
	FIELD(is_resuming, BOOL, 2),
	FIELD(has_session, BOOL, 2),
	FIELD(request_id, LONG, 0),
	FIELD(max_request_bytes, LONG, 0),
	FIELD(max_response_bytes, LONG, 0),
	FIELD(can_go_on_after_error, BOOL, 2),
	FIELD(form, ENUM, BODY_FORM_COUNT),
	FIELD(is_selected, BOOL, 2),
	FIELD(agent_retries, BOOL, 2),
	FIELD(settings_due, BYTE, 0),
	FIELD(refusals, BYTE, 0),
	FIELD(retries, BYTE, 0),
	FIELD(sessions, LONG, 0),
	FIELD(scripts, LONG, 0),
	FIELD(executed, LONG, 0),
	FIELD(poll_ms, LONG, 0),
	FIELD(deadline_ms, LONG_LONG, 0),
	FIELD(channel, ENUM, CHANNEL_COUNT),
	FIELD(choice, ENUM, CHOICE_LIMIT),
	FIELD(announced, BYTE, 0),
	FIELD(early_version, BYTE, 0),
	FIELD(key_version, BYTE, 0),
	FIELD(level, BYTE, 0),
	FIELD(is_s16, BOOL, 2),
	FIELD(option, BYTE, 0),
	FIELD(is_option_asked, BOOL, 2),
	FIELD(mark.counter, LONG, 0),
	FIELD(mark.next_responses, BYTE, 0),
	FIELD(packet_number, LONG_LONG, 0),
	FIELD(fetch, LONG, 0),
	FIELD(is_authenticating, BOOL, 2),
	FIELD(is_remembered, BOOL, 2),
	FIELD(is_risk_accepted, BOOL, 2),
	FIELD(stage, BYTE, 0),
	FIELD(flags, LONG, 0),
	FIELD(is_unproven, BOOL, 2),
	FIELD(was_unproven, BOOL, 2),
	FIELD(has_changed, BOOL, 2),
	FIELD(is_look_old, BOOL, 2),
	FIELD(made_uncertain, BOOL, 2),
	FIELD(is_disproved, BOOL, 2),
	FIELD(action, LONG, 0),
	FIELD(position, LONG, 0),
	FIELD(blocks, LONG, 0),
	FIELD(ending, ENUM, ENDING_COUNT),
	FIELD(kind, ENUM, ERR_COUNT),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static const size_t widths[] = { [BOOL] = 1, [BYTE] = 1, [ENUM] = 1, [LONG] = 4, [LONG_LONG] = 8 };

static uint64_t field_get(const struct kept *kept, const struct field *field)
{
	const void *at = (const uint8_t *)kept + field->offset;

	switch (field->width) {
	case BOOL:
		return *(const bool *)at;
	case BYTE:
		return *(const uint8_t *)at;
	case ENUM:
		return *(const unsigned *)at;
	case LONG:
		return *(const uint32_t *)at;
	default:
		return (uint64_t) * (const int64_t *)at;
	}
}

static void field_set(struct kept *kept, const struct field *field, uint64_t value)
{
	void *at = (uint8_t *)kept + field->offset;

	switch (field->width) {
	case BOOL:
		*(bool *)at = value != 0;
		break;
	case BYTE:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case ENUM:
		*(unsigned *)at = (unsigned)value;
		break;
	case LONG:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(int64_t *)at = (int64_t)value;
		break;
	}
}

enum err kept_build(const struct kept *kept, struct arena *arena, struct bytes *ret_state)
{
	struct builder b = builder_in(arena);

	build_u8(&b, KEPT_VERSION);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		build_uint(&b, field_get(kept, &fields[i]), widths[fields[i].width]);
	build_bytes(&b, bytes_of(kept->mark.chaining, AES_BLOCK));
	build_bytes(&b, bytes_of(kept->response_chain, DES_BLOCK));
	build_lv(&b, kept->identifier);
	build_lv(&b, kept->host_challenge);
	build_u16(&b, (uint16_t)kept->opening.len);
	build_bytes(&b, kept->opening);
	build_lv(&b, bytes_of_text(kept->reason));
	for (size_t i = 0; i < KEPT_MAX_NOTES; i++) {
		build_u16(&b, (uint16_t)kept->notes[i].len);
		build_bytes(&b, kept->notes[i]);
	}
	for (size_t i = 0; i < KEPT_MAX_QUERIES; i++) {
		const struct query_answer *query = &kept->queries[i];
		build_u8(&b, (uint8_t)query->state);
		build_u8(&b, query->is_without_tags);
		build_u16(&b, query->sw);
		build_uint(&b, query->data.len, 3);
		build_bytes(&b, query->data);
	}
	return builder_bytes(&b, ret_state);
}

static bool read_query(struct reader *r, struct query_answer *ret_query)
{
	uint8_t state = read_u8(r), is_without_tags = read_u8(r);

	ret_query->state = (enum query_state)state;
	ret_query->is_without_tags = is_without_tags != 0;
	ret_query->sw = read_u16(r);
	ret_query->data = read_bytes(r, read_u24(r));
	return state < QUERY_STATE_COUNT && is_without_tags < 2;
}

enum err kept_parse(struct bytes state, struct kept *ret_kept, struct fault *fault)
{
	struct kept kept = { 0 };
	struct reader r = reader_of(state);
	uint8_t version = read_u8(&r);
	bool is_valid = true;

	if (!r.bad && version != KEPT_VERSION)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the kept state has version %u, this plugin reads %u", version,
				 KEPT_VERSION);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		uint64_t value = read_uint(&r, widths[fields[i].width]);
		is_valid = is_valid && (fields[i].limit == 0 || value < fields[i].limit);
		field_set(&kept, &fields[i], value);
	}
	struct bytes chaining = read_bytes(&r, AES_BLOCK), response_chain = read_bytes(&r, DES_BLOCK);
	kept.identifier = read_lv(&r);
	kept.host_challenge = read_lv(&r);
	kept.opening = read_bytes(&r, read_u16(&r));
	struct bytes reason = read_lv(&r);
	for (size_t i = 0; i < KEPT_MAX_NOTES; i++)
		kept.notes[i] = read_bytes(&r, read_u16(&r));
	for (size_t i = 0; i < KEPT_MAX_QUERIES; i++)
		is_valid = read_query(&r, &kept.queries[i]) && is_valid;
	is_valid = is_valid && reason.len < KEPT_REASON_SIZE && (reason.len == 0 || bytes_are_utf8(reason));
	if (!reader_done(&r) || !is_valid)
		return fault_set(fault, ERR_MALFORMED, "the kept state of %zu bytes is damaged", state.len);
	memcpy(kept.mark.chaining, chaining.at, AES_BLOCK);
	memcpy(kept.response_chain, response_chain.at, DES_BLOCK);
	if (reason.len > 0)
		memcpy(kept.reason, reason.at, reason.len);
	*ret_kept = kept;
	return ERR_NONE;
}
