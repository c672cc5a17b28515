/* What tests of pure code share: an arena for each of them, and bytes. */
#ifndef CARDEA_TESTS_UNIT_ARENA_SUPPORT_H
#define CARDEA_TESTS_UNIT_ARENA_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cardea/bytes.h>

/* An arena in *state, for each test: IN_ARENA(name) is its row. */
int open_arena(void **state);
int close_arena(void **state);
#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

/* Bytes of a test, in the arena; blanks in the digits are left out. */
struct bytes hex(struct arena *arena, const char *digits);
void assert_bytes(struct bytes actual, struct bytes expected);
void assert_text(struct bytes actual, const char *expected);

#endif
