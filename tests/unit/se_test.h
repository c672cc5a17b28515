/* What the tests of the Secure Element plugin share. */
#ifndef CARDEA_TESTS_SE_TEST_H
#define CARDEA_TESTS_SE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
