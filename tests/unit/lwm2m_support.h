/* What the tests of server/lwm2m share. */
#ifndef CARDEA_TESTS_UNIT_LWM2M_SUPPORT_H
#define CARDEA_TESTS_UNIT_LWM2M_SUPPORT_H

#include <stdio.h>

#include <cardea/lwm2m.h>

#include "arena_support.h"
#include "model.h"

/* An object with one resource of each type, 0 to 8 in the order of enum lwm2m_type from STRING on, an
 * executable 9, and with instances 10 integer, 11 string, 12 objlnk. Ranges: 0 has 0..8 octets, 1 -10..10, 3
 * 0.0..1.0, 5 2..4 octets. */
#define TEST_OBJECT 42769
extern const char test_definition[];
/* The caller frees it. */
struct model *test_model(void);

#endif
