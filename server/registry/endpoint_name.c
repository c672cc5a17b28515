#include "endpoint_name.h"

enum err endpoint_name_of(struct arena *arena, struct bytes asked, const char *identity,
			  struct bytes *ret_endpoint, struct fault *fault)
{
	struct bytes known = bytes_of_text(identity);

	if (asked.len == 0 && known.len == 0)
		return fault_set(fault, ERR_MALFORMED, "ep is missing");
	if (asked.len > MAX_ENDPOINT_BYTES)
		return fault_set(fault, ERR_MALFORMED, "ep is longer than %d bytes", MAX_ENDPOINT_BYTES);
	if (!bytes_are_utf8(asked))
		return fault_set(fault, ERR_MALFORMED, "ep is not UTF-8");
	if (known.len > 0 && asked.len > 0 && !bytes_equal(asked, known))
		return fault_set(fault, ERR_MALFORMED, "ep is not the endpoint name of the credential");
	return bytes_copy(arena, asked.len > 0 ? asked : known, ret_endpoint);
}
