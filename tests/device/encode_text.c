/* LwM2M Core TS 1.1, 7.4.1 plain text and 7.4.2 opaque: one value, no path. */
#include "format.h"

static const struct value *only_value(const struct records *records, struct path base)
{
	if (records->count != 1 || base.depth < 3 || !path_equal(records->at[0].path, base))
		return NULL; /* a multiple resource needs a format with instance ids */
	return &records->at[0].value;
}

enum err text_write(const struct records *records, struct path base, struct builder *b)
{
	const struct value *value = only_value(records, base);

	if (value == NULL || value->kind == KIND_NONE)
		return ERR_UNSUPPORTED;
	build_value_text(b, *value);
	return ERR_NONE;
}

enum err text_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	if (base.depth < 3)
		return fault_set(fault, ERR_UNSUPPORTED, "text/plain cannot hold more than one resource");
	records_add(records, base, (struct value){ .kind = KIND_TEXT_BYTES, .bytes = payload });
	return records->bad ? ERR_NOMEM : ERR_NONE;
}

enum err opaque_write(const struct records *records, struct path base, struct builder *b)
{
	const struct value *value = only_value(records, base);

	if (value == NULL || value->kind != KIND_OPAQUE)
		return ERR_UNSUPPORTED;
	build_bytes(b, value->bytes);
	return ERR_NONE;
}

enum err opaque_read(struct bytes payload, struct path base, struct records *records, struct fault *fault)
{
	if (base.depth < 3)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "application/octet-stream cannot hold more than one resource");
	records_add(records, base, OPAQUE_VALUE(payload));
	return records->bad ? ERR_NOMEM : ERR_NONE;
}
