/* What every fuzz target offers: to libFuzzer, or to replay.c, which runs a corpus in the ordinary tests. */
#ifndef CARDEA_TESTS_FUZZ_H
#define CARDEA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* Stays in a release build, where assert would go. */
static inline void require(int is_true)
{
	if (!is_true)
		abort();
}

#endif
