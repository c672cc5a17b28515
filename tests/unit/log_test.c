#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard error goes to a file while a test runs, since that is what the log writes to. */
struct capture {
	FILE *file;
	int stderr_fd;
	char text[4096];
};

static void capture_begin(struct capture *capture)
{
	capture->file = tmpfile();
	assert_non_null(capture->file);
	capture->stderr_fd = dup(STDERR_FILENO);
	dup2(fileno(capture->file), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
	size_t len;

	dup2(capture->stderr_fd, STDERR_FILENO);
	close(capture->stderr_fd);
	rewind(capture->file);
	len = fread(capture->text, 1, sizeof(capture->text) - 1, capture->file);
	capture->text[len] = 0;
	fclose(capture->file);
}

static void a_line_has_time_level_event_and_values(void **state)
{
	struct capture capture;
	int year, end = 0;

	capture_begin(&capture);
	log_warn("registration.refused", "endpoint=%s lifetime_s=%u", "urn:dev:1", 60U);
	capture_end(&capture);
	assert_int_equal(sscanf(capture.text, "%d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &year, &end), 1);
	assert_int_equal(end, (int)strlen("2024-05-01T12:00:00.000Z "));
	assert_string_equal(capture.text + end,
			    "warn registration.refused endpoint=urn:dev:1 lifetime_s=60\n");
}

static void values_from_outside_make_no_lines(void **state)
{
	struct capture capture;

	capture_begin(&capture);
	log_error("x", "endpoint=%s", "a\n2024 error y\r\x1B[2J\\");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "endpoint=a\\x0A2024 error y\\x0D\\x1B[2J\\x5C\n"));
	assert_ptr_equal(strchr(capture.text, '\n'), capture.text + strlen(capture.text) - 1);
}

static void a_line_that_is_too_long_shows_it(void **state)
{
	struct capture capture;
	char value[3000];

	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	capture_begin(&capture);
	log_error("x", "value=%s", value);
	capture_end(&capture);
	assert_int_equal(strlen(capture.text), 1024);
	assert_string_equal(capture.text + 1024 - 5, "a...\n");
}

static void writes_up_to_its_level_only(void **state)
{
	struct capture capture;

	capture_begin(&capture);
	log_debug("hidden", "a=%d", 1);
	log_set_level(LOG_DEBUG);
	log_debug("shown", "a=%d", 1);
	log_set_level(LOG_ERROR);
	log_warn("hidden", "a=%d", 1);
	log_set_level(LOG_INFO);
	capture_end(&capture);
	assert_null(strstr(capture.text, "hidden"));
	assert_non_null(strstr(capture.text, "debug shown a=1\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_values),
		cmocka_unit_test(values_from_outside_make_no_lines),
		cmocka_unit_test(a_line_that_is_too_long_shows_it),
		cmocka_unit_test(writes_up_to_its_level_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
