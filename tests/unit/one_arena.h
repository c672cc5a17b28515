/* One arena for a program or for each of its cases, and bytes in it. */
#ifndef CARDEA_TESTS_UNIT_ONE_ARENA_H
#define CARDEA_TESTS_UNIT_ONE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cardea/bytes.h>

extern struct arena *arena;
/* For cmocka: of the group, or of a case. */
int open_arena(void **state);
int close_arena(void **state);

struct bytes hex(const char *text);

#endif
