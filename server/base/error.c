#include <cardea/error.h>

#include <stdarg.h>
#include <stdio.h>

#define COAP_CODE(class, detail) ((class) << 5 | (detail))

struct err_row {
	const char *name;
	uint8_t coap_code;
	uint16_t http_status;
};

/* clang-format off */
static const struct err_row rows[ERR_COUNT] = {
	[ERR_NONE]        = { "none",        COAP_CODE(2, 5),  200 },
	[ERR_MALFORMED]   = { "malformed",   COAP_CODE(4, 0),  400 },
	[ERR_UNSUPPORTED] = { "unsupported", COAP_CODE(4, 15), 415 },
	[ERR_NOT_FOUND]   = { "not-found",   COAP_CODE(4, 4),  404 },
	[ERR_CONFLICT]    = { "conflict",    COAP_CODE(4, 9),  409 },
	[ERR_DENIED]      = { "denied",      COAP_CODE(4, 1),  403 },
	[ERR_LIMIT]       = { "limit",       COAP_CODE(4, 13), 413 },
	[ERR_LOCK_RISK]   = { "lock-risk",   COAP_CODE(4, 9),  409 },
	[ERR_TIMEOUT]     = { "timeout",     COAP_CODE(5, 4),  504 },
	[ERR_UNAVAILABLE] = { "unavailable", COAP_CODE(5, 3),  503 },
	[ERR_NOMEM]       = { "no-memory",   COAP_CODE(5, 0),  500 },
	[ERR_IO]          = { "io",          COAP_CODE(5, 0),  500 },
	[ERR_INTERNAL]    = { "internal",    COAP_CODE(5, 0),  500 },
};
/* clang-format on */

/* A number that is no kind is our mistake, and is answered as one. */
static const struct err_row *row_of(enum err kind)
{
	return (unsigned)kind < ERR_COUNT ? &rows[kind] : &rows[ERR_INTERNAL];
}

const char *err_name(enum err kind)
{
	return row_of(kind)->name;
}

uint8_t err_coap_code(enum err kind)
{
	return row_of(kind)->coap_code;
}

uint16_t err_http_status(enum err kind)
{
	return row_of(kind)->http_status;
}

static void __attribute__((format(printf, 4, 0)))
fault_note(struct fault *fault, enum err kind, size_t offset, const char *format, va_list arguments)
{
	if (fault == NULL || fault->kind != ERR_NONE)
		return;
	fault->kind = kind;
	fault->offset = offset;
	vsnprintf(fault->text, sizeof(fault->text), format, arguments);
}

enum err fault_set(struct fault *fault, enum err kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fault_note(fault, kind, 0, format, arguments);
	va_end(arguments);
	return kind;
}

enum err fault_set_at(struct fault *fault, enum err kind, size_t offset, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fault_note(fault, kind, offset, format, arguments);
	va_end(arguments);
	return kind;
}
