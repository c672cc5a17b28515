/* What a card answers to a delegated change. */
#include "fuzz.h"
#include "gp/confirmation.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct arena *arena = arena_create(1 << 20);
	struct bytes data, input;
	struct confirmation confirmation;

	require(arena != NULL);
	if (confirmation_of_answer(bytes_of(at, len), &data, NULL) == ERR_NONE &&
	    confirmation_parse(data, &confirmation, NULL) == ERR_NONE) {
		const struct receipt_subject subject = { .fields = { confirmation.unique_data }, .count = 1 };
		require(confirmation.receipt.len + confirmation.signed_data.len < data.len);
		require(receipt_input(arena, &confirmation, &subject, &input) == ERR_NONE);
		require(input.len == confirmation.signed_data.len + 1 + confirmation.unique_data.len);
	}
	arena_free(arena);
	return 0;
}
