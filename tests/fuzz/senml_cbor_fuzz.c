#include "format_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	fuzz_format(FORMAT_SENML_CBOR, bytes_of(at, len));
	fuzz_format(FORMAT_SENML_ETCH_CBOR, bytes_of(at, len));
	return 0;
}
