#include "gp/confirmation.h"

#include <cardea/tlv.h>

enum err confirmation_parse(struct bytes data, struct confirmation *ret_confirmation, struct fault *fault)
{
	struct confirmation c;
	struct reader r = reader_of(data);

	c.receipt = read_bytes(&r, read_ber_length(&r));
	c.signed_data = bytes_from(data, data.len - reader_left(&r));
	struct bytes counter = read_lv(&r);
	c.unique_data = read_lv(&r);
	c.token_identifier = reader_left(&r) > 0 ? read_lv(&r) : bytes_of(NULL, 0);
	c.digest = reader_left(&r) > 0 ? read_lv(&r) : bytes_of(NULL, 0);
	if (!reader_done(&r) || counter.len != 2)
		return fault_set(fault, ERR_MALFORMED, "confirmation of %zu bytes does not add up", data.len);
	c.counter = (uint16_t)(counter.at[0] << 8 | counter.at[1]);
	*ret_confirmation = c;
	return ERR_NONE;
}

enum err confirmation_of_answer(struct bytes answer, struct bytes *ret_confirmation, struct fault *fault)
{
	struct reader r = reader_of(answer);
	struct bytes confirmation = { NULL, 0 };

	if (answer.len > 0)
		confirmation = read_bytes(&r, read_ber_length(&r));
	if (!reader_done(&r))
		return fault_set(fault, ERR_MALFORMED,
				 "the answer of %zu bytes is not as long as the confirmation in it",
				 answer.len);
	*ret_confirmation = confirmation;
	return ERR_NONE;
}

enum err receipt_input(struct arena *arena, const struct confirmation *confirmation,
		       const struct receipt_subject *subject, struct bytes *ret_input)
{
	struct builder b = builder_in(arena);

	build_bytes(&b, confirmation->signed_data);
	for (size_t i = 0; i < subject->count; i++) {
		if (subject->is_update && i + 1 == subject->count) {
			build_ber_length(&b, subject->fields[i].len);
			build_bytes(&b, subject->fields[i]);
		} else {
			build_lv(&b, subject->fields[i]);
		}
	}
	return builder_bytes(&b, ret_input);
}
