#include "tolerant_read.h"

#include "format_rows.h"
#include "tolerance.h"

/* Numbers from before the registration, which format_find knows. */
static bool is_legacy(uint16_t number)
{
	return number >= 1541 && number <= 1543;
}

/* clang-format off */
static const struct { uint16_t number; format_read_leniently *read; } lenient[] = {
	{ FORMAT_TLV, tlv_read_leniently },
	{ FORMAT_LWM2M_JSON, lwm2m_json_read_leniently },
};
/* clang-format on */

static enum err read_leniently(struct arena *arena, const struct model *model, struct lwm2m_path base,
			       uint16_t number, struct bytes payload, struct lwm2m_records *ret_records,
			       uint32_t *rules)
{
	for (size_t i = 0; i < sizeof(lenient) / sizeof(lenient[0]); i++) {
		if (lenient[i].number == number)
			return lenient[i].read(arena, model, base, payload, ret_records, rules);
	}
	return ERR_MALFORMED;
}

static enum err read_as(struct arena *arena, const struct model *model, struct lwm2m_path base,
			uint16_t number, struct bytes payload, struct lwm2m_records *ret_records,
			uint32_t *rules, struct fault *fault)
{
	const struct format *format = format_find(number);
	enum err err;

	if (format == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "content format %u", number);
	err = format->read(arena, model, base, payload, ret_records, fault);
	if (err == ERR_MALFORMED)
		err = read_leniently(arena, model, base, format->number, payload, ret_records, rules);
	if (err == ERR_NONE && is_legacy(number))
		*rules |= TOLERANCE_BIT(TOLERANCE_LEGACY_CONTENT_FORMAT);
	return err;
}

/* One value without a format is most likely what was asked for, else text: what lwm2m-node-lib sends always.
 */
static enum err read_unsaid(struct arena *arena, const struct model *model, struct lwm2m_path base,
			    uint16_t asked, struct bytes payload, struct lwm2m_records *ret_records,
			    uint32_t *rules, struct fault *fault)
{
	enum err err = ERR_UNSUPPORTED;

	if (asked != FORMAT_NONE)
		err = read_as(arena, model, base, asked, payload, ret_records, rules, fault);
	if ((err == ERR_MALFORMED || err == ERR_UNSUPPORTED) && base.depth >= 3)
		err = text_read(arena, model, base, payload, ret_records, NULL);
	if (err == ERR_UNSUPPORTED)
		return fault_set(fault, err, "the answer does not say its content format");
	if (err == ERR_NONE)
		*rules |= TOLERANCE_BIT(TOLERANCE_MISSING_CONTENT_FORMAT);
	return err;
}

enum err tolerant_read(struct arena *arena, const struct model *model, struct lwm2m_path base, uint16_t said,
		       uint16_t asked, struct bytes payload, struct lwm2m_records *ret_records,
		       uint32_t *rules, struct fault *fault)
{
	struct fault why = { 0 };
	enum err err = said == FORMAT_NONE
			       ? read_unsaid(arena, model, base, asked, payload, ret_records, rules, &why)
			       : read_as(arena, model, base, said, payload, ret_records, rules, &why);

	if (err != ERR_NONE)
		fault_set(fault, err, "%s", why.text[0] != 0 ? why.text : err_name(err));
	return err;
}
