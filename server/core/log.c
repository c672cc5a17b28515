#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 1024

/* The one variable that belongs to the process and not to a server: standard error is one, too. */
static _Atomic enum log_level last_level = LOG_INFO;

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

struct line {
	char text[LINE_SIZE]; /* the last byte is the end's: a 0, then the line break */
	size_t len;
};

static void __attribute__((format(printf, 2, 0)))
add_formatted(struct line *line, const char *format, va_list values)
{
	size_t room = sizeof(line->text) - line->len;
	int added = vsnprintf(line->text + line->len, room, format, values);

	if (added > 0)
		line->len += (size_t)added < room ? (size_t)added : room - 1;
}

static void __attribute__((format(printf, 2, 3))) add(struct line *line, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	add_formatted(line, format, values);
	va_end(values);
}

static void add_time(struct line *line)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
	    utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

/* A value from outside must not begin a line of its own or speak to the terminal. */
static void add_escaped(struct line *line, const struct line *plain)
{
	for (size_t i = 0; i < plain->len; i++) {
		unsigned char c = (unsigned char)plain->text[i];

		if (c < ' ' || c == 0x7F || c == '\\')
			add(line, "\\x%02X", c);
		else if (line->len < sizeof(line->text) - 1)
			line->text[line->len++] = (char)c;
	}
}

static void put(const struct line *line)
{
	size_t written = 0;

	/* One write, so that lines of several threads do not mix; the rest only after a signal or on a full
	 * pipe. */
	while (written < line->len) {
		ssize_t count = write(STDERR_FILENO, line->text + written, line->len - written);

		if (count < 0 && errno != EINTR)
			return;
		written += count < 0 ? 0 : (size_t)count;
	}
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&last_level, level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
	struct line line = { .len = 0 }, values = { .len = 0 };
	va_list arguments;

	if (level > atomic_load_explicit(&last_level, memory_order_relaxed))
		return;
	va_start(arguments, format);
	add_formatted(&values, format, arguments);
	va_end(arguments);
	add_time(&line);
	add(&line, " %s %s ", level_names[level], event);
	add_escaped(&line, &values);
	if (line.len == sizeof(line.text) - 1)
		memcpy(line.text + line.len - 3, "...", 3); /* that something is missing must show */
	line.text[line.len++] = '\n';
	put(&line);
}
