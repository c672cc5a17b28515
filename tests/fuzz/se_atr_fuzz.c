/* The answer to reset of a card. */
#include "fuzz.h"
#include "inventory/atr.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct atr_channels channels;

	if (atr_channels(bytes_of(at, len), &channels) == ERR_NONE)
		require(channels.count >= 1 && channels.count <= 8);
	return 0;
}
