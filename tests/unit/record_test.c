#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH (UINT64_C(1) << 48)

/* Two ends of a session. */
struct ends {
	struct record_ciphers *ciphers;
	struct record_state here, there;
};

static void set_ends(struct ends *ends, uint16_t suite)
{
	const struct record_direction a = { .key = "0123456789abcde", .salt = "abc" };
	const struct record_direction b = { .key = "fedcba987654321", .salt = "xyz" };

	ends->here = (struct record_state){
		.cipher = record_cipher_of(ends->ciphers, suite),
		.in = a,
		.out = b,
		.next_out = EPOCH + 2,
		.newest_in = EPOCH + 1,
		.seen_in = UINT64_MAX,
	};
	ends->there = ends->here;
	ends->there.in = b;
	ends->there.out = a;
	assert_non_null(ends->here.cipher);
}

static int open_ends(void **state)
{
	static struct ends ends;

	assert_int_equal(record_ciphers_create(&ends.ciphers), ERR_NONE);
	set_ends(&ends, 0xC0A8);
	*state = &ends;
	return 0;
}

static int close_ends(void **state)
{
	struct ends *ends = *state;

	record_ciphers_free(ends->ciphers);
	return 0;
}

static size_t seal(struct record_state *from, const char *text, uint8_t *to)
{
	return record_seal(from, RECORD_APPLICATION, bytes_of_text(text), to);
}

/* The text of a record; NULL: dropped. */
static const char *open_record(struct record_state *to, const uint8_t *at, size_t len)
{
	static char text[256];
	struct reader r = reader_of(bytes_of(at, len));
	struct record record;
	size_t text_len;

	if (!record_read(&r, &record) || !record_open(to, &record, (uint8_t *)text, &text_len))
		return NULL;
	text[text_len] = 0;
	return text;
}

static void every_suite_goes_both_ways(void **state)
{
	static const struct {
		uint16_t suite;
		size_t overhead;
	} rows[] = { { 0xC0A8, 13 + 8 + 8 }, { 0xC0A4, 13 + 8 + 16 }, { 0x00A8, 13 + 8 + 16 } };
	struct ends *ends = *state;
	uint8_t record[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_ends(ends, rows[i].suite);
		for (int round = 0; round < 3; round++) {
			size_t len = seal(&ends->here, "question", record);
			assert_int_equal(len, 8 + rows[i].overhead);
			assert_string_equal(open_record(&ends->there, record, len), "question");
			len = seal(&ends->there, "", record);
			assert_int_equal(len, rows[i].overhead);
			assert_string_equal(open_record(&ends->here, record, len), "");
		}
	}
	assert_null(record_cipher_of(ends->ciphers, 0x00AE)); /* CBC stays with OpenSSL */
}

static void changed_record_is_dropped(void **state)
{
	struct ends *ends = *state;
	uint8_t record[256];
	size_t len = seal(&ends->here, "question", record);

	for (size_t i = 0; i < len; i++) {
		record[i] ^= 1;
		assert_null(open_record(&ends->there, record, len));
		record[i] ^= 1;
	}
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_null(open_record(&ends->there, record, shorter));
	assert_string_equal(open_record(&ends->there, record, len), "question");
}

static void record_is_taken_once(void **state)
{
	struct ends *ends = *state;
	uint8_t records[100][64];
	size_t len = 0;

	for (int i = 0; i < 100; i++)
		len = seal(&ends->here, "x", records[i]);
	assert_non_null(open_record(&ends->there, records[70], len));
	assert_null(open_record(&ends->there, records[70], len));
	assert_non_null(open_record(&ends->there, records[7], len)); /* 63 before the newest */
	assert_null(open_record(&ends->there, records[7], len));
	assert_null(open_record(&ends->there, records[6], len)); /* too long ago to know */
	assert_non_null(open_record(&ends->there, records[71], len));
	assert_null(open_record(&ends->there, records[70], len));
	assert_non_null(open_record(&ends->there, records[8], len));
	assert_null(open_record(&ends->there, records[7], len));
	assert_non_null(open_record(&ends->there, records[99], len));
	assert_null(open_record(&ends->there, records[71], len));
	assert_non_null(open_record(&ends->there, records[72], len));
}

static void leap_of_the_numbers_forgets_what_was_before(void **state)
{
	struct ends *ends = *state;
	uint8_t old[64], record[64];
	size_t len = seal(&ends->here, "x", old);

	ends->here.next_out = EPOCH + 1000000;
	seal(&ends->here, "x", record);
	assert_non_null(open_record(&ends->there, record, len));
	assert_null(open_record(&ends->there, old, len));
	assert_null(open_record(&ends->there, record, len));
}

static void what_openssl_has_seen_does_not_count_again(void **state)
{
	struct ends *ends = *state;
	uint8_t record[64];

	ends->here.next_out = EPOCH;
	size_t len = seal(&ends->here, "x", record);
	assert_null(open_record(&ends->there, record, len));
	len = seal(&ends->here, "x", record);
	assert_null(open_record(&ends->there, record, len));
	len = seal(&ends->here, "x", record);
	assert_non_null(open_record(&ends->there, record, len));
}

static void record_of_another_epoch_is_dropped(void **state)
{
	struct ends *ends = *state;
	uint8_t record[64];

	ends->here.next_out = 2 * EPOCH;
	assert_int_equal(seal(&ends->here, "x", record), 0);
	ends->here.next_out = 5;
	size_t len = seal(&ends->here, "x", record);
	assert_int_not_equal(len, 0);
	assert_null(open_record(&ends->there, record, len));
}

static void numbers_are_never_used_twice(void **state)
{
	struct ends *ends = *state;
	uint8_t record[64];

	ends->here.next_out = 2 * EPOCH - 1;
	assert_int_not_equal(seal(&ends->here, "x", record), 0);
	assert_int_equal(seal(&ends->here, "x", record), 0);
	assert_int_equal(seal(&ends->here, "x", record), 0);
}

#define WITH_ENDS(test) cmocka_unit_test_setup_teardown(test, open_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ENDS(every_suite_goes_both_ways),
		WITH_ENDS(changed_record_is_dropped),
		WITH_ENDS(record_is_taken_once),
		WITH_ENDS(leap_of_the_numbers_forgets_what_was_before),
		WITH_ENDS(what_openssl_has_seen_does_not_count_again),
		WITH_ENDS(record_of_another_epoch_is_dropped),
		WITH_ENDS(numbers_are_never_used_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
