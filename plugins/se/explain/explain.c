/* Lines of an explanation */
#include "explain/explain.h"

#include <stdarg.h>
#include <stdio.h>

#define INDENT         2
#define BYTES_PER_LINE 32
#define LINE_SIZE      256

static void begin_line(struct explanation *e)
{
	build_printf(e->text, "%*s", e->depth * INDENT, "");
}

void explain_line(struct explanation *e, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	begin_line(e);
	build_text(e->text, line);
	build_u8(e->text, '\n');
}

static void build_hex(struct builder *b, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		build_printf(b, "%02X", bytes.at[i]);
}

void explain_bytes(struct explanation *e, const char *name, struct bytes value)
{
	begin_line(e);
	build_printf(e->text, "%s  ", name);
	build_hex(e->text, bytes_first(value, BYTES_PER_LINE));
	build_printf(e->text, "%s(%zu %s)\n", value.len > 0 ? " " : "", value.len,
		     value.len == 1 ? "byte" : "bytes");
	e->depth++;
	for (size_t at = BYTES_PER_LINE; at < value.len; at += BYTES_PER_LINE) {
		begin_line(e);
		build_hex(e->text, bytes_first(bytes_from(value, at), BYTES_PER_LINE));
		build_u8(e->text, '\n');
	}
	e->depth--;
}
