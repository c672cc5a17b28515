/* What the fuzz targets of content formats share: a payload is read at several paths, with and without
 * definitions, written from what it gave, and read again as the same; and by the rules of tolerance. */
#ifndef CARDEA_TESTS_FUZZ_FORMAT_FUZZ_H
#define CARDEA_TESTS_FUZZ_FORMAT_FUZZ_H

#include "fuzz.h"

#include "format.h"

void fuzz_format(uint16_t number, struct bytes payload);

#endif
