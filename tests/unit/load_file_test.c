/* Load files: the three forms, and precisely what is wrong with others. */
#include "package/load_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zip.h>

#include <cardea/tlv.h>

#include "../e2e/cap_file.h"
#include "one_arena.h"

static struct cap_order an_order(void)
{
	return (struct cap_order){ .package_aid = hex("D07002CA44900101"),
				   .applets = { hex("D07002CA4490010101"), hex("D07002CA4490010102") },
				   .applet_count = 2,
				   .major = 1,
				   .minor = 2,
				   .code_bytes = 3000 };
}

static struct bytes an_ijc(void)
{
	const struct cap_order order = an_order();
	struct bytes file;

	assert_int_equal(cap_build_ijc(arena, &order, &file), ERR_NONE);
	return file;
}

static struct bytes a_zip(void)
{
	const struct cap_order order = an_order();
	struct bytes file;

	assert_int_equal(cap_build_zip(arena, &order, &file), ERR_NONE);
	return file;
}

static struct load_file parse(struct bytes content)
{
	struct load_file file;
	struct fault fault = { 0 };

	if (load_file_parse(content, arena, &file, &fault) != ERR_NONE)
		fail_msg("refused: %s", fault.text);
	return file;
}

static void assert_refused(struct bytes content, enum err kind, const char *words)
{
	struct load_file file;
	struct fault fault = { 0 };
	enum err err = load_file_parse(content, arena, &file, &fault);

	if (err != kind || strstr(fault.text, words) == NULL)
		fail_msg("%s: %s", err_name(err), fault.text);
}

static void assert_described(const struct load_file *file)
{
	assert_true(bytes_equal(file->aid, hex("D07002CA44900101")));
	assert_int_equal(file->applet_count, 2);
	assert_true(bytes_equal(file->applets[1], hex("D07002CA4490010102")));
	assert_int_equal(file->major, 1);
	assert_int_equal(file->minor, 2);
	assert_int_equal(file->content.at[0], 0xC4);
	assert_false(file->is_signed);
}

static void a_cap_file_is_put_into_loading_order(void **state)
{
	struct load_file file = parse(a_zip());

	assert_described(&file);
	assert_int_equal(file.form, LOAD_FILE_CAP);
	/* Header, Directory, Import, Applet: not the order of the archive */
	struct reader r = reader_of(file.block);
	static const uint8_t order[] = { 1, 2, 4, 3, 6, 7, 8, 5, 9 };
	for (size_t i = 0; i < sizeof(order); i++) {
		assert_int_equal(read_u8(&r), order[i]);
		read_bytes(&r, read_u16(&r));
	}
	assert_true(reader_done(&r));
}

static void components_one_after_another_are_taken(void **state)
{
	struct load_file file = parse(an_ijc());

	assert_described(&file);
	assert_int_equal(file.form, LOAD_FILE_IJC);
	assert_true(bytes_equal(file.block, an_ijc()));
}

static struct bytes ready_file(const char *before)
{
	struct builder b = builder_in(arena);
	struct bytes file;

	build_bytes(&b, hex(before));
	build_tlv(&b, 0xC4, an_ijc());
	assert_int_equal(builder_bytes(&b, &file), ERR_NONE);
	return file;
}

static void a_ready_load_file_is_taken_as_it_is(void **state)
{
	struct load_file file = parse(ready_file(""));

	assert_described(&file);
	assert_int_equal(file.form, LOAD_FILE_READY);
	assert_true(bytes_equal(file.content, ready_file("")));
}

static void a_signed_load_file_is_recognized(void **state)
{
	struct load_file file = parse(ready_file("E20A4F05A000000151C3010A"));

	assert_true(file.is_signed);
	assert_true(bytes_equal(file.block, an_ijc()));
}

static void a_ciphered_load_file_is_taken_unread(void **state)
{
	struct load_file file = parse(hex("E20C4F07A0000000010203C301AA"
					  "D3081122334455667788D4101122334455667788"
					  "1122334455667788"));

	assert_int_equal(file.form, LOAD_FILE_CIPHERED);
	assert_true(file.is_signed);
	assert_int_equal(file.dap_blocks.len, 14);
	assert_int_equal(file.block.len, 16);
	assert_int_equal(file.aid.len, 0);
}

static void other_files_are_refused(void **state)
{
	assert_refused(bytes_of(NULL, 0), ERR_MALFORMED, "empty");
	assert_refused(bytes_of_text("hello"), ERR_MALFORMED, "begins with 68");
	assert_refused(bytes_of_text("PK\x03\x04"), ERR_MALFORMED, "not a readable ZIP");
	assert_refused(hex("D4021234"), ERR_MALFORMED, "whole blocks");
	assert_refused(hex("D30812345678901234"), ERR_MALFORMED, "cut short");
	assert_refused(hex("D3021234D4081122334455667788"), ERR_MALFORMED, "ICV");
	assert_refused(hex("D3081122334455667788C4081122334455667788"), ERR_MALFORMED, "ICV");
	assert_refused(hex("E203C301AAC40100"), ERR_MALFORMED, "DAP");
	assert_refused(hex("C4821000AA"), ERR_MALFORMED, "cut short");
}

static void every_truncation_is_refused(void **state)
{
	struct bytes ijc = an_ijc(), ready = ready_file("");
	struct load_file file;

	for (size_t len = 0; len < ijc.len; len += len < 200 ? 1 : 97)
		assert_int_not_equal(load_file_parse(bytes_first(ijc, len), arena, &file, NULL), ERR_NONE);
	for (size_t len = 0; len < ready.len; len += len < 200 ? 1 : 97)
		assert_int_not_equal(load_file_parse(bytes_first(ready, len), arena, &file, NULL), ERR_NONE);
}

/* A copy with some bytes replaced. */
static struct bytes with(struct bytes file, size_t at, const char *bytes_hex)
{
	struct bytes copy, patch = hex(bytes_hex);

	assert_int_equal(bytes_copy(arena, file, &copy), ERR_NONE);
	assert_true(at + patch.len <= copy.len);
	memcpy((uint8_t *)(uintptr_t)copy.at + at, patch.at, patch.len);
	return copy;
}

/* Offsets in the file of an_ijc(): tag, size (2), magic (4), minor, major, flags, package minor, major, AID.
 */
static void what_is_wrong_with_the_header_is_named(void **state)
{
	struct bytes good = an_ijc();

	assert_refused(with(good, 3, "CAFEBABE"), ERR_MALFORMED, "magic CAFEBABE");
	assert_refused(with(good, 8, "03"), ERR_UNSUPPORTED, "CAP format 3.1");
	assert_refused(with(good, 9, "0C"), ERR_UNSUPPORTED, "extended");
	assert_refused(with(good, 12, "11"), ERR_MALFORMED, "within the package AID");
	assert_refused(with(good, 12, "04"), ERR_MALFORMED, "AID of 4 bytes");
}

static void sizes_that_contradict_the_directory_are_named(void **state)
{
	struct bytes good = an_ijc();
	const size_t directory = 3 + 10 + 8; /* Header before it */

	assert_int_equal(good.at[directory], 2);
	assert_refused(with(good, directory + 3 + 2 * 6, "0001"), ERR_MALFORMED,
		       "the Directory says 1 bytes of Method");
}

static void a_component_that_occurs_twice_is_named(void **state)
{
	struct builder b = builder_in(arena);
	struct bytes twice;

	build_bytes(&b, an_ijc());
	build_bytes(&b, hex("0800020000"));
	assert_int_equal(builder_bytes(&b, &twice), ERR_NONE);
	assert_refused(twice, ERR_MALFORMED, "StaticField occurs twice");
}

/* ---- archives ---- */

static struct bytes archive(const char *const *paths, const struct bytes *contents, size_t count)
{
	char path[] = "/tmp/cardea-load-file-XXXXXX";
	int fd = mkstemp(path);
	struct bytes file;

	assert_true(fd >= 0);
	close(fd);
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (size_t i = 0; i < count; i++) {
		zip_source_t *source = zip_source_buffer(zip, contents[i].at, contents[i].len, 0);
		assert_true(zip_file_add(zip, paths[i], source, ZIP_FL_ENC_UTF_8) >= 0);
	}
	assert_int_equal(zip_close(zip), 0);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint8_t *at = arena_alloc(arena, 1 << 20);
	file = bytes_of(at, fread(at, 1, 1 << 20, f));
	fclose(f);
	unlink(path);
	return file;
}

static void an_archive_without_components_is_refused(void **state)
{
	const char *paths[] = { "readme.txt" };
	struct bytes contents[] = { bytes_of_text("hello") };

	assert_refused(archive(paths, contents, 1), ERR_MALFORMED, "not a CAP file");
}

static void an_archive_of_two_packages_is_refused(void **state)
{
	const char *paths[] = { "a/javacard/Header.cap", "b/javacard/Header.cap" };
	struct bytes contents[] = { hex("0100010000"), hex("0100010000") };

	assert_refused(archive(paths, contents, 2), ERR_UNSUPPORTED, "two packages");
}

static void a_missing_component_is_named(void **state)
{
	const char *paths[] = { "a/javacard/Header.cap" };
	struct bytes contents[] = { hex("010012DECAFFED0102040201"
					"08D07002CA44900101") };

	assert_refused(archive(paths, contents, 1), ERR_MALFORMED, "component Directory is missing");
}

static void an_archive_that_unpacks_to_too_much_is_refused(void **state)
{
	const size_t len = 8 << 20;
	uint8_t *zeros = calloc(1, len);
	const char *paths[] = { "a/javacard/Method.cap" };
	struct bytes contents[] = { bytes_of(zeros, len) };

	assert_non_null(zeros);
	assert_refused(archive(paths, contents, 1), ERR_LIMIT, "unpacks to 8388608 bytes");
	free(zeros);
}

static void a_damaged_archive_is_refused(void **state)
{
	struct bytes good = a_zip();
	unsigned refused = 0;
	struct load_file file;

	/* somewhere in the compressed code */
	for (size_t at = good.len / 3; at < good.len / 2; at += 101)
		refused += load_file_parse(with(good, at, "55AA55AA"), arena, &file, NULL) != ERR_NONE;
	assert_true(refused > 0);
	assert_refused(bytes_first(good, good.len / 2), ERR_MALFORMED, "not a readable ZIP");
}

static void a_file_over_the_limit_is_refused(void **state)
{
	struct bytes large = bytes_of(arena_alloc(arena, LOAD_FILE_MAX_SIZE + 1), LOAD_FILE_MAX_SIZE + 1);

	assert_non_null(large.at);
	assert_refused(large, ERR_LIMIT, "at most");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cap_file_is_put_into_loading_order),
		cmocka_unit_test(components_one_after_another_are_taken),
		cmocka_unit_test(a_ready_load_file_is_taken_as_it_is),
		cmocka_unit_test(a_signed_load_file_is_recognized),
		cmocka_unit_test(a_ciphered_load_file_is_taken_unread),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_is_wrong_with_the_header_is_named),
		cmocka_unit_test(sizes_that_contradict_the_directory_are_named),
		cmocka_unit_test(a_component_that_occurs_twice_is_named),
		cmocka_unit_test(an_archive_without_components_is_refused),
		cmocka_unit_test(an_archive_of_two_packages_is_refused),
		cmocka_unit_test(a_missing_component_is_named),
		cmocka_unit_test(an_archive_that_unpacks_to_too_much_is_refused),
		cmocka_unit_test(a_damaged_archive_is_refused),
		cmocka_unit_test(a_file_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
